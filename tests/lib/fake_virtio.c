/* SPDX-License-Identifier: MIT */
/* fake_virtio.c: an echo device, and the neighbours of a virtio transport. */
#include "tests/lib/fake_virtio.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* --- the device ------------------------------------------------------------------------------- */

static struct fake_virtio *to_fake(struct virtio_device *v)
{
	return container_of(v, struct fake_virtio, v);
}

/* Queues are the loop's, unless it does not run. */
static void check_thread(struct fake_virtio *f)
{
	if (loop_is_running(f->v.loop) && !loop_is_current(f->v.loop))
		f->wrong++;
}

static void echo(struct fake_virtio *f, struct vq_chain *c)
{
	uint8_t buf[256];

	while (c->r.left && c->w.left) {
		size_t n = min_u64(min_u64(c->r.left, c->w.left), sizeof(buf));

		if (!vq_pull(c, buf, n) || !vq_push(c, buf, n))
			f->wrong++;
	}
	vq_complete(c);
	f->echoes++;
}

void fake_virtio_release(struct fake_virtio *f, unsigned q)
{
	bool notify[FAKE_VIRTIO_QUEUES] = { false };
	unsigned kept = 0;

	check_thread(f);
	for (unsigned i = 0; i < f->held_cnt; i++) {
		if (q != VIRTIO_ALL_QUEUES && f->held[i].q != q) {
			/* Nothing in a chain points into its place in the array but its cursors. */
			struct vq_chain *to = &f->held[kept].chain, *from = &f->held[i].chain;

			if (to != from) {
				*to = *from;
				to->r.iov = to->iov + (from->r.iov - from->iov);
				to->w.iov = to->iov + (from->w.iov - from->iov);
				f->held[kept].q = f->held[i].q;
			}
			kept++;
			continue;
		}
		echo(f, &f->held[i].chain);
		notify[f->held[i].q] = true;
	}
	f->held_cnt = kept;
	for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++)
		if (notify[i])
			virtio_notify(&f->v, i);
}

static void activate(struct virtio_device *v)
{
	struct fake_virtio *f = to_fake(v);

	check_thread(f);
	if (f->active || f->held_cnt)
		f->wrong++;
	f->active = true;
	f->activations++;
}

static void kick(struct virtio_device *v, unsigned q)
{
	struct fake_virtio *f = to_fake(v);
	struct virtq *vq = v->queue[q].vq;

	check_thread(f);
	if (!f->active || !virtq_enabled(vq))
		f->wrong++;
	f->kicks[q]++;
	do {
		vq_kicks_off(vq);
		while (f->held_cnt < ARRAY_LEN(f->held) &&
		       vq_pop(vq, &f->held[f->held_cnt].chain) == VQ_OK)
			f->held[f->held_cnt++].q = q;
		if (!f->hold)
			fake_virtio_release(f, q);
	} while (vq_kicks_on(vq) && f->held_cnt < ARRAY_LEN(f->held));
}

static void quiesce(struct virtio_device *v, unsigned q)
{
	struct fake_virtio *f = to_fake(v);

	check_thread(f);
	if (!f->active)
		f->wrong++;
	fake_virtio_release(f, q);
	if (q == VIRTIO_ALL_QUEUES) {
		f->active = false;
		f->quiesces++;
	} else {
		f->queue_quiesces++;
	}
}

static void get_config(struct virtio_device *v, void *buf)
{
	struct fake_virtio *f = to_fake(v);
	struct fake_virtio_config c = { .value = le64_make(f->value),
					.byte = f->byte,
					.fixed = FAKE_VIRTIO_FIXED,
					.pad = le16_make(0xeeee) };

	memcpy(buf, &c, FAKE_VIRTIO_CONFIG_LEN);
}

static void set_config(struct virtio_device *v, unsigned off, unsigned size, uint64_t val)
{
	struct fake_virtio *f = to_fake(v);

	f->config_writes++;
	if (off + size > FAKE_VIRTIO_CONFIG_LEN || (size < 8 && val >> size * 8))
		f->wrong++;
	if (off == offsetof(struct fake_virtio_config, byte) && size == 1)
		f->byte = (uint8_t)val;
}

static bool check_features(const struct virtio_device *v, uint64_t acked)
{
	(void)v;
	return !(acked & FAKE_VIRTIO_F_B) || (acked & FAKE_VIRTIO_F_A);
}

static void reset(struct virtio_device *v)
{
	struct fake_virtio *f = to_fake(v);

	if (f->active || f->held_cnt)
		f->wrong++;
	f->byte = 0;
	f->resets++;
}

static const struct virtio_ops ops = { .name = "fake",
				       .device_type = FAKE_VIRTIO_TYPE,
				       .get_config = get_config,
				       .set_config = set_config,
				       .check_features = check_features,
				       .reset = reset,
				       .activate = activate,
				       .kick = kick,
				       .quiesce = quiesce };

