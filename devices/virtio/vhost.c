/* SPDX-License-Identifier: MIT */
/*
 * vhost.c: queues that the host's kernel serves, see vhost.h.
 *
 * A ring goes to the kernel in this order: size, position, addresses, descriptors of kicks, calls
 * and errors, and then something to serve it with (a tap; "run"). It comes back in the reverse one:
 * without a backend the kernel has finished what it was at, and its position is final.
 *
 * None of the eventfds is read: the kernel and the loop watch for writes, not for the count.
 */
#include "virtio/vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>

#include "virtio/vhost_wire.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/guestmem.h"
#include "vmm/log.h"

#define RINGS       2u
#define REGIONS_MAX 64u /* what vhost takes (max_mem_regions); guest memory has fewer */

/* What who serves a ring must know of. We lend no packed rings, and no addresses but physical ones.
 */
#define RING_FEATURES                                                                              \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED | \
	 VIRTIO_F_IN_ORDER | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_ORDER_PLATFORM)
#define NOT_LENT (VIRTIO_F_RING_PACKED | VIRTIO_F_ACCESS_PLATFORM)
/* Of network cards: who fills in num_buffers; of vsocks: who knows the ends of messages. */
#define NET_F_MRG_RXBUF   BIT64(15)
#define VSOCK_F_SEQPACKET BIT64(1)

struct vhost_ring {
	struct virtio_loan loan;
	struct vhost *v;
	unsigned index; /* the kernel's */
	bool lent;
	bool given;        /* the kernel knows its position */
	bool served;       /* has a backend */
	bool stuck;        /* the kernel would not let go of it */
	bool resting;      /* the device's, since the kernel could not go on */
	struct ev_fd call; /* the kernel interrupts through us */
	struct ev_fd err;  /* it has found something wrong */
};

struct vhost {
	const struct vhost_kernel *kernel;
	const struct vhost_traits *traits;
	struct virtio_device *vdev;
	int fd;
	int tap;
	unsigned first;
	uint64_t features; /* the kernel's */
	bool started;      /* between vhost_start() and vhost_stop(), unless that needs a reset */
	bool told;         /* the kernel knows features and memory */
	void (*failed)(void *opaque);
	void *opaque;
	struct vhost_ring ring[RINGS];
};

/* How the two kinds differ. */
struct vhost_traits {
	const char *path, *module, *option;
	bool together;     /* rings are run as one */
	uint64_t features; /* that are the kernel's matter; whichever of them it has */
	/* Serves ring @r (together: all of them), or stops it. -errno. */
	int (*serve)(struct vhost *v, struct vhost_ring *r, bool on);
};

/* --- the host's kernel ------------------------------------------------------------------------ */

static int host_open(const struct vhost_kernel *k, const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	(void)k;
	return fd < 0 ? -errno : fd;
}

