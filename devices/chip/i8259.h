/* SPDX-License-Identifier: MIT */
/*
 * i8259.h: the PC's pair of 8259A interrupt controllers and their edge/level control registers, as
 * one device. The slave's INT is wired to the master's IR2, the master's to the CPU's INTR pin.
 */
#ifndef CHIP_I8259_H
#define CHIP_I8259_H

#include "vmm/device.h"
#include "vmm/irq.h"

struct error;
struct i8259;

/* Indices of device.regions; all are byte-wide port ranges of 2. */
enum i8259_region {
	I8259_MASTER, /* 0x20: A0 = 0; 0x21: A0 = 1 */
	I8259_SLAVE,  /* 0xa0, 0xa1 */
	I8259_ELCR,   /* 0x4d0: IRQ 3..7; 0x4d1: IRQ 9..12, 14, 15; set = level-triggered */
	I8259_REGION_CNT,
};

#define I8259_LINES 16

struct i8259_config {
	const char *id; /* "pic0" */
	/*
	 * The CPU's INTR pin. intr() is called on every change, with the PIC's lock held, from
	 * whatever thread caused it: it must not block and must not call back into this device.
	 */
	struct cpu_intr cpu;
};

/* Creates the pair in its power-on state: INTR low until the guest has sent ICW1..ICW4. */
int i8259_create(const struct i8259_config *c, struct i8259 **ret,
		 struct error **errp) __must_check;

/* The device to map, reset, save and destroy (ops->destroy frees the i8259). */
struct device *i8259_device(struct i8259 *pic);

/*
 * The wire of IRQ @n, 0..15. IRQ 2 does not exist on a PC (the slave sits there): its wire leads
 * nowhere. Set from any thread; takes the PIC's lock, nothing else but what intr() takes.
 */
struct irq_line *i8259_line(struct i8259 *pic, unsigned n);

/*
 * The CPU's INTA cycles: moves the highest request into service and returns its vector, 0..255. If
 * the request has gone away meanwhile that is the vector of IR7, with nothing in service: the
 * spurious interrupt of the data sheet. Takes the PIC's lock; any thread, usually the vCPU's.
 */
int i8259_ack(struct i8259 *pic);

#endif
