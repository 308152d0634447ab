/* SPDX-License-Identifier: MIT */
/* pvpanic.S: a panic that only the pvpanic port says. */
#include "firmware/endings/ending.h"

	ENDING
	OUTB	PVPANIC, 1
	HANG
	ENDING_END
