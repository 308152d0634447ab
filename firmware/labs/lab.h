/* SPDX-License-Identifier: MIT */
/*
 * lab.h: what the guests of the course share: the board's ports, and how to switch it off.
 *
 * Guests written for real mode are loaded at 0x7c00, where a BIOS would put a boot sector, and
 * entered there with nothing set up. The others say what they begin with.
 */
#ifndef FIRMWARE_LABS_LAB_H
#define FIRMWARE_LABS_LAB_H

#define PIC1     0x20 /* the first 8259, command; data is the next port */
#define PIC2     0xa0
#define PIT_CH0  0x40
#define PIT_CMD  0x43
#define POST     0x80 /* a BIOS says here how far it has come */
#define DEBUGCON 0xe9
#define COM1     0x3f8
#define UART_THR (COM1 + 0)
#define UART_IER (COM1 + 1)
#define UART_IIR (COM1 + 2) /* read */
#define UART_FCR (COM1 + 2) /* write */
#define UART_MCR (COM1 + 4)
#define UART_LSR (COM1 + 5)
#define LSR_THRE 0x20
#define PM1_CNT  0x604

/* ACPI 4.8.3.2.1: SLP_TYP of this board's "soft off" is 5, SLP_EN starts it. */
#define S5_OFF (5 << 10 | 1 << 13)

/* The end of a guest: ACPI's way to switch a machine off. Clobbers ax, dx. */
.macro POWER_OFF
	mov	$S5_OFF, %ax
	mov	$PM1_CNT, %dx
	out	%ax, %dx
.endm

.macro OUTB port, value
	mov	$\value, %al
	mov	$\port, %dx
	out	%al, %dx
.endm

#endif
