/* SPDX-License-Identifier: MIT */
/*
 * Lab 1: the smallest guest. One instruction that a guest may not simply have, and a jump, should
 * somebody wake it: f4 eb fd.
 */
	.code16
	.globl	_start
_start:	hlt
	jmp	_start