static int host_ioctl(const struct vhost_kernel *k, int fd, unsigned long request, void *arg)
{
	int r;

	(void)k;
	do
		r = ioctl(fd, request, arg);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

static const struct vhost_kernel host_kernel = { .open = host_open, .ioctl = host_ioctl };

static int call(const struct vhost *v, unsigned long request, void *arg)
{
	return v->kernel->ioctl(v->kernel, v->fd, request, arg);
}

static int set_file(const struct vhost_ring *r, unsigned long request, int fd)
{
	struct vhost_vring_file f = { .index = r->index, .fd = fd };

	return call(r->v, request, &f);
}

static int set_state(const struct vhost_ring *r, unsigned long request, unsigned num)
{
	struct vhost_vring_state s = { .index = r->index, .num = num };

	return call(r->v, request, &s);
}

static int serve_net(struct vhost *v, struct vhost_ring *r, bool on)
{
	return set_file(r, VHOST_NET_SET_BACKEND, on ? v->tap : -1);
}

static int serve_vsock(struct vhost *v, struct vhost_ring *r, bool on)
{
	int run = on;

	(void)r;
	return call(v, VHOST_VSOCK_SET_RUNNING, &run);
}

static const struct vhost_traits kinds[] = {
	[VHOST_KIND_NET] = { .path = VHOST_NET_PATH,
			     .module = "vhost_net",
			     .option = "vhost",
			     .features = RING_FEATURES | NET_F_MRG_RXBUF,
			     .serve = serve_net },
	[VHOST_KIND_VSOCK] = { .path = VHOST_VSOCK_PATH,
			       .module = "vhost_vsock",
			       .option = "vhost",
			       .together = true,
			       .features = RING_FEATURES | VSOCK_F_SEQPACKET,
			       .serve = serve_vsock },
};

/* --- events from the kernel, on the loop ------------------------------------------------------ */

static void signal_fd(int fd)
{
	uint64_t one = 1;

	/* EAGAIN, after 2^64 signals, means that one is pending: what we want. */
	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void on_call(struct ev_fd *e, uint32_t revents)
{
	(void)revents;
	virtio_interrupt(&container_of(e, struct vhost_ring, call)->loan);
}

static int call_fd(const struct vhost_ring *r)
{
	int fd = virtio_irq_fd(&r->loan);

	return fd < 0 ? r->call.fd : fd;
}

/* The kernel's and ours, when something does not work. Rings stay lent, so that nobody serves them.
 */
static void give_up(struct vhost *v, const char *what, int err)
{
	log_guest(&v->vdev->dev, "%s %s: %s; the device rests until the driver resets it",
		  v->traits->path, what, strerror(-err));
	virtio_needs_reset(v->vdev);
}

/*
 * Signals that went to the eventfd of before may be lost with it (a vector that the driver has
 * taken away): one interrupt too many is harmless.
 */
static void on_irq_changed(struct virtio_loan *l)
{
	struct vhost_ring *r = container_of(l, struct vhost_ring, loan);
	int fd = call_fd(r), err = set_file(r, VHOST_SET_VRING_CALL, fd);

	if (err < 0)
		give_up(r->v, "takes no interrupt", err);
	else
		signal_fd(fd);
}

/* --- one ring --------------------------------------------------------------------------------- */

static uint64_t address(const void *p)
{
	return (uintptr_t)p;
}

static int hand_over(struct vhost_ring *r)
{
	const struct virtq_host *h = &r->loan.ring;
	struct vhost_vring_addr a = { .index = r->index,
				      .desc_user_addr = address(h->desc),
				      .avail_user_addr = address(h->driver),
				      .used_user_addr = address(h->device) };
	int err = set_state(r, VHOST_SET_VRING_NUM, h->size);

	if (err >= 0)
		err = set_state(r, VHOST_SET_VRING_BASE, r->loan.avail);
	r->given = err >= 0;
	if (err >= 0)
		err = call(r->v, VHOST_SET_VRING_ADDR, &a);
	if (err >= 0)
		err = set_file(r, VHOST_SET_VRING_ERR, r->err.fd);
	if (err >= 0)
		err = set_file(r, VHOST_SET_VRING_CALL, call_fd(r));
	if (err >= 0)
		err = set_file(r, VHOST_SET_VRING_KICK, r->loan.kick);
	return err;
}

/* What was signalled in an earlier life is over. */
static void forget(const struct ev_fd *e)
{
	uint64_t n;

	while (read(e->fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}

static int watch(struct vhost_ring *r)
{
	int err;

	forget(&r->call);
	forget(&r->err);
	err = loop_add(r->v->vdev->loop, &r->call, NULL);

	return err < 0 ? err : loop_add(r->v->vdev->loop, &r->err, NULL);
}

/* After an error, too: ring_back() undoes what was done. */
static int ring_lend(struct vhost_ring *r)
{
	int err = r->stuck ? r->v->traits->serve(r->v, r, false) : 0;

	if (err < 0)
		return err;
	r->stuck = false;
	err = virtio_lend(r->v->vdev, r->v->first + r->index, &r->loan);
	if (err < 0)
		return err;
	r->lent = true;
	err = watch(r);
	return err < 0 ? err : hand_over(r);
}

/* The kernel may have looked at its kicks before it had something to serve them with. */
static int ring_serve(struct vhost_ring *r)
{
	int err = r->v->traits->serve(r->v, r, true);

	if (err < 0)
		return err;
	for (unsigned i = 0; i < RINGS; i++) {
		struct vhost_ring *o = &r->v->ring[i];

		if (o != r && !r->v->traits->together)
			continue;
		o->served = true;
		signal_fd(o->loan.kick);
	}
	return 0;
}

/*
 * The first chain that is not used, if the ring says something possible: vhost-net forgets those
 * that it has taken and could not send (vhost_tx_batch()). Done again they are complete.
 */
static uint16_t unused_from(const struct virtq_host *h, uint16_t avail)
{
	const uint16_t *idx = (const uint16_t *)h->device + 1;
	uint16_t used = le16toh(__atomic_load_n(idx, __ATOMIC_RELAXED));

	return (uint16_t)(avail - used) <= h->size ? used : avail;
}

/* Once the kernel serves it no more. A ring that it never had is where it was. */
static void ring_back(struct vhost_ring *r)
{
	struct vhost_vring_state s = { .index = r->index, .num = r->loan.avail };
	int err = 0;

	if (!r->lent)
		return;
	set_file(r, VHOST_SET_VRING_KICK, -1);
	if (r->given)
		err = call(r->v, VHOST_GET_VRING_BASE, &s);
	if (err < 0)
		give_up(r->v, "does not say how far it has come", err);
	r->given = false;
	set_file(r, VHOST_SET_VRING_CALL, -1);
	set_file(r, VHOST_SET_VRING_ERR, -1);
	loop_del(&r->call);
	loop_del(&r->err);
	r->lent = false;
	virtio_reclaim(&r->loan, unused_from(&r->loan.ring, (uint16_t)s.num));
}

static void ring_stop(struct vhost_ring *r)
{
	int err = r->served ? r->v->traits->serve(r->v, r, false) : 0;

	if (err < 0) {
		r->stuck = true;
		give_up(r->v, "does not let go of a queue", err);
	}
	r->served = false;
	ring_back(r);
}

static int ring_start(struct vhost_ring *r)
{
	int err = ring_lend(r);

	return err < 0 ? err : ring_serve(r);
}

/* --- both of them ----------------------------------------------------------------------------- */

static bool is_enabled(const struct vhost *v, unsigned i)
{
	const struct virtq *vq = v->vdev->queue[v->first + i].vq;

	return virtq_enabled(vq) && !virtq_is_broken(vq);
}

static void stop_both(struct vhost *v)
{
	for (unsigned i = 0; i < RINGS; i++)
		ring_stop(&v->ring[i]);
}

/* For those that are run as one. */
static int start_both(struct vhost *v)
{
	int err = 0;

	for (unsigned i = 0; i < RINGS; i++)
		if (!is_enabled(v, i))
			return 0; /* not yet */
	for (unsigned i = 0; i < RINGS && err >= 0; i++)
		err = ring_lend(&v->ring[i]);
	return err < 0 ? err : ring_serve(&v->ring[0]);
}

/* What there was to start or to go on with was not possible. */
static void cannot(struct vhost *v, const char *what, int err)
{
	stop_both(v);
	if (!v->failed) {
		v->started = false;
		give_up(v, what, err);
		return;
	}
	log_guest(&v->vdev->dev, "%s %s: %s; the device does it itself, and tries again",
		  v->traits->path, what, strerror(-err));
	for (unsigned i = 0; i < RINGS; i++)
		v->ring[i].resting = true;
	v->failed(v->opaque);
}

/*
 * What the driver has done, memory that was lost, or a tap that was removed: then frames that were
 * taken are never used. A device that can judge by itself gets the queue back, from the first chain
 * that is not used on. For others the ring is broken, and stays so.
 */
static void on_err(struct ev_fd *e, uint32_t revents)
{
	struct vhost_ring *r = container_of(e, struct vhost_ring, err);
	struct vhost *v = r->v;

	(void)revents;
	if (!r->served)
		return;
	if (v->failed && !v->traits->together) {
		ring_stop(r);
		r->resting = true;
		v->failed(v->opaque);
		return;
	}
	log_guest(&v->vdev->dev,
		  "queue %u: %s finds its ring broken; it rests until the driver resets it",
		  r->loan.q, v->traits->path);
	v->traits->serve(v, r, false);
	for (unsigned i = 0; i < RINGS; i++)
		if (v->traits->together || &v->ring[i] == r)
			v->ring[i].served = false;
	virtio_needs_reset(v->vdev);
}

/* Whatever can be started is, and is not yet. */
static int start_rings(struct vhost *v)
{
	int err = 0;

	if (v->traits->together)
		return v->ring[0].lent ? 0 : start_both(v);
	for (unsigned i = 0; i < RINGS && err >= 0; i++)
		if (is_enabled(v, i) && !v->ring[i].lent && !v->ring[i].resting)
			err = ring_start(&v->ring[i]);
	return err;
}

static int set_memory(const struct vhost *v)
{
	union {
		struct vhost_memory m;
		char space[sizeof(struct vhost_memory) +
			   REGIONS_MAX * sizeof(struct vhost_memory_region)];
	} u = { .m = { 0 } };
	unsigned cnt;
	const struct gm_region *g = gm_regions(v->vdev->gm, &cnt);

	for (unsigned i = 0; i < cnt && u.m.nregions < REGIONS_MAX; i++) {
		if (g[i].readonly) /* a buffer in ROM is refused by our own queues as well */
			continue;
		u.m.regions[u.m.nregions++] =
			(struct vhost_memory_region){ .guest_phys_addr = g[i].base,
						      .memory_size = g[i].len,
						      .userspace_addr = address(g[i].hva) };
	}
	return call(v, VHOST_SET_MEM_TABLE, &u);
}

/* All that the kernel must know for this driver, and its rings. */
static void start(struct vhost *v)
{
	uint64_t acked = v->vdev->acked & v->features & v->traits->features;
	int err = v->told ? 0 : call(v, VHOST_SET_FEATURES, &acked);

	if (err >= 0 && !v->told)
		err = set_memory(v);
	v->told = err >= 0;
	if (err >= 0)
		err = start_rings(v);
	if (err < 0)
		cannot(v, "does not take the queues", err);
}

void vhost_start(struct vhost *v, int tap)
{
	v->tap = tap;
	v->told = false;
	v->started = true;
	start(v);
}

void vhost_resume(struct vhost *v)
{
	if (!v->started)
		return;
	for (unsigned i = 0; i < RINGS; i++)
		v->ring[i].resting = false;
	start(v);
}

bool vhost_kick(struct vhost *v, unsigned q)
{
	unsigned i = q - v->first;
	int err;

	if (q < v->first || i >= RINGS || v->ring[i].resting)
		return false;
	if (!v->started)
		return true;
	err = start_rings(v);
	if (err < 0)
		cannot(v, "does not take a queue", err);
	return !v->ring[i].resting;
}

void vhost_stop(struct vhost *v, unsigned q)
{
	for (unsigned i = 0; i < RINGS; i++)
		if (q == VIRTIO_ALL_QUEUES || q == v->first + i)
			v->ring[i].resting = false;
	if (q == VIRTIO_ALL_QUEUES) {
		stop_both(v);
		v->started = false;
	} else if (q >= v->first && q - v->first < RINGS) {
		if (v->traits->together)
			stop_both(v);
		else
			ring_stop(&v->ring[q - v->first]);
	}
}

/* --- life ------------------------------------------------------------------------------------- */

static int open_error(const struct vhost *v, int err, struct error **errp)
{
	const struct vhost_traits *t = v->traits;

	err_errno(errp, -err, "cannot open '%s' for '%s'", t->path, v->vdev->dev.id);
	switch (err) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		err_hint(errp, "load the module, as root: modprobe %s; or leave out '%s'",
			 t->module, t->option);
		break;
	case -EACCES:
	case -EPERM:
		err_hint(errp,
			 "let the group kvm have it, as root: chgrp kvm %s && chmod 660 %s, and "
			 "be a member; or leave out '%s'",
			 t->path, t->path, t->option);
		break;
	default:
		break;
	}
	return err;
}

static int set_cid(const struct vhost *v, uint64_t cid, struct error **errp)
{
	int err = call(v, VHOST_VSOCK_SET_GUEST_CID, &cid);

	if (err == -EADDRINUSE) {
		err_set(errp, EADDRINUSE, "the vsock CID %" PRIu64 " of '%s' is another VM's", cid,
			v->vdev->dev.id);
		err_hint(errp, "each VM on this host has its own: choose another with cid=");
	} else if (err < 0) {
		err_errno(errp, -err, "'%s' does not take the CID %" PRIu64 " of '%s'",
			  v->traits->path, cid, v->vdev->dev.id);
	}
	return err;
}

static int introduce(struct vhost *v, const struct vhost_config *c, struct error **errp)
{
	int err = call(v, VHOST_SET_OWNER, NULL);

	if (err < 0)
		return err_errno(errp, -err, "cannot use '%s' for '%s'", v->traits->path,
				 v->vdev->dev.id);
	err = call(v, VHOST_GET_FEATURES, &v->features);
	if (err < 0)
		return err_errno(errp, -err, "'%s' does not say what it can do", v->traits->path);
	if (!(v->features & VIRTIO_F_VERSION_1))
		return err_set(errp, ENOTSUP,
			       "'%s' of this kernel is older than version 1 of virtio: leave out "
			       "'%s'",
			       v->traits->path, v->traits->option);
	v->features &= ~NOT_LENT;
	return c->kind == VHOST_KIND_VSOCK ? set_cid(v, c->cid, errp) : 0;
}

static int make_ring(struct vhost *v, unsigned i, struct error **errp)
{
	struct vhost_ring *r = &v->ring[i];

	r->v = v;
	r->index = i;
	r->loan.irq_changed = on_irq_changed;
	r->call = (struct ev_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				  .events = EV_IN | EV_EDGE,
				  .cb = on_call };
	r->err = (struct ev_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				 .events = EV_IN | EV_EDGE,
				 .cb = on_err };
	if (r->call.fd < 0 || r->err.fd < 0)
		return err_errno(errp, errno, "cannot create the eventfds of '%s'",
				 v->vdev->dev.id);
	return 0;
}

int vhost_open(const struct vhost_config *c, struct vhost **ret, struct error **errp)
{
	struct vhost *v = calloc(1, sizeof(*v));
	int err = 0;

	if (!v)
		return err_set(errp, ENOMEM, "cannot allocate the kernel's half of '%s'",
			       c->vdev->dev.id);
	v->kernel = c->kernel ? c->kernel : &host_kernel;
	v->traits = &kinds[c->kind];
	v->vdev = c->vdev;
	v->first = c->first;
	v->failed = c->failed;
	v->opaque = c->opaque;
	for (unsigned i = 0; i < RINGS; i++)
		v->ring[i].call.fd = v->ring[i].err.fd = -1;
	v->fd = v->kernel->open(v->kernel, v->traits->path);
	if (v->fd < 0)
		err = open_error(v, v->fd, errp);
	else
		err = introduce(v, c, errp);
	for (unsigned i = 0; i < RINGS && err >= 0; i++)
		err = make_ring(v, i, errp);
	if (err < 0) {
		vhost_close(v);
		return err;
	}
	v->vdev->offered &= v->features | ~v->traits->features;
	*ret = v;
	return 0;
}

struct vhost *vhost_close(struct vhost *v)
{
	if (!v)
		return NULL;
	for (unsigned i = 0; i < RINGS; i++) {
		base_closep(&v->ring[i].call.fd);
		base_closep(&v->ring[i].err.fd);
	}
	base_closep(&v->fd);
	free(v);
	return NULL;
}
