/* SPDX-License-Identifier: MIT */
/*
 * virtio.c: status, features, queues and configuration of a virtio device (virtio 1.2, 2 and 3.1).
 *
 * v->running is the control side's word, v->active the loop's; start_running() and stop_running()
 * are the only places where queues change hands. See virtio.h for threads and locks.
 */
#include "virtio/virtio.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/trace.h"

/* What the driver may set; DEVICE_NEEDS_RESET is the device's own. */
#define STATUS_DRIVERS                                                                             \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK |              \
	 VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_FAILED)

static struct virtio_device *to_virtio(struct device *d)
{
	return container_of(d, struct virtio_device, dev);
}

void virtio_run_on_loop(struct virtio_device *v, void (*fn)(void *), void *arg)
{
	if (loop_is_running(v->loop) && !loop_is_current(v->loop))
		loop_run_sync(v->loop, fn, arg);
	else
		fn(arg);
}

/* --- the driver is told ----------------------------------------------------------------------- */

uint8_t virtio_status(const struct virtio_device *v)
{
	return atomic_load(&v->status);
}

void virtio_notify(struct virtio_device *v, unsigned q)
{
	if (vq_flush(v->queue[q].vq))
		v->xport->ops->irq_queue(v->xport, q);
}

void virtio_config_changed(struct virtio_device *v)
{
	if (v->xport && (virtio_status(v) & VIRTIO_STATUS_DRIVER_OK))
		v->xport->ops->irq_config(v->xport);
}

void virtio_needs_reset(struct virtio_device *v)
{
	uint8_t old = atomic_fetch_or(&v->status, VIRTIO_STATUS_NEEDS_RESET);

	/* 2.1.2: "If DRIVER_OK is set, after it sets DEVICE_NEEDS_RESET, the device MUST send a
	 * device configuration change notification to the driver." Once is enough. */
	if (!(old & VIRTIO_STATUS_NEEDS_RESET))
		virtio_config_changed(v);
}

static void on_broken_queue(void *opaque, unsigned index)
{
	(void)index; /* virtq has said what is wrong with it */
	virtio_needs_reset(opaque);
}

/* --- queues, on the loop ---------------------------------------------------------------------- */

/*
 * The eventfd is edge-triggered, so that a kick costs no read(2). A kick may come late, when the
 * queue is no longer what it was: it then finds the device inactive, or a queue with nothing new.
 */
static void on_kick(struct ev_fd *e, uint32_t revents)
{
	struct virtio_queue *q = container_of(e, struct virtio_queue, kick);
	struct virtio_device *v = q->owner;

	(void)revents;
	trace_event(TRACE_E_VQ_NOTIFY, v->dev.number, q->index);
	if (v->active && virtq_enabled(q->vq) &&
	    !(atomic_load_explicit(&v->status, memory_order_relaxed) & VIRTIO_STATUS_NEEDS_RESET))
		v->ops->kick(v, q->index);
}

/* Maps the ring, unless it is: a pause does not lose its position. virtq says what is wrong. */
static bool map_queue(struct virtio_queue *q)
{
	struct virtio_device *v = q->owner;

	if (!q->enabled || virtq_enabled(q->vq) || virtq_enable(q->vq, &q->addr, v->acked) == 0)
		return true;
	virtio_needs_reset(v);
	return false;
}

static void activate(void *arg)
{
	struct virtio_device *v = arg;

	for (unsigned i = 0; i < v->queue_cnt; i++)
		if (!map_queue(&v->queue[i]))
			return;
	v->active = true;
	if (v->ops->activate)
		v->ops->activate(v);
}

static void quiesce(void *arg)
{
	struct virtio_device *v = arg;

	if (v->active && v->ops->quiesce)
		v->ops->quiesce(v, VIRTIO_ALL_QUEUES);
	v->active = false;
}

static void enable_one(void *arg)
{
	map_queue(arg);
}

static void disable_one(void *arg)
{
	struct virtio_queue *q = arg;
	struct virtio_device *v = q->owner;

	if (v->active && virtq_enabled(q->vq) && v->ops->quiesce)
		v->ops->quiesce(v, q->index);
	virtq_disable(q->vq);
}

/* --- running ---------------------------------------------------------------------------------- */

