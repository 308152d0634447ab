/* SPDX-License-Identifier: MIT */
/*
 * fuzz_virtio_console.c: the virtio console, its control messages before all, and a driver that is
 * good at being evil (libFuzzer).
 *
 * The input is a list of acts: messages, well-formed and not; buffers of any size; stores to the
 * rings; kicks; resets; host ends that stall, type, come and go. No chain may ever be outstanding
 * between two acts, no host end is given more than it has room for, and at the end a fresh driver
 * must find a device that works.
 */
#include <fcntl.h>
#include <string.h>

#include "devices/virtio/console.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/vdev_rig.h"
#include "virtio/console_wire.h"
#include "vmm/chardev.h"
#include "vmm/log.h"

#define PORTS    3u
#define ACTS     300u
#define FEATURES (VIRTIO_CONSOLE_F_MULTIPORT | VIRTIO_F_RING_RESET)

/* --- the host's ends -------------------------------------------------------------------------- */

static struct end {
	struct chardev chr;
	size_t room, typed, got;
	uint8_t last;
	bool gone;
	struct chardev_window window;
} end[PORTS];

static struct end *end_of(struct chardev *c)
{
	return container_of(c, struct end, chr);
}

static void end_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	end_of(c)->got += len;
	if (len)
		end_of(c)->last = buf[len - 1];
}

static size_t end_offer(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct end *e = end_of(c);
	size_t n = e->gone ? 0 : min_u64(len, e->room);

	end_write(c, buf, n);
	e->room -= n;
	return n;
}

static size_t end_offer_rest(struct chardev *c, const uint8_t *buf, size_t len)
{
	end_write(c, buf, len);
	return len;
}

static void end_room_changed(struct chardev *c)
{
	(void)c;
}

static bool end_connected(struct chardev *c)
{
	return !end_of(c)->gone;
}

static bool end_window(struct chardev *c, struct chardev_window *ret)
{
	*ret = end_of(c)->window;
	return ret->cols;
}

static const struct chardev_ops end_ops = {
	.write = end_write,
	.room_changed = end_room_changed,
	.offer = end_offer,
	.connected = end_connected,
	.window = end_window,
	.offer_rest = end_offer_rest,
};

static void type(struct end *e)
{
	static const uint8_t text[300] = "typed";
	size_t n;

	while (e->typed && (n = e->chr.client->room(e->chr.client_dev))) {
		n = min_u64(min_u64(n, e->typed), sizeof(text));
		e->chr.client->receive(e->chr.client_dev, text, n);
		e->typed -= n;
	}
}

/* --- the guest -------------------------------------------------------------------------------- */

static struct vdev_rig rig;
static struct virtio_console *console;

static unsigned queue(struct input *in)
{
	return (unsigned)take(in, 1) % rig.v->queue_cnt;
}

/* What the loop would do, without one. */
static void kick(unsigned q)
{
	gd_kick(&rig.q[q]);
	if (rig.v->active && virtq_enabled(rig.v->queue[q].vq) &&
	    !(virtio_status(rig.v) & VIRTIO_STATUS_NEEDS_RESET))
		rig.v->ops->kick(rig.v, q);
}

static void add(unsigned q, const void *data, uint32_t len)
{
	gpa_t at = vr_put(&rig, q, data, len);

	gd_add(&rig.q[q], &(struct gd_buf){ at, len, !(q % 2) }, 1, NULL);
}

static void restart(uint64_t features)
{
	virtio_set_status(rig.v, 0);
	vr_drive(&rig, features);
}

static void say(uint32_t id, unsigned event, unsigned value)
{
	struct virtio_console_control m = { le32_make(id), le16_make((uint16_t)event),
					    le16_make((uint16_t)value) };

	add(VIRTIO_CONSOLE_Q_CONTROL_TX, &m, sizeof(m));
}

static void say_something(struct input *in)
{
	uint32_t id = (uint32_t)take(in, 1);

	say(id < 0xf0 ? id % 4 : (uint32_t)take(in, 4), (unsigned)take(in, 1) % 9,
	    (unsigned)take(in, 1) % 3);
}

static void say_raw(struct input *in)
{
	uint8_t buf[64];
	uint32_t len = (uint32_t)take(in, 1) % sizeof(buf);

	for (uint32_t i = 0; i < len; i++)
		buf[i] = (uint8_t)take(in, 1);
	add(VIRTIO_CONSOLE_Q_CONTROL_TX, buf, len);
}

