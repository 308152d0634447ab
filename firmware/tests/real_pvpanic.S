/* SPDX-License-Identifier: MIT */
/* real_pvpanic.S: says through pvpanic that it has panicked (PVPANIC_PANICKED). */
#include "firmware/tests/guest.h"

	REAL_START
	SAY	"panicking\n"
	mov	$PVPANIC, %dx
	in	%dx, %al /* "supported events": bit 0 */
	test	$1, %al
	FAIL_IF	z, 0
	OUTB	PVPANIC, 1
	EXIT	FAIL(1)
	REAL_END
