/* SPDX-License-Identifier: MIT */
/* real_reset_92.S: resets through bit 0 of port 0x92. */
#include "firmware/tests/guest.h"

	REAL_START
	SAY	"reset by port 0x92\n"
	INB	SYSCTL_A
	and	$0xfe, %al
	out	%al, %dx
	or	$1, %al
	out	%al, %dx
	EXIT	FAIL(0)
	REAL_END
