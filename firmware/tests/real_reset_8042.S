/* SPDX-License-Identifier: MIT */
/* real_reset_8042.S: resets by pulsing output line 0 of the keyboard controller. */
#include "firmware/tests/guest.h"

	REAL_START
	SAY	"reset by 8042\n"
	OUTB	KBD_CMD, 0xfe
	EXIT	FAIL(0)
	REAL_END
