/* SPDX-License-Identifier: MIT */
/* skip.S: exit code 77, which says that there was nothing to test. */
#include "firmware/endings/ending.h"

	ENDING
	SAY_COM1 "skipping\r\n"
	EXIT_WITH 77
	ENDING_END
