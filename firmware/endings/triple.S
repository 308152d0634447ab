/* SPDX-License-Identifier: MIT */
/* triple.S: an exception with an IDT of no length. */
#include "firmware/endings/ending.h"

	ENDING
	lidt	no_idt
	ud2
	HANG
	.balign	4
no_idt:	.word	0, 0, 0
	ENDING_END
