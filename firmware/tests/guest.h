/* SPDX-License-Identifier: MIT */
/*
 * guest.h: what the test guests share: ports, a verdict, printing, and for 32-bit guests an IDT.
 *
 * Every guest ends by a verdict of its own choice, PASS or FAIL(n) through the debug-exit port, or
 * in the way it is there to test. Real-mode guests (real_*.S) are linked and loaded at 0x7c00;
 * flat32_* and flat64_* at 1 MiB. The 32-bit ones carry a Multiboot header and so run unchanged on
 * other machines, which shows whose fault a failure is.
 */
#ifndef FIRMWARE_TESTS_GUEST_H
#define FIRMWARE_TESTS_GUEST_H

#define COM1       0x3f8
#define UART_DATA  (COM1+0)
#define UART_IER   (COM1+1)
#define UART_IIR   (COM1+2)
#define UART_LCR   (COM1+3)
#define UART_MCR   (COM1+4)
#define UART_LSR   (COM1+5)
#define UART_SCR   (COM1+7)
#define LSR_DR     0x01
#define LSR_THRE   0x20
#define MCR_OUT2   0x08
#define MCR_LOOP   0x10
#define PIC1       0x20
#define PIC2       0xa0
#define PIT_CH0    0x40
#define PIT_CMD    0x43
#define KBD_CMD    0x64
#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71
#define SYSCTL_A   0x92
#define DEBUGCON   0xe9
#define DEBUG_EXIT 0xf4
#define PVPANIC    0x505
#define PM1A_CNT   0x604
#define RESET_CTL  0xcf9
#define NO_PORT    0x1f00 /* nobody answers there */

#define IOAPIC 0xfec00000
#define LAPIC  0xfee00000
#define HOLE   0xd0000000 /* nobody answers there either */

/* _S5_ is 5: SLP_TYPa << 10 | SLP_EN */
#define S5_OFF (5 << 10 | 1 << 13)

/* Exit status is value * 2 + 1: 85, and 101 + 2 * n. */
#define PASS    42
#define FAIL(n) 50+n /* no blanks: gas would take them for the ends of arguments */

/* Ends the run, or hangs where nobody listens. */
.macro EXIT value
	mov	$\value, %al
	out	%al, $DEBUG_EXIT
9999:	cli
	hlt
	jmp	9999b
.endm

/* Ends the run with FAIL(n) if the condition code holds. */
.macro FAIL_IF cc, n
	j\cc	9998f
	jmp	9997f
9998:	EXIT	FAIL(\n)
9997:
.endm

.macro OUTB port, value
	mov	$\value, %al
	mov	$\port, %dx
	out	%al, %dx
.endm

.macro INB port
	mov	$\port, %dx
	in	%dx, %al
.endm

/* Text to the debug console; to COM1, waiting for THRE. Both clobber eax, edx, esi. */
.macro SAY text
	jmp	9996f
9995:	.asciz	"\text"
9996:	mov	$9995b, %esi
	call	say
.endm

.macro SAY_COM1 text
	jmp	9996f
9995:	.asciz	"\text"
9996:	mov	$9995b, %esi
	call	say_com1
.endm

.macro SUBROUTINES
say:	cld
1:	lodsb
	test	%al, %al
	jz	2f
	out	%al, $DEBUGCON
	jmp	1b
2:	ret

say_com1:
	cld
1:	mov	$UART_LSR, %dx
	in	%dx, %al
	test	$LSR_THRE, %al
	jz	1b
	lodsb
	test	%al, %al
	jz	2f
	mov	$UART_DATA, %dx
	out	%al, %dx
	jmp	1b
2:	ret
.endm

/* Real mode: segments 0, stack below the image. */
.macro REAL_START
	.code16
	.globl	_start
_start:	cli
	ljmp	$0, $9994f
9994:	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$0x7c00, %sp
	cld
.endm

/* The last two bytes of a boot sector, so that a BIOS would start it too. */
.macro REAL_END
	SUBROUTINES
	.org	510
	.word	0xaa55
.endm

/* Multiboot 0.6.96 section 3.1: flag 16, the addresses are here. */
#define MB_MAGIC 0x1badb002
#define MB_FLAGS 0x00010000

.macro FLAT32_START
	.code32
	.globl	_start
_start:	jmp	9994f
	.balign	4
mb:	.long	MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)
	.long	mb, _start, 0, 0, 9994f
9994:	cli
	cld
	mov	$stack_top, %esp
.endm

/* A GDT of our own (the loader's selectors are not promised): code 0x08, data 0x10. */
.macro LOAD_GDT
	lgdt	gdtr
	ljmp	$0x08, $9993f
9993:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
.endm

/* Vector -> handler in the IDT, a 32-bit interrupt gate. Clobbers eax, edi. */
.macro SET_GATE vector, handler
	mov	$\handler, %eax
	mov	$idt + 8 * \vector, %edi
	mov	%ax, (%edi)
	movw	$0x08, 2(%edi)
	movw	$0x8e00, 4(%edi)
	shr	$16, %eax
	mov	%ax, 6(%edi)
.endm

/*
 * The end of a handler. Instead of IRET, which KVM's instruction emulator does not know outside of
 * real mode (and on some hosts it is all there is): same ring, same code segment, and of the flags
 * only IF mattered. STI holds until RET is done, which drops CS and EFLAGS.
 */
.macro RETURN_FROM_IRQ
	sti
	ret	$8
.endm

/* ICW1..4: edge, cascaded, vectors 0x20 and 0x28, 8086 mode; then the masks. */
.macro INIT_PIC mask1, mask2
	OUTB	PIC1, 0x11
	OUTB	PIC1 + 1, 0x20
	OUTB	PIC1 + 1, 0x04
	OUTB	PIC1 + 1, 0x01
	OUTB	PIC2, 0x11
	OUTB	PIC2 + 1, 0x28
	OUTB	PIC2 + 1, 0x02
	OUTB	PIC2 + 1, 0x01
	OUTB	PIC1 + 1, \mask1
	OUTB	PIC2 + 1, \mask2
.endm

/* Waits in HLT, interrupts on, until the counter at \count is at least \n. An edge between the
 * comparison and HLT is not lost: STI holds interrupts off for one instruction. */
.macro WAIT_COUNT count, n
9992:	cli
	cmpl	$\n, \count
	jae	9991f
	sti
	hlt
	jmp	9992b
9991:	cli
.endm

.macro FLAT32_END
	SUBROUTINES
	.balign	16
gdt:	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
gdtr:	.word	. - gdt - 1
	.long	gdt
	.balign	8
idtr:	.word	256 * 8 - 1
	.long	idt
	.balign	16
idt:	.fill	256 * 8, 1, 0
	.balign	16
	.fill	4096, 1, 0
stack_top:
.endm

#endif
