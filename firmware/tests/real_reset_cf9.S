/* SPDX-License-Identifier: MIT */
/* real_reset_cf9.S: resets through the reset control register: SRST, then RCPU rising. */
#include "firmware/tests/guest.h"

	REAL_START
	SAY	"reset by 0xcf9\n"
	OUTB	RESET_CTL, 2
	OUTB	RESET_CTL, 6
	EXIT	FAIL(0)
	REAL_END
