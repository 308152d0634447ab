/* SPDX-License-Identifier: MIT */
/* hang.S: a boot that gets nowhere, and says nothing of it. */
#include "firmware/endings/ending.h"

	ENDING
	HANG
	ENDING_END
