/* SPDX-License-Identifier: MIT */
/*
 * virtio.h: a driver of virtio devices, small enough to read: virtio 1.2, 2.7 (split virtqueues)
 * and 4.2 (the MMIO transport). For one queue, without interrupt suppression.
 */
#ifndef FIRMWARE_LABS_VIRTIO_H
#define FIRMWARE_LABS_VIRTIO_H

#include <stdint.h>

#define QUEUE_SIZE 4u

/* 2.7.5: a buffer in memory. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
#define DESC_NEXT  1u /* the chain goes on at .next */
#define DESC_WRITE 2u /* the device writes to it */

/* 2.7.6: the driver's ring: heads of chains that the device may take. */
struct avail {
	uint16_t flags, idx, ring[QUEUE_SIZE];
};
/* 2.7.8: the device's ring: chains it is done with, and how much it has written. */
struct used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[QUEUE_SIZE];
};

/* Where they are: pages of their own, which are zero when the machine starts. */
static struct desc *const desc = (struct desc *)0x200000;
static volatile struct avail *const avail = (struct avail *)0x201000;
static volatile struct used *const used = (struct used *)0x202000;
static uint8_t *const buffers = (uint8_t *)0x203000;

/* --- ports and the 8259 ----------------------------------------------------------------------- */

static inline void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline void say(const char *text)
{
	while (*text)
		out8(0xe9, (uint8_t)*text++);
}

static inline void say_number(unsigned v)
{
	if (v > 9)
		say_number(v / 10);
	out8(0xe9, (uint8_t)('0' + v % 10));
}

/* ACPI 4.8.3.2.1: soft off. */
static inline void power_off(void)
{
	out16(0x604, 5 << 10 | 1 << 13);
}

/* Sleeps until an interrupt comes, which must be the device's (interrupt.S). */
void wait_for_interrupt(void);
void interrupts_init(void);

/* --- registers (4.2.2) ------------------------------------------------------------------------ */

/* Where this board has its first virtio device with --virtio mmio, and the IRQ of that. */
#define VIRTIO_BASE 0xfe000000u
#define VIRTIO_IRQ  5u

enum reg {
	MAGIC = 0x00,
	DEVICE_ID = 0x08,
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30,
	QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50,
	INTERRUPT_STATUS = 0x60,
	INTERRUPT_ACK = 0x64,
	STATUS = 0x70,
	QUEUE_DESC = 0x80,
	QUEUE_DRIVER = 0x90,
	QUEUE_DEVICE = 0xa0,
};

static inline uint32_t reg_read(enum reg r)
{
	return *(volatile uint32_t *)(VIRTIO_BASE + r);
}

static inline void reg_write(enum reg r, uint32_t v)
{
	*(volatile uint32_t *)(VIRTIO_BASE + r) = v;
}

/* 2.1: device status, the bits in the order in which a driver sets them. */
#define S_ACKNOWLEDGE 1u
#define S_DRIVER      2u
#define S_FEATURES_OK 8u
#define S_DRIVER_OK   4u
#define S_NEEDS_RESET 0x40u

/* 3.1.1, steps 1 to 8. Of features only that it is virtio 1 (bit 32). */
static inline void virtio_init(void)
{
	reg_write(STATUS, 0);
	reg_write(STATUS, S_ACKNOWLEDGE);
	reg_write(STATUS, S_ACKNOWLEDGE | S_DRIVER);
	reg_write(DRIVER_FEATURES_SEL, 1);
	reg_write(DRIVER_FEATURES, 1);
	reg_write(STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK);
	reg_write(QUEUE_SEL, 0);
	reg_write(QUEUE_NUM, QUEUE_SIZE);
	reg_write(QUEUE_DESC, (uint32_t)desc);
	reg_write(QUEUE_DRIVER, (uint32_t)avail);
	reg_write(QUEUE_DEVICE, (uint32_t)used);
	reg_write(QUEUE_READY, 1);
	reg_write(STATUS, S_ACKNOWLEDGE | S_DRIVER | S_FEATURES_OK | S_DRIVER_OK);
}

#endif
