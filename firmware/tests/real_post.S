/* SPDX-License-Identifier: MIT */
/* real_post.S: a hundred times two POST codes, and a page written in front of each. */
#include "firmware/tests/guest.h"

	REAL_START
	mov	$100, %cx
	mov	$1, %al
1:	movb	%al, 0x9000
	out	%al, $0x80
	movb	%al, 0xb000
	inc	%al
	out	%al, $0x80
	dec	%al
	loop	1b
	EXIT	PASS
	REAL_END
