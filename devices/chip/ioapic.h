/* SPDX-License-Identifier: MIT */
/*
 * ioapic.h: an I/O APIC in user space, in front of local APICs that take messages.
 *
 * It says version 0x20, whose EOI register lets a guest that has turned off EOI broadcasts in its
 * local APIC end an interrupt here. A broadcast and a write of that register for the same interrupt
 * do no more than either alone, so it does not matter which of them the layer below lets through.
 */
#ifndef CHIP_IOAPIC_H
#define CHIP_IOAPIC_H

#include "vmm/device.h"
#include "vmm/irq.h"
#include "vmm/timer.h"

struct error;
struct ioapic;

/* Indices of device.regions. */
enum ioapic_region {
	IOAPIC_MMIO, /* 0x1000 bytes of memory, 32-bit registers, usually at 0xfec00000 */
	IOAPIC_REGION_CNT,
};

#define IOAPIC_LINES 24u

/*
 * A level-triggered interrupt that is still asserted after this many EOIs in a row is held back for
 * IOAPIC_STORM_NS before it is sent again, so that a guest which cannot quiet it makes progress.
 */
#define IOAPIC_STORM_EOIS 10000u
#define IOAPIC_STORM_NS   (10 * NSEC_PER_MSEC)

struct ioapic_config {
	const char *id;  /* "ioapic0" */
	uint8_t apic_id; /* power-on value of the ID register, 0..15 */
	struct vclock *clock;
	struct msi_sink *sink; /* called with the IOAPIC's lock held */
};

int ioapic_create(const struct ioapic_config *c, struct ioapic **ret,
		  struct error **errp) __must_check;

/* The device to map, reset, stop, save and destroy (ops->destroy frees the ioapic). Loading a state
 * calls the sink's route() for every pin. */
struct device *ioapic_device(struct ioapic *io);

/*
 * The wire of input pin @pin, 0..23. Wires are logical: irq_set(true) asserts, whatever polarity
 * the guest has programmed; the board's tables tell it which one to program. Any thread.
 * irq_trigger_fd() is for edge-triggered devices only: what comes in by the descriptor does not
 * pass through the pin's Remote IRR.
 */
struct irq_line *ioapic_line(struct ioapic *io, unsigned pin);

/*
 * An EOI broadcast: some CPU has ended level-triggered interrupt @vector. A pin that is still
 * asserted is sent again, once. Takes the IOAPIC's lock; from a vCPU thread.
 */
void ioapic_eoi(struct ioapic *io, uint8_t vector);

#endif
