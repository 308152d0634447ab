/* SPDX-License-Identifier: MIT */
/* poweroff.S: powers off without a word. */
#include "firmware/endings/ending.h"

	ENDING
	mov	$PM1A_CNT, %dx
	mov	$S5_OFF, %ax
	out	%ax, %dx
	HANG
	ENDING_END
