/* SPDX-License-Identifier: MIT */
/* inspect_virtq.c: `virtq`: which queues there are, and one of them as its device sees it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "machine/inspect.h"
#include "machine/machine_internal.h"
#include "virtio/virtio.h"
#include "vmm/error.h"

static void list_all(struct machine *m, struct str *out)
{
	for (unsigned i = 0; i < m->virtio_cnt; i++) {
		struct virtio_device *v = m->virtio[i];

		str_add(out, "  %-16s %-16s %u queue%s\n", v->dev.id, v->ops->name, v->queue_cnt,
			v->queue_cnt == 1 ? "" : "s");
	}
	if (!m->virtio_cnt)
		str_add(out, "  there is no virtio device\n");
}

/* 2.1 */
static void add_status(struct virtio_device *v, struct str *out)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} bits[] = {
		{ VIRTIO_STATUS_ACKNOWLEDGE, "ACKNOWLEDGE" },
		{ VIRTIO_STATUS_DRIVER, "DRIVER" },
		{ VIRTIO_STATUS_FEATURES_OK, "FEATURES_OK" },
		{ VIRTIO_STATUS_DRIVER_OK, "DRIVER_OK" },
		{ VIRTIO_STATUS_NEEDS_RESET, "DEVICE_NEEDS_RESET" },
		{ VIRTIO_STATUS_FAILED, "FAILED" },
	};
	uint8_t status = virtio_status(v);

	str_add(out, "status");
	for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
		if (status & bits[i].bit)
			str_add(out, " %s", bits[i].name);
	str_add(out, "%s", status ? "" : " 0: no driver");
}

static const char *queue_state(const struct virtio_queue *q)
{
	if (virtq_is_broken(q->vq))
		return "broken: the driver has to reset the device";
	if (atomic_load(&q->loan))
		return "lent to the host's kernel";
	if (virtq_enabled(q->vq))
		return "running";
	return q->enabled ? "enabled, the device does not run" : "not enabled";
}

struct question {
	struct virtio_device *v;
	int queue; /* -1: all */
	struct str *out;
};

static void list_queues(struct virtio_device *v, struct str *out)
{
	str_add(out, "%s, %s, features %#" PRIx64 ", ", v->dev.id, v->ops->name, v->acked);
	add_status(v, out);
	str_add(out, "\n");
	for (unsigned i = 0; i < v->queue_cnt; i++) {
		const struct virtio_queue *q = &v->queue[i];

		str_add(out, "  %u: %u of at most %u entries, %s", i, q->addr.size, q->max_size,
			queue_state(q));
		if (virtq_enabled(q->vq))
			str_add(out, ", %u outstanding", vq_outstanding(q->vq));
		str_add(out, "\n");
	}
}

static void draw(struct virtio_device *v, const struct virtio_queue *q, struct str *out)
{
	struct ring_view r = { .gm = v->gm, .addr = q->addr, .features = v->acked };

	str_add(out, "%s queue %u: %s, %u entries, %s\n", v->dev.id, q->index,
		v->acked & VIRTIO_F_RING_PACKED ? "packed" : "split", q->addr.size, queue_state(q));
	if (!q->enabled)
		return;
	r.mapped = virtq_enabled(q->vq) && !atomic_load(&q->loan);
	if (r.mapped) {
		r.pos = virtq_position(q->vq);
		r.outstanding = vq_outstanding(q->vq);
	}
	inspect_draw_ring(&r, out);
}

/* On the device's loop, whose the queues are. */
static void answer(void *arg)
{
	struct question *a = arg;

	if (a->queue < 0)
		list_queues(a->v, a->out);
	else
		draw(a->v, &a->v->queue[a->queue], a->out);
}

int inspect_virtq(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		  struct error **errp)
{
	struct question a = { .queue = -1, .out = out };
	struct machine *m;
	struct device *d;
	uint64_t n = 0;
	int r = inspect_machine(in, &m, errp);

	if (r < 0)
		return r;
	if (!argc) {
		list_all(m, out);
		return 0;
	}
	d = inspect_device(m, argv[0], errp);
	if (!d)
		return -ENOENT;
	a.v = inspect_virtio(m, d);
	if (!a.v) {
		err_set(errp, EINVAL, "'%s' is no virtio device", d->id);
		err_hint(errp, "virtq lists them");
		return -EINVAL;
	}
	if (argc == 2) {
		r = inspect_eval(in, argv[1], &n, errp);
		if (r < 0)
			return r;
		if (n >= a.v->queue_cnt)
			return err_set(errp, EINVAL, "'%s' has no queue %" PRIu64 ", only %u",
				       d->id, n, a.v->queue_cnt);
		a.queue = (int)n;
	}
	virtio_run_on_loop(a.v, answer, &a);
	return 0;
}
