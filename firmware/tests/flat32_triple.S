/* SPDX-License-Identifier: MIT */
/* flat32_triple.S: a triple fault: an exception with an IDT of no length. */
#include "firmware/tests/guest.h"

	FLAT32_START
	SAY	"falling\n"
	lidt	no_idt
	ud2
	EXIT	FAIL(0)
	.balign	4
no_idt:	.word	0, 0, 0
	FLAT32_END
