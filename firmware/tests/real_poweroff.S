/* SPDX-License-Identifier: MIT */
/* real_poweroff.S: ACPI S5 through PM1a_CNT (ACPI 6.4, 4.8.3.2.1). */
#include "firmware/tests/guest.h"

	REAL_START
	SAY	"off\n"
	/* Another sleep type than S5, and S5 without SLP_EN, do nothing. */
	mov	$PM1A_CNT, %dx
	mov	$(1 << 10 | 1 << 13), %ax
	out	%ax, %dx
	mov	$(5 << 10), %ax
	out	%ax, %dx
	SAY	"still here\n"
	mov	$PM1A_CNT, %dx
	mov	$S5_OFF, %ax
	out	%ax, %dx
	EXIT	FAIL(0)
	REAL_END