static void host_does(struct input *in)
{
	struct end *e = &end[take(in, 1) % PORTS];

	switch (take(in, 1) % 4) {
	case 0:
		e->typed = take(in, 2);
		type(e);
		return;
	case 1:
		e->room = take(in, 2);
		e->chr.client->output_ready(e->chr.client_dev);
		return;
	case 2:
		e->gone = !e->gone;
		break;
	default:
		e->window = (struct chardev_window){ (uint16_t)take(in, 2), (uint16_t)take(in, 2) };
	}
	e->chr.client->changed(e->chr.client_dev);
}

static void act(struct input *in)
{
	unsigned q;

	switch (take(in, 1) % 16) {
	case 0:
	case 1:
	case 2:
		say_something(in);
		break;
	case 3:
		say_raw(in);
		break;
	case 4:
	case 5:
		add(VIRTIO_CONSOLE_Q_CONTROL_RX, NULL, (uint32_t)take(in, 1));
		break;
	case 6:
	case 7:
		q = queue(in);
		add(q, NULL, (uint32_t)take(in, 2) % 2048);
		break;
	case 8:
		q = queue(in);
		gd_evil(&rig.q[q], take(in, 8));
		break;
	case 9:
	case 10:
	case 11:
		kick(queue(in));
		break;
	case 12:
	case 13:
		host_does(in);
		break;
	case 14:
		restart(FEATURES | vr_ring_features[take(in, 1) % vr_ring_feature_cnt]);
		break;
	default:
		if (take(in, 1) & 1)
			virtio_queue_reset(rig.v, queue(in));
		else
			virtio_console_pass_rest(console);
	}
	for (q = 0; q < rig.v->queue_cnt; q++)
		must(vq_outstanding(rig.v->queue[q].vq) == 0);
}

/* A driver that does as it should, and a host that has time. */
static void assert_healthy(void)
{
	struct gd_used u;
	unsigned messages = 0;

	for (unsigned i = 0; i < PORTS; i++) {
		end[i].gone = false;
		end[i].room = SIZE_MAX / 2; /* for what is still to be passed on, too */
		end[i].typed = 0;
		end[i].chr.client->changed(end[i].chr.client_dev);
	}
	restart(FEATURES);
	for (unsigned i = 0; i < 12; i++)
		add(VIRTIO_CONSOLE_Q_CONTROL_RX, NULL, 128);
	say(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	say(2, VIRTIO_CONSOLE_PORT_READY, 1);
	say(2, VIRTIO_CONSOLE_PORT_OPEN, 1);
	kick(VIRTIO_CONSOLE_Q_CONTROL_RX);
	kick(VIRTIO_CONSOLE_Q_CONTROL_TX);
	while (gd_get_used(&rig.q[VIRTIO_CONSOLE_Q_CONTROL_RX], &u))
		messages++;
	must(messages == 3 + 1); /* three ports, and somebody is at the second */
	end[2].got = 0;
	add(7, "x", 1);
	kick(7);
	must(end[2].got == 1 && end[2].last == 'x');
	add(6, NULL, 64);
	kick(6);
	end[2].typed = 10;
	type(&end[2]);
	must(gd_get_used(&rig.q[6], &u) && u.len == 10);
}

static void create(void)
{
	struct virtio_console_port port[] = { { "a name", &end[1].chr }, { NULL, &end[2].chr } };
	struct virtio_console_params p = { .id = "console0",
					   .packed = true,
					   .console = &end[0].chr,
					   .port = port,
					   .port_cnt = 2 };

	log_set_fd(open("/dev/null", O_WRONLY));
	for (unsigned i = 0; i < PORTS; i++)
		end[i].chr.ops = &end_ops;
	vr_init(&rig);
	p.gm = rig.gm;
	p.loop = rig.loop;
	must(virtio_console_create(&p, &console, NULL) == 0);
	rig.v = virtio_console_device(console);
	virtio_attach(rig.v, &rig.xport.xport, 0);
	must(rig.v->dev.ops->start(&rig.v->dev, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!rig.v)
		create();
	restart(FEATURES | vr_ring_features[take(&in, 1) % vr_ring_feature_cnt]);
	for (unsigned n = 0; n < ACTS && in.left; n++)
		act(&in);
	assert_healthy();
	return 0;
}
