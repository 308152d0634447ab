/* SPDX-License-Identifier: MIT */
/* fail.S: exit code 3. */
#include "firmware/endings/ending.h"

	ENDING
	SAY_COM1 "failing\r\n"
	EXIT_WITH 3
	ENDING_END
