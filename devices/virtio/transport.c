/* SPDX-License-Identifier: MIT */
/* transport.c: selectors, interrupt status and doorbells, which both virtio transports have. */
#include "devices/virtio/transport.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"

/* --- interrupt status ------------------------------------------------------------------------- */

void virtio_isr_init(struct virtio_isr *i, void (*drive)(struct virtio_isr *i, bool level))
{
	mutex_init(&i->lock);
	i->drive = drive;
}

void virtio_isr_fini(struct virtio_isr *i)
{
	mutex_destroy(&i->lock);
}

/* The wire is driven when it changes: behind it are locks, and with KVM's own chips a system call.
 */
static uint8_t change(struct virtio_isr *i, uint8_t clear, uint8_t set)
{
	uint8_t old;

	mutex_lock(&i->lock);
	old = i->bits;
	i->bits = (uint8_t)((old & ~clear) | set);
	if (!old != !i->bits)
		i->drive(i, i->bits);
	mutex_unlock(&i->lock);
	return old;
}

void virtio_isr_set(struct virtio_isr *i, uint8_t bits)
{
	change(i, 0, bits);
}

uint8_t virtio_isr_clear(struct virtio_isr *i, uint8_t bits)
{
	return change(i, bits, 0);
}

uint8_t virtio_isr_get(struct virtio_isr *i)
{
	uint8_t bits;

	mutex_lock(&i->lock);
	bits = i->bits;
	mutex_unlock(&i->lock);
	return bits;
}

/* --- registers -------------------------------------------------------------------------------- */

static struct virtio_transport *to_transport(struct device *d)
{
	return container_of(d, struct virtio_transport, dev);
}

void virtio_transport_init(struct virtio_transport *t, const struct device_ops *ops,
			   struct virtio_device *v, const char *suffix, struct io_region *regions,
			   unsigned region_cnt, void (*drive)(struct virtio_isr *i, bool level))
{
	char id[sizeof(t->dev.id)];

	snprintf(id, sizeof(id), "%.*s-%s", (int)(sizeof(id) - 2 - strlen(suffix)), v->dev.id,
		 suffix);
	device_init(&t->dev, ops, id, regions, region_cnt);
	virtio_isr_init(&t->isr, drive);
	t->xport.vdev = v;
}

void virtio_transport_fini(struct virtio_transport *t)
{
	virtio_isr_fini(&t->isr);
}

void virtio_transport_clear(struct virtio_transport *t)
{
	t->device_features_sel = t->driver_features_sel = t->queue_sel = 0;
	virtio_isr_clear(&t->isr, UINT8_MAX);
}

void virtio_transport_stop(struct device *d)
{
	virtio_dev_stop(&to_transport(d)->xport.vdev->dev);
}

struct virtio_queue *virtio_selected(struct virtio_transport *t)
{
	return virtio_get_queue(t->xport.vdev, t->queue_sel);
}

struct virtio_queue *virtio_selected_open(struct virtio_transport *t)
{
	struct virtio_queue *q = virtio_selected(t);

	return q && virtio_queue_is_open(t->xport.vdev, q) ? q : NULL;
}

void virtio_transport_pre_save(struct virtio_transport *t)
{
	t->isr_bits = virtio_isr_get(&t->isr);
}

int virtio_transport_post_load(struct virtio_transport *t, struct error **errp)
{
	if (t->isr_bits & ~(VIRTIO_ISR_QUEUE | VIRTIO_ISR_CONFIG))
		return err_set(errp, EINVAL, "the saved state of '%s' has unknown interrupts",
			       t->dev.id);
	/* Driven in any case: what else was loaded may have left the wire anywhere. */
	mutex_lock(&t->isr.lock);
	t->isr.bits = t->isr_bits;
	t->isr.drive(&t->isr, t->isr.bits);
	mutex_unlock(&t->isr.lock);
	return 0;
}

/* --- doorbells -------------------------------------------------------------------------------- */

_Static_assert(VIRTIO_QUEUES_MAX <= 64, "a bit per queue");

static struct doorbell bell_of(const struct virtio_bells *b, unsigned n)
{
	struct doorbell d = b->first;

	d.addr += (gpa_t)n * b->stride;
	d.value = b->stride ? 0 : n;
	d.efd = b->vdev->queue[n].kick.fd;
	return d;
}

static void detach_all(struct virtio_bells *b)
{
	for (unsigned n = 0; b->attached; n++) {
		if (b->attached & BIT64(n)) {
			struct doorbell d = bell_of(b, n);

			b->host->ops->detach(b->host, &d);
			b->attached &= ~BIT64(n);
		}
	}
	b->refused = 0;
}

static void attach(struct virtio_bells *b, uint32_t n)
{
	struct doorbell d = bell_of(b, n);

	if (b->host->ops->attach(b->host, &d) == 0)
		b->attached |= BIT64(n);
	else
		b->refused |= BIT64(n);
}

void virtio_bells_ring(struct virtio_bells *b, uint32_t n)
{
	const struct virtio_queue *q = virtio_get_queue(b->vdev, n);

	if (!q)
		return;
	if (b->host && b->on && b->mapped && q->enabled && !((b->attached | b->refused) & BIT64(n)))
		attach(b, n);
	virtio_ring(b->vdev, n);
}

void virtio_bells_switch(struct virtio_bells *b, bool on)
{
	b->on = on;
	if (!on)
		detach_all(b);
}

void virtio_bells_move(struct virtio_bells *b, bool mapped, gpa_t addr)
{
	if (b->mapped == mapped && (!mapped || b->first.addr == addr))
		return;
	detach_all(b);
	b->mapped = mapped;
	if (mapped)
		b->first.addr = addr;
}
