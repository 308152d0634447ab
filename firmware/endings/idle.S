/* SPDX-License-Identifier: MIT */
/* idle.S: speaks once, and then no more. */
#include "firmware/endings/ending.h"

	ENDING
	SAY_COM1 "waiting for something\r\n"
	HANG
	ENDING_END
