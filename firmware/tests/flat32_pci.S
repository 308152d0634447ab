/* SPDX-License-Identifier: MIT */
/* flat32_pci.S: configuration space of the host bridge by ports and by memory; what is not there
 * reads as ones, and what is read-only stays. */
#include "firmware/tests/guest.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA    0xcfc
#define ENABLE         0x80000000
#define ECAM           0xc0000000
#define HOST_BRIDGE    0x00081b36

.macro OUTL port, value
	mov	$\value, %eax
	mov	$\port, %dx
	out	%eax, %dx
.endm

.macro INL port
	mov	$\port, %dx
	in	%dx, %eax
.endm

	FLAT32_START
	OUTL	CONFIG_ADDRESS, ENABLE
	OUTB	CONFIG_ADDRESS + 3, 1 /* no dword: not for the bridge */
	INL	CONFIG_ADDRESS
	cmp	$ENABLE, %eax
	FAIL_IF	ne, 0
	INL	CONFIG_DATA
	cmp	$HOST_BRIDGE, %eax
	FAIL_IF	ne, 1
	mov	$CONFIG_DATA + 2, %dx
	in	%dx, %ax
	cmp	$HOST_BRIDGE >> 16, %ax
	FAIL_IF	ne, 2
	OUTL	CONFIG_DATA, 0
	cmpl	$HOST_BRIDGE, ECAM
	FAIL_IF	ne, 3
	cmpw	$0x0600, ECAM + 10 /* class: host bridge */
	FAIL_IF	ne, 4
	movl	$-1, ECAM
	movb	$0, ECAM + 1
	INL	CONFIG_DATA
	cmp	$HOST_BRIDGE, %eax
	FAIL_IF	ne, 5

	/* An empty slot, another function, another bus. */
	OUTL	CONFIG_ADDRESS, ENABLE | 31 << 11
	INL	CONFIG_DATA
	cmp	$-1, %eax
	FAIL_IF	ne, 6
	OUTL	CONFIG_ADDRESS, ENABLE | 1 << 8
	INL	CONFIG_DATA
	cmp	$-1, %eax
	FAIL_IF	ne, 7
	OUTL	CONFIG_ADDRESS, ENABLE | 1 << 16
	INL	CONFIG_DATA
	cmp	$-1, %eax
	FAIL_IF	ne, 8
	cmpl	$-1, ECAM + (31 << 15)
	FAIL_IF	ne, 9
	cmpl	$-1, ECAM + (1 << 20)
	FAIL_IF	ne, 10

	/* Disabled: nobody. */
	OUTL	CONFIG_ADDRESS, 0
	INL	CONFIG_DATA
	cmp	$-1, %eax
	FAIL_IF	ne, 11

	/* Cache Line Size by one door, seen through the other. */
	movb	$16, ECAM + 0x0c
	OUTL	CONFIG_ADDRESS, ENABLE | 0x0c
	INL	CONFIG_DATA
	cmp	$16, %eax
	FAIL_IF	ne, 12

	/* The reset register is a byte of the address. */
	OUTL	CONFIG_ADDRESS, ENABLE | 0x0600
	INB	RESET_CTL
	cmp	$0, %al
	FAIL_IF	ne, 13
	SAY	"PCI\n"
	EXIT	PASS
	FLAT32_END
