/* SPDX-License-Identifier: MIT */
/* loan.c: queues that somebody else serves for a while, see virtio.h. */
#include <errno.h>

#include "virtio/virtio.h"
#include "vmm/error.h"
#include "vmm/log.h"

static struct virtio_queue *queue_of(const struct virtio_loan *l)
{
	return &l->vdev->queue[l->q];
}

int virtio_lend(struct virtio_device *v, unsigned n, struct virtio_loan *l)
{
	struct virtio_queue *q = virtio_get_queue(v, n);

	if (!q || q->loan || !virtq_enabled(q->vq) || virtq_is_broken(q->vq) ||
	    vq_outstanding(q->vq))
		return -EINVAL;
	if (!virtq_host(q->vq, &l->ring))
		return -ENOTSUP;
	l->vdev = v;
	l->q = n;
	l->avail = virtq_position(q->vq).avail;
	l->kick = q->kick.fd;
	loop_del(&q->kick);
	q->loan = l;
	return 0;
}

/* The eventfd was never read, so that the loop reports it once when it is watched again. */
void virtio_reclaim(struct virtio_loan *l, uint16_t avail)
{
	struct virtio_queue *q = queue_of(l);
	struct virtq_position p = virtq_position(q->vq);
	struct error *e = NULL;

	q->loan = NULL;
	p.avail = p.used = avail;
	if (virtq_set_position(q->vq, &p) < 0)
		virtio_needs_reset(l->vdev);
	if (loop_add(l->vdev->loop, &q->kick, &e) < 0) {
		log_guest(&l->vdev->dev, "queue %u: %s", l->q, error_msg(e));
		error_free(e);
		virtio_needs_reset(l->vdev);
	}
}

int virtio_irq_fd(const struct virtio_loan *l)
{
	struct virtio_xport *x = l->vdev->xport;

	return x->ops->irq_queue_fd ? x->ops->irq_queue_fd(x, l->q) : -1;
}

void virtio_interrupt(const struct virtio_loan *l)
{
	struct virtio_xport *x = l->vdev->xport;

	x->ops->irq_queue(x, l->q);
}

/* --- the transport's word --------------------------------------------------------------------- */

struct irq_change {
	struct virtio_device *v;
	uint32_t n;
};

static bool concerns(const struct irq_change *c, unsigned i)
{
	return (c->n == VIRTIO_ALL_QUEUES || c->n == i) && c->v->queue[i].loan;
}

static void tell_borrowers(void *arg)
{
	const struct irq_change *c = arg;

	for (unsigned i = 0; i < c->v->queue_cnt; i++)
		if (concerns(c, i))
			c->v->queue[i].loan->irq_changed(c->v->queue[i].loan);
}

/*
 * The transport has made its change before it looks whether the queue is lent, and the loop lends
 * it before it asks the transport: one of the two sees the other.
 */
void virtio_irq_changed(struct virtio_device *v, uint32_t n)
{
	struct irq_change c = { v, n };

	for (unsigned i = 0; i < v->queue_cnt; i++) {
		if (concerns(&c, i)) {
			virtio_run_on_loop(v, tell_borrowers, &c);
			return;
		}
	}
}
