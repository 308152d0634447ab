/* SPDX-License-Identifier: MIT */
/* real_hello.S: prints on the debug console and on COM1, with and without a newline at the end. */
#include "firmware/tests/guest.h"

	REAL_START
	SAY	"hello from port 0xe9\n"
	SAY_COM1 "hello from COM1\r\nno newline here"
	EXIT	PASS
	REAL_END
