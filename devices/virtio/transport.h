/* SPDX-License-Identifier: MIT */
/*
 * transport.h: what both transports have: interrupt status bits that drive a wire, and doorbells
 * that are attached once a driver uses them.
 */
#ifndef DEVICES_VIRTIO_TRANSPORT_H
#define DEVICES_VIRTIO_TRANSPORT_H

#include "vmm/doorbell.h"
#include "vmm/lock.h"

struct virtio_device;

/*
 * ISR status (4.1.4.5), InterruptStatus (4.2.2). The loop sets bits, vCPUs clear them; the lock
 * makes bits and wire change as one, so that the wire is high exactly while a bit is set. Leaf but
 * for what drive() takes.
 */
struct virtio_isr {
	struct mutex lock;
	uint8_t bits GUARDED_BY(lock);
	void (*drive)(struct virtio_isr *i, bool level);
};

void virtio_isr_init(struct virtio_isr *i, void (*drive)(struct virtio_isr *i, bool level));
void virtio_isr_fini(struct virtio_isr *i);
/* Any thread. */
void virtio_isr_set(struct virtio_isr *i, uint8_t bits);
/* Clears those of @bits that are set; returns what was set before. Any thread. */
uint8_t virtio_isr_clear(struct virtio_isr *i, uint8_t bits);
uint8_t virtio_isr_get(struct virtio_isr *i);

/*
 * The notification addresses of a device's queues in one place (an I/O BAR, a memory BAR, the
 * QueueNotify register). Attaching a doorbell makes the host's kernel wait for all CPUs, and most
 * are never rung (unused queues, the other BAR): each is attached when the first notification has
 * come the long way. All functions with the control lock held, or while the machine does not run.
 */
struct virtio_bells {
	struct virtio_device *vdev;
	struct doorbell_host *host; /* NULL: all notifications take the long way */
	struct doorbell first;      /* of queue 0; addr as long as it is mapped */
	unsigned stride;            /* bytes to the next; 0: the value says which queue */
	bool on;                    /* the device runs */
	bool mapped;
	uint64_t attached; /* a bit per queue */
	uint64_t refused;  /* the host could not: it is not asked again before the next change */
};

/* Queue @n was notified by a register write: rings, and attaches its doorbell for the next time. */
void virtio_bells_ring(struct virtio_bells *b, uint32_t n);
/* The device runs, or no longer does. */
void virtio_bells_switch(struct virtio_bells *b, bool on);
/* The register of queue 0 is now at @addr, or nowhere. */
void virtio_bells_move(struct virtio_bells *b, bool mapped, gpa_t addr);

#endif
