/* SPDX-License-Identifier: MIT */
/* pass.S: exit code 0. */
#include "firmware/endings/ending.h"

	ENDING
	SAY_COM1 "passing\r\n"
	EXIT_WITH 0
	ENDING_END
