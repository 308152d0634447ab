/* SPDX-License-Identifier: MIT */
/* nowhere.S: jumps to where there is no memory: KVM can neither run nor emulate that. */
#include "firmware/endings/ending.h"

	ENDING
	mov	$HOLE, %eax
	jmp	*%eax
	ENDING_END
