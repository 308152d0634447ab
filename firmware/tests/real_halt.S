/* SPDX-License-Identifier: MIT */
/* real_halt.S: sleeps for ever with interrupts off: only a timeout ends it. */
#include "firmware/tests/guest.h"

	REAL_START
	SAY	"asleep\n"
1:	cli
	hlt
	jmp	1b
	REAL_END