static const struct device_ops dev_ops = { .name = "fake-virtio",
					   .reset = virtio_dev_reset,
					   .start = virtio_dev_start,
					   .stop = virtio_dev_stop,
					   .state = &virtio_dev_state };

struct fake_virtio *fake_virtio_create(struct guest_mem *gm, struct loop *loop, bool packed)
{
	static const uint16_t sizes[FAKE_VIRTIO_QUEUES] = { FAKE_VIRTIO_SIZE, FAKE_VIRTIO_SIZE * 2,
							    FAKE_VIRTIO_SIZE };
	struct fake_virtio *f = calloc(1, sizeof(*f));
	struct virtio_config c = { .id = "fake0",
				   .gm = gm,
				   .loop = loop,
				   .features = FAKE_VIRTIO_F_A | FAKE_VIRTIO_F_B,
				   .packed = packed,
				   .config_len = FAKE_VIRTIO_CONFIG_LEN,
				   .queue_sizes = sizes,
				   .queue_cnt = FAKE_VIRTIO_QUEUES };
	struct error *e = NULL;

	assert_non_null(f);
	if (virtio_init(&f->v, &ops, &dev_ops, &c, &e) < 0)
		assert_no_error(e);
	return f;
}

void fake_virtio_destroy(struct fake_virtio *f)
{
	virtio_fini(&f->v);
	free(f);
}

/* --- a transport ------------------------------------------------------------------------------ */

static void irq_queue(struct virtio_xport *x, unsigned q)
{
	container_of(x, struct fake_xport, xport)->irqs[q]++;
}

static void irq_config(struct virtio_xport *x)
{
	container_of(x, struct fake_xport, xport)->config_irqs++;
}

static void doorbells(struct virtio_xport *x, bool on)
{
	struct fake_xport *f = container_of(x, struct fake_xport, xport);

	f->bells = on;
	f->bell_switches++;
}

void fake_xport_init(struct fake_xport *x)
{
	static const struct virtio_xport_ops xops = { .irq_queue = irq_queue,
						      .irq_config = irq_config,
						      .doorbells = doorbells };

	memset(x, 0, sizeof(*x));
	x->xport.ops = &xops;
}

/* --- doorbells -------------------------------------------------------------------------------- */

static struct fake_bells *to_bells(struct doorbell_host *h)
{
	return container_of(h, struct fake_bells, host);
}

static bool same(const struct doorbell *a, const struct doorbell *b)
{
	return a->pio == b->pio && a->addr == b->addr && a->size == b->size &&
	       a->match == b->match && a->value == b->value && a->efd == b->efd;
}

static int attach(struct doorbell_host *h, const struct doorbell *d)
{
	struct fake_bells *b = to_bells(h);
	int r = -ENOSPC;

	mutex_lock(&b->lock);
	for (unsigned i = 0; i < b->cnt; i++)
		assert_false(same(&b->d[i], d));
	if (!b->broken && b->cnt < FAKE_BELLS) {
		b->d[b->cnt++] = *d;
		b->attaches++;
		r = 0;
	}
	mutex_unlock(&b->lock);
	return r;
}

static void detach(struct doorbell_host *h, const struct doorbell *d)
{
	struct fake_bells *b = to_bells(h);
	bool found = false;

	mutex_lock(&b->lock);
	for (unsigned i = 0; i < b->cnt && !found; i++) {
		if (same(&b->d[i], d)) {
			b->d[i] = b->d[--b->cnt];
			found = true;
		}
	}
	mutex_unlock(&b->lock);
	assert_true(found);
	b->detaches++;
}

void fake_bells_init(struct fake_bells *b)
{
	static const struct doorbell_ops bops = { attach, detach };

	memset(b, 0, sizeof(*b));
	mutex_init(&b->lock);
	b->host.ops = &bops;
}

bool fake_bells_write(struct fake_bells *b, bool pio, gpa_t addr, unsigned size, uint64_t val)
{
	uint64_t one = 1;
	bool hit = false;

	mutex_lock(&b->lock);
	for (unsigned i = 0; i < b->cnt; i++) {
		const struct doorbell *d = &b->d[i];

		if (d->pio == pio && d->addr == addr && (!d->size || d->size == size) &&
		    (!d->match || d->value == val)) {
			assert_int_equal(write(d->efd, &one, sizeof(one)), sizeof(one));
			hit = true;
		}
	}
	mutex_unlock(&b->lock);
	return hit;
}

unsigned fake_bells_cnt(struct fake_bells *b)
{
	unsigned cnt;

	mutex_lock(&b->lock);
	cnt = b->cnt;
	mutex_unlock(&b->lock);
	return cnt;
}
