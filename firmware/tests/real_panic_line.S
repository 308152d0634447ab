/* SPDX-License-Identifier: MIT */
/* real_panic_line.S: a kernel's panic line on its console, and then nothing more. */
#include "firmware/tests/guest.h"

	REAL_START
	SAY_COM1 "booting\r\nKernel panic - not syncing: test\r\n"
	SAY_COM1 "---[ end Kernel panic - not syncing: test ]---\r\n"
1:	cli
	hlt
	jmp	1b
	REAL_END
