/* SPDX-License-Identifier: MIT */
/* real_spin.S: never leaves the CPU: only a timeout ends it. */
#include "firmware/tests/guest.h"

	REAL_START
	SAY	"busy\n"
	cli
1:	jmp	1b
	REAL_END
