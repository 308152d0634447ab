/* SPDX-License-Identifier: MIT */
/* panic.S: a panic on the console, as Linux prints it, and then nothing more. */
#include "firmware/endings/ending.h"

	ENDING
	SAY_AT	text
	HANG
text:	.ascii	"[    0.000000] Linux version 0.0.0 (nobody@nowhere)\r\n"
	.ascii	"[    1.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009\r\n"
	.ascii	"[    1.000001] CPU: 0 PID: 1 Comm: init Not tainted 0.0.0 #1\r\n"
	.ascii	"[    1.000002] Call Trace:\r\n"
	.ascii	"[    1.000003]  <TASK>\r\n"
	.ascii	"[    1.000004]  panic+0x2f/0x4d\r\n"
	.ascii	"[    1.000005]  </TASK>\r\n"
	.asciz	"[    1.000006] ---[ end Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009 ]---\r\n"
	ENDING_END
