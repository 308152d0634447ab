/* SPDX-License-Identifier: MIT */
/* reset.S: resets the machine, as often as it is let. */
#include "firmware/endings/ending.h"

	ENDING
	OUTB	RESET_CTL, 6
	HANG
	ENDING_END
