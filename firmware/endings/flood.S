/* SPDX-License-Identifier: MIT */
/* flood.S: lines without end. */
#include "firmware/endings/ending.h"

	ENDING
1:	SAY_COM1 "still here\r\n"
	jmp	1b
	ENDING_END
