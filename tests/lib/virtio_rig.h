/* SPDX-License-Identifier: MIT */
/*
 * virtio_rig.h: a virtio device on a bench: guest memory, a loop with its thread, a transport on
 * its bus, and a guest that reaches the device by register accesses alone. One test drives all
 * transports.
 *
 *	struct virtio_rig g;
 *	vrig_init(&g, VRIG_PCI);
 *	...create a device on g.gm and g.loop...
 *	vrig_plug(&g, &dev->v);
 *	vrig_start(&g);
 *	vrig_probe(&g, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);     (to DRIVER_OK)
 *	gd_add(&g.q[0], ...); vrig_kick(&g, 0); ... vrig_next_used(&g, 0, &u) ...
 *	vrig_stop(&g);                                               (no thread from here on)
 *	...
 *	vrig_unplug(&g);
 *	...destroy the device...
 *	vrig_fini(&g);
 */
#ifndef TESTS_VIRTIO_RIG_H
#define TESTS_VIRTIO_RIG_H

#include "tests/lib/fake_virtio.h"
#include "tests/lib/guest_driver.h"
#include "tests/lib/pci_rig.h"

enum vrig_kind {
	VRIG_MMIO,
	VRIG_PCI, /* interrupts by MSI-X: vector 0 for the configuration, 1 + n for queue n */
	VRIG_INTX /* a PCI bus without messages */
};

#define VRIG_MMIO_BASE UINT64_C(0xd0000000)
#define VRIG_QUEUES    8u

/* What both transports have, each in its place. */
enum vrig_reg {
	VRIG_DEVICE_FEATURES_SEL,
	VRIG_DEVICE_FEATURES,
	VRIG_DRIVER_FEATURES_SEL,
	VRIG_DRIVER_FEATURES,
	VRIG_STATUS,
	VRIG_GENERATION,
	VRIG_QUEUE_SEL,
	VRIG_QUEUE_MAX,  /* reads */
	VRIG_QUEUE_SIZE, /* writes */
	VRIG_QUEUE_ENABLE,
	VRIG_QUEUE_RESET,
	VRIG_DESC_LO,
	VRIG_DESC_HI,
	VRIG_DRIVER_LO,
	VRIG_DRIVER_HI,
	VRIG_DEVICE_LO,
	VRIG_DEVICE_HI,
	VRIG_REGS
};

/* A wire that the loop drives while the test looks at it. */
struct vrig_wire {
	_Atomic bool level;
	_Atomic unsigned rises;
};

struct virtio_rig {
	enum vrig_kind kind;
	struct guest_mem *gm;
	struct loop *loop;
	struct virtio_device *v;
	struct device *xport; /* the transport's */
	bool threaded;
	struct ev_fd mark; /* see vrig_settle() */
	_Atomic unsigned marks;

	struct virtio_mmio *mmio;
	struct irq_line irq;
	struct vrig_wire wire;
	struct pci_rig pci;
	struct virtio_pci *func;
	unsigned slot;
	uint64_t mem, io;          /* BARs */
	uint32_t common, isr, cfg; /* offsets in BAR 0, as the capabilities say */
	_Atomic unsigned msi[VRIG_QUEUES + 1];

	struct fake_bells bells;
	bool notify_mem; /* PCI: use the second notification capability */
	unsigned exits;  /* notifications that no doorbell took */
	struct guest_driver q[VRIG_QUEUES];
};

void vrig_init(struct virtio_rig *g, enum vrig_kind kind);
/* Creates the transport for @v, on its bus and reset; what a driver does to find it is done. */
void vrig_plug(struct virtio_rig *g, struct virtio_device *v);
/* Starts the device, then a thread for the loop. */
void vrig_start(struct virtio_rig *g);
/* Ends the thread, stops the device. */
void vrig_stop(struct virtio_rig *g);
void vrig_unplug(struct virtio_rig *g);
void vrig_fini(struct virtio_rig *g);

/* --- the guest -------------------------------------------------------------------------------- */

uint32_t vrig_read(struct virtio_rig *g, enum vrig_reg reg);
void vrig_write(struct virtio_rig *g, enum vrig_reg reg, uint32_t val);
uint64_t vrig_config(struct virtio_rig *g, unsigned off, unsigned size);
void vrig_config_write(struct virtio_rig *g, unsigned off, unsigned size, uint64_t val);

uint64_t vrig_offered(struct virtio_rig *g);
/* 3.1.1 as far as FEATURES_OK; returns the status that is read back then. */
uint8_t vrig_negotiate(struct virtio_rig *g, uint64_t features);
/* Sets up queue @n with @ring and enables it. */
void vrig_set_queue(struct virtio_rig *g, unsigned n, const struct vring_addr *ring);
/* All of 3.1.1: g->q[] get rings of half the largest size, for every queue there is. */
void vrig_probe(struct virtio_rig *g, uint64_t features);
/* As a driver that gives up: status 0, and it must read back 0. */
void vrig_reset(struct virtio_rig *g);

/* Writes the notification, wherever it goes. */
void vrig_notify(struct virtio_rig *g, unsigned n);
/* gd_kick(), and the notification if the device asked for it. */
void vrig_kick(struct virtio_rig *g, unsigned n);
/* Waits, at most five seconds, for the next used chain of queue @n. */
void vrig_next_used(struct virtio_rig *g, unsigned n, struct gd_used *u);
/* On return the loop has handled everything that came before. */
void vrig_settle(struct virtio_rig *g);
/* Interrupts seen: of queue @n, of the configuration. Without MSI-X: the wire's, of either. */
unsigned vrig_queue_irqs(struct virtio_rig *g, unsigned n);
unsigned vrig_config_irqs(struct virtio_rig *g);
/* ISR status, and clears it as the transport has it. */
uint8_t vrig_take_isr(struct virtio_rig *g);

/* --- with a fake device ----------------------------------------------------------------------- */

/* From nothing to a fake device that is started; and back, when it has been told nothing wrong and
 * holds no chain. */
struct fake_virtio *vrig_up(struct virtio_rig *g, enum vrig_kind kind);
void vrig_down(struct virtio_rig *g, struct fake_virtio *f);
/* A chain on queue @n: @val to read, and room to echo it into. Returns where that is. */
gpa_t vrig_add(struct virtio_rig *g, unsigned n, uint32_t val);
/* The same in eight bytes at @at. */
gpa_t vrig_add_at(struct virtio_rig *g, unsigned n, uint32_t val, gpa_t at);
/* The next used chain of queue @n is that, and @val is there. */
void vrig_expect(struct virtio_rig *g, unsigned n, gpa_t out, uint32_t val);

#endif
