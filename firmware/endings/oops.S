/* SPDX-License-Identifier: MIT */
/* oops.S: a complaint on the console, as Linux prints it; then a verdict that is worth nothing. */
#include "firmware/endings/ending.h"

	ENDING
	SAY_AT	text
	EXIT_WITH 0
text:	.ascii	"[    0.000000] Linux version 0.0.0 (nobody@nowhere)\r\n"
	.ascii	"[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000010\r\n"
	.ascii	"[    1.000001] #PF: supervisor read access in kernel mode\r\n"
	.ascii	"[    1.000002] Oops: 0000 [#1] PREEMPT SMP NOPTI\r\n"
	.ascii	"[    1.000003] CPU: 0 PID: 71 Comm: sh Not tainted 0.0.0 #1\r\n"
	.ascii	"[    1.000004] RIP: 0010:nothing_at_all+0x1/0x2\r\n"
	.ascii	"[    1.000005] Call Trace:\r\n"
	.ascii	"[    1.000006]  nothing_much+0x3/0x4\r\n"
	.ascii	"[    1.000007] ---[ end trace 0000000000000000 ]---\r\n"
	.asciz	"all is well\r\n"
	ENDING_END
