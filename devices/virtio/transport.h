/* SPDX-License-Identifier: MIT */
/*
 * transport.h: what both transports have: selectors, interrupt status bits that drive a wire, and
 * doorbells that are attached once a driver uses them.
 */
#ifndef DEVICES_VIRTIO_TRANSPORT_H
#define DEVICES_VIRTIO_TRANSPORT_H

#include "virtio/virtio.h"
#include "vmm/doorbell.h"
#include "vmm/lock.h"

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

/* The registers that both transports have. First in the state of each. */
struct virtio_transport {
	struct device dev;
	struct virtio_xport xport;
	struct virtio_isr isr;

	/* what a snapshot holds, see VIRTIO_TRANSPORT_SNAP() */
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint8_t isr_bits; /* copy of isr.bits */
};

/*
 * A device "disk0-pci", where @suffix is "pci", for the zeroed @t and the device @v. The caller
 * attaches it with virtio_attach() when nothing can fail any more.
 */
void virtio_transport_init(struct virtio_transport *t, const struct device_ops *ops,
			   struct virtio_device *v, const char *suffix, struct io_region *regions,
			   unsigned region_cnt, void (*drive)(struct virtio_isr *i, bool level));
void virtio_transport_fini(struct virtio_transport *t);
/* Power-on values of the registers above. The device is reset before: no completion of an earlier
 * life then comes after interrupt status was cleared. */
void virtio_transport_clear(struct virtio_transport *t);
/* device_ops.stop of a transport. */
void virtio_transport_stop(struct device *d);

/* The queue that the driver has selected; NULL: there is none, or (_open) its setup is frozen. */
struct virtio_queue *virtio_selected(struct virtio_transport *t);
struct virtio_queue *virtio_selected_open(struct virtio_transport *t);

static inline void virtio_set_low(gpa_t *a, uint32_t val)
{
	*a = (*a & ~UINT64_C(0xffffffff)) | val;
}

static inline void virtio_set_high(gpa_t *a, uint32_t val)
{
	*a = (*a & UINT64_C(0xffffffff)) | (uint64_t)val << 32;
}

void virtio_transport_pre_save(struct virtio_transport *t);
int virtio_transport_post_load(struct virtio_transport *t, struct error **errp) __must_check;

/* clang-format off */
#define VIRTIO_TRANSPORT_SNAP(S, t)                                                                \
	SNAP(S, t.device_features_sel, 1), SNAP(S, t.driver_features_sel, 1),                      \
	SNAP(S, t.queue_sel, 1), SNAP(S, t.isr_bits, 1)
/* clang-format on */

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
