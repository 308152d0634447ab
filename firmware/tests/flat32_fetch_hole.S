/* SPDX-License-Identifier: MIT */
/* flat32_fetch_hole.S: jumps to where there is no memory: KVM can neither run nor emulate that. */
#include "firmware/tests/guest.h"

	FLAT32_START
	SAY	"jumping\n"
	mov	$HOLE, %eax
	jmp	*%eax
	FLAT32_END
