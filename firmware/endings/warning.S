/* SPDX-License-Identifier: MIT */
/* warning.S: a warning on the console, as Linux prints it; then a verdict. */
#include "firmware/endings/ending.h"

	ENDING
	SAY_AT	text
	EXIT_WITH 0
text:	.ascii	"[    0.000000] Linux version 0.0.0 (nobody@nowhere)\r\n"
	.ascii	"[    1.000000] ------------[ cut here ]------------\r\n"
	.ascii	"[    1.000001] WARNING: CPU: 0 PID: 71 at kernel/nothing.c:1 nothing_at_all+0x1/0x2\r\n"
	.ascii	"[    1.000002] Modules linked in:\r\n"
	.asciz	"[    1.000003] ---[ end trace 0000000000000000 ]---\r\n"
	ENDING_END