static void ring(struct virtio_queue *q)
{
	uint64_t one = 1;

	/* EAGAIN, after 2^64 rings that nobody heard, means that one is pending: what we want. */
	while (write(q->kick.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void virtio_ring(struct virtio_device *v, uint32_t n)
{
	/* 3.1.1: "The driver MUST NOT send any buffer available notifications to the device before
	 * setting DRIVER_OK." */
	if (n < v->queue_cnt && (virtio_status(v) & VIRTIO_STATUS_DRIVER_OK))
		ring(&v->queue[n]);
}

/* What became available before the doorbells were there is found by one kick each. */
static void start_running(struct virtio_device *v)
{
	v->running = true;
	virtio_run_on_loop(v, activate, v);
	v->xport->ops->doorbells(v->xport, true);
	for (unsigned i = 0; i < v->queue_cnt; i++)
		if (v->queue[i].enabled)
			ring(&v->queue[i]);
}

static void stop_running(struct virtio_device *v)
{
	if (!v->running)
		return;
	v->xport->ops->doorbells(v->xport, false);
	virtio_run_on_loop(v, quiesce, v);
	v->running = false;
}

/*
 * Brings v->running in line with what it follows from. A device that needs a reset does not begin
 * to run; one that does already stays, and its loop ignores kicks.
 */
static void update_running(struct virtio_device *v)
{
	uint8_t s = virtio_status(v);
	bool want = v->started && v->may_dma && (s & VIRTIO_STATUS_DRIVER_OK) &&
		    !(s & VIRTIO_STATUS_FAILED);

	if (!want)
		stop_running(v);
	else if (!v->running && !(s & VIRTIO_STATUS_NEEDS_RESET))
		start_running(v);
}

void virtio_allow_dma(struct virtio_device *v, bool allow)
{
	v->may_dma = allow;
	update_running(v);
}

/* --- reset ------------------------------------------------------------------------------------ */

static void reset_queue(struct virtio_queue *q)
{
	q->addr = (struct vring_addr){ .size = q->max_size };
	q->enabled = false;
	q->was_reset = false;
}

static void last_look(void *arg)
{
	struct virtio_device *v = arg;

	if (v->active && !(virtio_status(v) & VIRTIO_STATUS_NEEDS_RESET))
		v->ops->last_look(v);
}

static void reset(struct virtio_device *v)
{
	if (v->running && v->ops->last_look)
		virtio_run_on_loop(v, last_look, v);
	stop_running(v);
	for (unsigned i = 0; i < v->queue_cnt; i++) {
		virtq_disable(v->queue[i].vq);
		reset_queue(&v->queue[i]);
	}
	v->acked = 0;
	atomic_store(&v->status, 0);
	if (v->ops->reset)
		v->ops->reset(v);
}

/* --- status and features ---------------------------------------------------------------------- */

uint32_t virtio_offered_word(const struct virtio_device *v, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(v->offered >> 32 * sel) : 0;
}

uint32_t virtio_acked_word(const struct virtio_device *v, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(v->acked >> 32 * sel) : 0;
}

void virtio_ack_word(struct virtio_device *v, uint32_t sel, uint32_t val)
{
	/* 3.1.1: "The driver MUST NOT accept new feature bits after this step." */
	if (sel >= 2 || (virtio_status(v) & VIRTIO_STATUS_FEATURES_OK))
		return;
	v->acked = (v->acked & ~(UINT64_C(0xffffffff) << 32 * sel)) | (uint64_t)val << 32 * sel;
}

/* 2.2.2: "The device SHOULD accept any valid subset of features the driver accepts, otherwise it
 * MUST fail to set the FEATURES_OK device status bit". Without VERSION_1 it would be a legacy
 * driver (6.1). */
static bool features_ok(const struct virtio_device *v)
{
	return !(v->acked & ~v->offered) && (v->acked & VIRTIO_F_VERSION_1) &&
	       (!v->ops->check_features || v->ops->check_features(v, v->acked));
}

/* What must have been set for a bit to be set (3.1.1). */
static bool in_order(uint8_t status)
{
	const uint8_t met = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;

	if ((status & VIRTIO_STATUS_FEATURES_OK) && (status & met) != met)
		return false;
	return !(status & VIRTIO_STATUS_DRIVER_OK) || (status & VIRTIO_STATUS_FEATURES_OK);
}

static void violation(struct virtio_device *v, uint8_t from, uint8_t to)
{
	log_guest(&v->dev, "the driver may not go from status %#x to %#x", from, to);
	virtio_needs_reset(v);
}

void virtio_set_status(struct virtio_device *v, uint8_t val)
{
	uint8_t old = virtio_status(v), now = val & STATUS_DRIVERS;

	if (!val) {
		reset(v);
		return;
	}
	/* Who gives up need not do so in style. */
	if (now & VIRTIO_STATUS_FAILED)
		now |= old & STATUS_DRIVERS;
	/* 2.1.1: "The driver MUST NOT clear a device status bit." */
	if (old & ~now & STATUS_DRIVERS) {
		violation(v, old, val);
		return;
	}
	if ((now & ~old & VIRTIO_STATUS_FEATURES_OK) && !features_ok(v))
		now &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	if (!in_order(now)) {
		violation(v, old, val);
		return;
	}
	atomic_fetch_or(&v->status, now);
	update_running(v);
}

/* --- queues, as the driver sets them up ------------------------------------------------------- */

struct virtio_queue *virtio_get_queue(struct virtio_device *v, uint32_t n)
{
	return n < v->queue_cnt ? &v->queue[n] : NULL;
}

bool virtio_queue_is_open(const struct virtio_device *v, const struct virtio_queue *q)
{
	return !q->enabled && (q->was_reset || !(virtio_status(v) & VIRTIO_STATUS_DRIVER_OK));
}

void virtio_queue_enable(struct virtio_device *v, uint32_t n)
{
	struct virtio_queue *q = virtio_get_queue(v, n);

	if (!q || !virtio_queue_is_open(v, q) || !(virtio_status(v) & VIRTIO_STATUS_FEATURES_OK))
		return;
	q->enabled = true;
	q->was_reset = false;
	if (!v->running)
		return;
	virtio_run_on_loop(v, enable_one, q);
	ring(q);
}

static void take_back(struct virtio_device *v, struct virtio_queue *q, bool reopen)
{
	if (v->running)
		virtio_run_on_loop(v, disable_one, q);
	else
		virtq_disable(q->vq);
	reset_queue(q);
	q->was_reset = reopen;
}

void virtio_queue_reset(struct virtio_device *v, uint32_t n)
{
	struct virtio_queue *q = virtio_get_queue(v, n);

	if (q && q->enabled && virtio_has(v, VIRTIO_F_RING_RESET))
		take_back(v, q, true);
}

void virtio_queue_disable(struct virtio_device *v, uint32_t n)
{
	struct virtio_queue *q = virtio_get_queue(v, n);

	if (q && q->enabled)
		take_back(v, q, false);
}

/* --- configuration ---------------------------------------------------------------------------- */

/* Takes a fresh image; a different one is a new generation. */
static void refresh_config(struct virtio_device *v)
{
	uint8_t now[VIRTIO_CONFIG_MAX] = { 0 };

	if (!v->ops->get_config)
		return;
	v->ops->get_config(v, now);
	if (!memcmp(now, v->config, v->config_len))
		return;
	memcpy(v->config, now, v->config_len);
	v->config_generation++;
}

uint32_t virtio_config_generation(struct virtio_device *v)
{
	refresh_config(v);
	return v->config_generation;
}

uint64_t virtio_read_config(struct virtio_device *v, uint32_t off, unsigned size)
{
	uint8_t b[8] = { 0 };

	refresh_config(v);
	for (unsigned i = 0; i < size && i < sizeof(b) && (uint64_t)off + i < v->config_len; i++)
		b[i] = v->config[off + i];
	return get_le64(b);
}

void virtio_write_config(struct virtio_device *v, uint32_t off, unsigned size, uint64_t val)
{
	if (v->ops->set_config && (uint64_t)off + size <= v->config_len)
		v->ops->set_config(v, off, size, val & size_mask(size));
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void save_queue(const struct virtio_queue *q, struct virtio_saved *s)
{
	bool mapped = virtq_enabled(q->vq) && !virtq_is_broken(q->vq);
	struct virtq_position p = { 0 };
	unsigned i = q->index;

	if (mapped)
		p = virtq_position(q->vq);
	s->flags[i] = (uint8_t)((q->enabled ? VIRTIO_SAVED_ENABLED : 0) |
				(q->was_reset ? VIRTIO_SAVED_WAS_RESET : 0) |
				(mapped ? VIRTIO_SAVED_MAPPED : 0) |
				(p.avail_wrap ? VIRTIO_SAVED_AVAIL_WRAP : 0) |
				(p.used_wrap ? VIRTIO_SAVED_USED_WRAP : 0));
	s->size[i] = q->addr.size;
	s->desc[i] = q->addr.desc;
	s->driver[i] = q->addr.driver;
	s->device[i] = q->addr.device;
	s->avail[i] = p.avail;
	s->used[i] = p.used;
}

void virtio_pre_save(struct virtio_device *v)
{
	memset(&v->saved, 0, sizeof(v->saved));
	v->saved.status = virtio_status(v);
	v->saved.acked = v->acked;
	v->saved.generation = v->config_generation;
	for (unsigned i = 0; i < v->queue_cnt; i++)
		save_queue(&v->queue[i], &v->saved);
}

static int refuse(struct virtio_device *v, struct error **errp, const char *what)
{
	return err_set(errp, EINVAL, "the saved state of '%s' has %s", v->dev.id, what);
}

/* Could the core have brought queue @i into this state? */
static bool queue_state_ok(const struct virtio_saved *s, unsigned i)
{
	uint8_t f = s->flags[i];
	bool enabled = f & VIRTIO_SAVED_ENABLED, mapped = f & VIRTIO_SAVED_MAPPED;

	if (f & ~VIRTIO_SAVED_FLAGS)
		return false;
	if (enabled && (!(s->status & VIRTIO_STATUS_FEATURES_OK) || (f & VIRTIO_SAVED_WAS_RESET)))
		return false;
	return !mapped || (enabled && (s->status & VIRTIO_STATUS_DRIVER_OK));
}

static int load_queue(struct virtio_device *v, struct virtio_queue *q, struct error **errp)
{
	const struct virtio_saved *s = &v->saved;
	unsigned i = q->index;
	uint8_t f = s->flags[i];
	struct virtq_position p = { .avail = s->avail[i],
				    .used = s->used[i],
				    .avail_wrap = f & VIRTIO_SAVED_AVAIL_WRAP,
				    .used_wrap = f & VIRTIO_SAVED_USED_WRAP };

	if (!queue_state_ok(s, i))
		return refuse(v, errp, "a queue in a state that cannot be");
	q->addr = (struct vring_addr){ .size = s->size[i],
				       .desc = s->desc[i],
				       .driver = s->driver[i],
				       .device = s->device[i] };
	q->enabled = f & VIRTIO_SAVED_ENABLED;
	q->was_reset = f & VIRTIO_SAVED_WAS_RESET;
	if (!(f & VIRTIO_SAVED_MAPPED))
		return 0;
	if (virtq_enable(q->vq, &q->addr, s->acked) < 0)
		return refuse(v, errp, "a ring where none can be");
	if (virtq_set_position(q->vq, &p) < 0)
		return refuse(v, errp, "a queue at a place that its ring does not have");
	return 0;
}

int virtio_post_load(struct virtio_device *v, struct error **errp)
{
	const struct virtio_saved *s = &v->saved;

	v->acked = s->acked;
	if ((s->status & ~(STATUS_DRIVERS | VIRTIO_STATUS_NEEDS_RESET)) || !in_order(s->status))
		return refuse(v, errp, "a status that cannot be");
	if ((s->status & VIRTIO_STATUS_FEATURES_OK) && !features_ok(v))
		return refuse(v, errp, "features that this device does not have");
	for (unsigned i = v->queue_cnt; i < VIRTIO_QUEUES_MAX; i++)
		if (s->flags[i])
			return refuse(v, errp, "more queues than the device");
	for (unsigned i = 0; i < v->queue_cnt; i++) {
		int r = load_queue(v, &v->queue[i], errp);

		if (r < 0)
			return r;
	}
	v->config_generation = s->generation;
	atomic_store(&v->status, s->status);
	return 0;
}

static void dev_pre_save(void *s)
{
	virtio_pre_save(s);
}

static int dev_post_load(void *s, unsigned version, struct error **errp)
{
	(void)version;
	return virtio_post_load(s, errp);
}

static const struct snap_field dev_fields[] = { VIRTIO_SNAP(struct virtio_device, saved) };

const struct snap_desc virtio_dev_state = { .version = 1,
					    .min_version = 1,
					    .f = dev_fields,
					    .n = ARRAY_LEN(dev_fields),
					    .pre_save = dev_pre_save,
					    .post_load = dev_post_load };

/* --- life ------------------------------------------------------------------------------------- */

void virtio_attach(struct virtio_device *v, struct virtio_xport *x, uint64_t xport_features)
{
	assert(!v->xport && !v->started);
	v->xport = x;
	x->vdev = v;
	v->offered |= xport_features;
}

void virtio_dev_reset(struct device *d)
{
	reset(to_virtio(d));
}

/* Kick descriptors come and go on the loop, whether or not it runs by then. */
struct attach_call {
	struct virtio_device *v;
	struct error **errp;
	int r;
};

static void attach_kicks(void *arg)
{
	struct attach_call *c = arg;

	for (unsigned i = 0; i < c->v->queue_cnt && c->r >= 0; i++)
		c->r = loop_add(c->v->loop, &c->v->queue[i].kick, c->errp);
}

static void detach_kicks(void *arg)
{
	struct virtio_device *v = arg;

	for (unsigned i = 0; i < v->queue_cnt; i++)
		loop_del(&v->queue[i].kick);
}

void virtio_dev_stop(struct device *d)
{
	struct virtio_device *v = to_virtio(d);

	if (!v->started)
		return;
	v->started = false;
	update_running(v);
	virtio_run_on_loop(v, detach_kicks, v);
}

int virtio_dev_start(struct device *d, struct error **errp)
{
	struct virtio_device *v = to_virtio(d);
	struct attach_call c = { .v = v, .errp = errp };

	v->started = true;
	virtio_run_on_loop(v, attach_kicks, &c);
	if (c.r < 0)
		virtio_dev_stop(d);
	else
		update_running(v);
	return c.r;
}

static int init_queue(struct virtio_device *v, unsigned i, uint16_t max_size, struct error **errp)
{
	struct virtio_queue *q = &v->queue[i];
	struct virtq_config c = { .gm = v->gm,
				  .dev = &v->dev,
				  .index = i,
				  .max_size = max_size,
				  .broken = on_broken_queue,
				  .opaque = v };

	q->kick = (struct ev_fd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				  .events = EV_IN | EV_EDGE,
				  .cb = on_kick };
	if (q->kick.fd < 0)
		return err_errno(errp, errno, "cannot create a doorbell for queue %u of '%s'", i,
				 v->dev.id);
	q->owner = v;
	q->index = (uint16_t)i;
	q->max_size = max_size;
	q->vector = VIRTIO_MSI_NO_VECTOR;
	reset_queue(q);
	return virtq_create(&c, &q->vq, errp);
}

int virtio_init(struct virtio_device *v, const struct virtio_ops *ops,
		const struct device_ops *dev_ops, const struct virtio_config *c,
		struct error **errp)
{
	assert(c->queue_cnt && c->queue_cnt <= VIRTIO_QUEUES_MAX);
	assert(c->config_len <= VIRTIO_CONFIG_MAX);
	device_init(&v->dev, dev_ops, c->id, NULL, 0);
	v->ops = ops;
	v->gm = c->gm;
	v->loop = c->loop;
	v->offered = c->features | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC |
		     VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_RESET |
		     (c->packed ? VIRTIO_F_RING_PACKED : 0);
	v->may_dma = true;
	v->config_len = c->config_len;
	v->queue = calloc(c->queue_cnt, sizeof(*v->queue));
	if (!v->queue)
		return err_set(errp, ENOMEM, "cannot allocate the queues of '%s'", c->id);
	for (unsigned i = 0; i < c->queue_cnt; i++) {
		int r;

		v->queue_cnt = i + 1;
		r = init_queue(v, i, c->queue_sizes[i], errp);
		if (r < 0)
			return r;
	}
	return 0;
}

void virtio_fini(struct virtio_device *v)
{
	for (unsigned i = 0; i < v->queue_cnt; i++) {
		virtq_destroy(v->queue[i].vq);
		base_closep(&v->queue[i].kick.fd);
	}
	free(v->queue);
	v->queue = NULL;
	v->queue_cnt = 0;
	if (v->dev.ops)
		mutex_destroy(&v->dev.lock);
}
