/* SPDX-License-Identifier: MIT */
/*
 * rng.c: virtio-rng (virtio 1.2, 5.4).
 *
 *	queue 0  requestq   device-writable buffers; each comes back with some random bytes in it
 *
 * The bytes are the host's getrandom(2), written straight into guest memory. A guest may ask for as
 * much as it likes, as often as it likes, and it costs the host CPU time: so a request gets 64 KiB
 * at most ("it MAY use less than the entire buffer length"), and after 256 KiB the loop looks at
 * who else waits there.
 */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <sys/random.h>

#include "virtio/virtio.h"
#include "vmm/error.h"

#define QUEUE_SIZE  8u /* Linux keeps one buffer on the way */
#define TURN_CHAINS 64u
#define RETRY_NS    (50 * NSEC_PER_MSEC)

struct virtio_rng {
	struct virtio_device vdev; /* first */
	ssize_t (*fill)(void *buf, size_t len);
	struct ev_timer retry; /* the host has no entropy yet */
	struct vq_chain chain; /* loop: the one at work */
};

static struct virtio_rng *to_rng(struct virtio_device *v)
{
	return container_of(v, struct virtio_rng, vdev);
}

/*
 * Never waits, as the loop is not ours alone. A host gathers its entropy within its first seconds;
 * before that the guest does the waiting.
 */
static ssize_t fill_from_host(void *buf, size_t len)
{
	ssize_t n;

	do {
		n = getrandom(buf, len, GRND_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/*
 * Fills the newest chain. 5.4.6.2: "The device MUST place one or more random bytes into the buffer,
 * but it MAY use less than the entire buffer length." So -EAGAIN if there is none to be had yet. A
 * chain without room for a byte, or in memory the host has taken away (EFAULT), is done with 0.
 */
static ssize_t fill_chain(struct virtio_rng *r)
{
	const struct iovec *iov;
	size_t done = 0;
	ssize_t n = 0;
	unsigned cnt;

	if (!vq_window(&r->chain, &r->chain.w, VIRTIO_RNG_REQUEST_MAX, &iov, &cnt))
		return 0;
	for (unsigned i = 0; i < cnt; i++) {
		n = r->fill(iov[i].iov_base, iov[i].iov_len);
		if (n > 0)
			done += (size_t)n;
		if (n != (ssize_t)iov[i].iov_len)
			break;
	}
	if (!done && n == -EAGAIN)
		return n;
	vq_commit(&r->chain, done);
	return (ssize_t)done;
}

/* False: the ring is not empty, and this turn is over. */
static bool serve(struct virtio_rng *r, struct virtq *vq, size_t *left, unsigned *chains)
{
	while (*left && *chains) {
		ssize_t n;

		if (vq_pop(vq, &r->chain) != VQ_OK)
			return true;
		n = fill_chain(r);
		if (n < 0) {
			vq_unpop(&r->chain);
			timer_arm(&r->retry, vclock_now(r->retry.clock) + RETRY_NS);
			return false;
		}
		vq_complete(&r->chain);
		*left -= min_u64(*left, (size_t)n);
		--*chains;
	}
	virtio_ring(&r->vdev, 0);
	return false;
}

/* virtio_ops.kick */
static void rng_kick(struct virtio_device *v, unsigned q)
{
	struct virtio_rng *r = to_rng(v);
	struct virtq *vq = v->queue[q].vq;
	size_t left = VIRTIO_RNG_TURN_MAX;
	unsigned chains = TURN_CHAINS;
	bool empty;

	vq_kicks_off(vq);
	do {
		empty = serve(r, vq, &left, &chains);
		virtio_notify(v, q);
	} while (empty && vq_kicks_on(vq));
}

static void on_retry(struct ev_timer *t)
{
	struct virtio_rng *r = container_of(t, struct virtio_rng, retry);

	if (r->vdev.active)
		rng_kick(&r->vdev, 0);
}

/* virtio_ops.quiesce: no chain outlives rng_kick(). */
static void rng_quiesce(struct virtio_device *v, unsigned q)
{
	(void)q;
	timer_cancel(&to_rng(v)->retry);
}

static const struct virtio_ops rng_virtio_ops = {
	.name = "virtio-rng",
	.device_type = VIRTIO_ID_RNG,
	.kick = rng_kick,
	.quiesce = rng_quiesce,
};

/* --- life ------------------------------------------------------------------------------------- */

static void rng_destroy(struct device *d)
{
	struct virtio_rng *r = d ? container_of(d, struct virtio_rng, vdev.dev) : NULL;

	if (!r)
		return;
	virtio_fini(&r->vdev);
	free(r);
}

static const struct device_ops rng_dev_ops = {
	.name = "virtio-rng",
	.reset = virtio_dev_reset,
	.start = virtio_dev_start,
	.stop = virtio_dev_stop,
	.destroy = rng_destroy,
	.state = &virtio_dev_state,
};

int virtio_rng_create(const struct virtio_rng_params *p, struct virtio_rng **ret,
		      struct error **errp)
{
	static const uint16_t sizes[] = { QUEUE_SIZE };
	struct virtio_config vc = { .id = p->id,
				    .gm = p->gm,
				    .loop = p->loop,
				    .packed = p->packed,
				    .queue_sizes = sizes,
				    .queue_cnt = ARRAY_LEN(sizes) };
	struct virtio_rng *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return err_errno(errp, ENOMEM, "creating entropy device '%s'", p->id);
	r->fill = p->fill ? p->fill : fill_from_host;
	timer_init(&r->retry, loop_clock(p->loop), on_retry);
	err = virtio_init(&r->vdev, &rng_virtio_ops, &rng_dev_ops, &vc, errp);
	if (err < 0) {
		rng_destroy(&r->vdev.dev);
		return err;
	}
	*ret = r;
	return 0;
}

struct virtio_device *virtio_rng_device(struct virtio_rng *r)
{
	return &r->vdev;
}
