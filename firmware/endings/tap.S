/* SPDX-License-Identifier: MIT */
/* tap.S: a case that failed, and a verdict that does not know of it. */
#include "firmware/endings/ending.h"

	ENDING
	SAY_AT	text
	EXIT_WITH 0
text:	.ascii	"KTAP version 1\r\n1..2\r\nok 1 good\r\n"
	.asciz	"# bad: EXPECTATION FAILED\r\nnot ok 2 bad\r\n"
	ENDING_END
