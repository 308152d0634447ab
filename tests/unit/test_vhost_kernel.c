/* SPDX-License-Identifier: MIT */
/*
 * test_vhost_kernel.c: the host's own vhost-net and vhost-vsock, where it has them and lets us; a
 * tap in a network namespace of the test's, and a socket at its other end. tests/lab/cases/vhost.sh
 * runs it where they are there.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/vm_sockets.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/lib/msi_pins.h"
#include "tests/lib/port.h"
#include "tests/lib/virtio_rig.h"
#include "virtio/vhost.h"

#define PLAIN   VIRTIO_F_VERSION_1
#define EVENTS  (PLAIN | VIRTIO_F_EVENT_IDX)
#define MERGE   BIT64(15) /* VIRTIO_NET_F_MRG_RXBUF */
#define HDR_LEN 12u
#define FRAME   100u
#define RX      0u
#define TX      1u
#define CID     4321u
#define TYPE    0x88b5 /* IEEE 802: for experiments */

struct env {
	struct virtio_rig g;
	struct msi_pins pins;
	struct fake_virtio *f;
	struct vhost *vh;
	int tap, far; /* the host's end of the wire */
	_Atomic bool own;
	const struct virtio_ops *inner;
	struct virtio_ops ops;
};
static struct env *the_env;

/* --- the wire --------------------------------------------------------------------------------- */

static bool has_net(void)
{
	return access(VHOST_NET_PATH, R_OK | W_OK) == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
}

static void set_flags(const char *name, bool is_up)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = { .ifr_flags = is_up ? IFF_UP : 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &r), 0);
	close(s);
}

/* Nobody else talks on this wire. */
static void no_ipv6(const char *name)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* there is none */
	assert_int_equal(write(fd, "1", 1), 1);
	close(fd);
}

static int open_tap(void)
{
	struct ifreq r = { .ifr_name = "tap0", .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), len = HDR_LEN;

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
	assert_int_equal(ioctl(fd, TUNSETVNETHDRSZ, &len), 0);
	no_ipv6("tap0");
	set_flags("tap0", true);
	return fd;
}

static int open_far(void)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
				 .sll_protocol = htons(TYPE),
				 .sll_ifindex = (int)if_nametoindex("tap0") };
	int s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(TYPE));

	assert_true(s >= 0);
	assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
	return s;
}

static void fill(uint8_t *frame, unsigned n)
{
	memset(frame, 0xff, 6);
	memset(frame + 6, 2, 6);
	frame[12] = TYPE >> 8;
	frame[13] = TYPE & 0xff;
	for (unsigned i = 14; i < FRAME; i++)
		frame[i] = (uint8_t)(i * 7 + n);
}

/* --- the device ------------------------------------------------------------------------------- */

static void activate(struct virtio_device *v)
{
	the_env->inner->activate(v);
	if (!the_env->own)
		vhost_start(the_env->vh, the_env->tap);
}

static void kick(struct virtio_device *v, unsigned q)
{
	if (the_env->own || !vhost_kick(the_env->vh, q))
		the_env->inner->kick(v, q);
}

static void quiesce(struct virtio_device *v, unsigned q)
{
	vhost_stop(the_env->vh, q);
	the_env->inner->quiesce(v, q);
}

static struct env *up(enum vrig_kind kind, enum vhost_kind what)
{
	struct env *e = calloc(1, sizeof(*e));
	struct error *err = NULL;
	struct vhost_config c = { .kind = what, .cid = CID };

	the_env = e;
	vrig_init(&e->g, kind);
	msi_pins_init(&e->pins, &e->g);
	e->f = fake_virtio_create(e->g.gm, e->g.loop, true);
	e->inner = e->f->v.ops;
	e->ops = *e->inner;
	e->ops.activate = activate;
	e->ops.kick = kick;
	e->ops.quiesce = quiesce;
	e->f->v.ops = &e->ops;
	e->f->v.offered |= MERGE;
	e->tap = e->far = -1;
	c.vdev = &e->f->v;
	if (vhost_open(&c, &e->vh, &err) < 0)
		assert_no_error(err);
	vrig_plug(&e->g, &e->f->v);
	vrig_start(&e->g);
	return e;
}

static struct env *up_net(enum vrig_kind kind)
{
	struct env *e;

	if (!has_net() || unshare(CLONE_NEWNET) < 0)
		skip();
	e = up(kind, VHOST_KIND_NET);
	e->tap = open_tap();
	e->far = open_far();
	return e;
}

static void down(struct env *e)
{
	vrig_stop(&e->g);
	assert_int_equal(e->f->wrong, 0);
	vrig_unplug(&e->g);
	vhost_close(e->vh);
	fake_virtio_destroy(e->f);
	vrig_fini(&e->g);
	if (e->far >= 0)
		close(e->far);
	if (e->tap >= 0)
		close(e->tap);
	free(e);
}

static void pause_device(struct env *e)
{
	virtio_dev_stop(&e->f->v.dev);
}

static void resume_device(struct env *e)
{
	assert_int_equal(virtio_dev_start(&e->f->v.dev, NULL), 0);
}

/* --- frames ----------------------------------------------------------------------------------- */

static void add_tx(struct env *e, gpa_t at, unsigned n)
{
	uint8_t b[HDR_LEN + FRAME] = { 0 };

	fill(b + HDR_LEN, n);
	assert_true(gm_write(e->g.gm, at, b, sizeof(b)));
	assert_true(gd_add(&e->g.q[TX], (struct gd_buf[]){ { at, sizeof(b), false } }, 1, e) >= 0);
}

static bool far_got(struct env *e, unsigned n)
{
	uint8_t want[FRAME], got[2 * FRAME];

	fill(want, n);
	return EVENTUALLY(5000, recv(e->far, got, sizeof(got), 0) == FRAME) &&
	       !memcmp(got, want, FRAME);
}

static void add_rx(struct env *e, gpa_t at)
{
	assert_true(gd_add(&e->g.q[RX], (struct gd_buf[]){ { at, 2048, GD_W } }, 1,
			   (void *)(uintptr_t)at) >= 0);
}

static void far_send(struct env *e, unsigned n)
{
	uint8_t b[FRAME];

	fill(b, n);
	assert_int_equal(send(e->far, b, sizeof(b), 0), sizeof(b));
}

static void expect_rx(struct env *e, unsigned n)
{
	uint8_t want[FRAME], got[HDR_LEN + FRAME];
	struct gd_used u;

	vrig_next_used(&e->g, RX, &u);
	assert_int_equal(u.len, sizeof(got));
	assert_true(gm_read(e->g.gm, (uintptr_t)u.token, got, sizeof(got)));
	/* Linux before 6.14 leaves num_buffers as it was unless there may be several. */
	if (virtio_has(&e->f->v, MERGE))
		assert_int_equal(get_le16(got + 10), 1);
	fill(want, n);
	assert_memory_equal(got + HDR_LEN, want, FRAME);
}

/* --- network ---------------------------------------------------------------------------------- */

static void pump(struct env *e, uint64_t features)
{
	struct gd_used u;
	gpa_t tx, rx;

	vrig_probe(&e->g, features);
	tx = gd_alloc(&e->g.q[TX], 256, 16);
	rx = gd_alloc(&e->g.q[RX], 4096, 16);
	for (unsigned n = 0; n < 300; n++) {
		add_tx(e, tx, n);
		vrig_kick(&e->g, TX);
		assert_true(far_got(e, n));
		vrig_next_used(&e->g, TX, &u);
		add_rx(e, rx);
		vrig_kick(&e->g, RX);
		far_send(e, n);
		expect_rx(e, n);
	}
	assert_int_equal(e->f->kicks[RX] + e->f->kicks[TX], 0);
}

/* Frames both ways, all around the ring, with and without events; interrupts by eventfd. */
static void test_frames(void **state)
{
	struct env *e = up_net(VRIG_PCI);

	(void)state;
	pump(e, PLAIN);
	assert_true(msi_pins_signals(&e->pins, 1 + RX) >= 200);
	assert_int_equal(e->g.msi[1 + RX], 0);
	pump(e, EVENTS);
	pump(e, EVENTS | MERGE);
	down(e);
}

/* The same where the loop has to interrupt. */
static void test_frames_by_wire(void **state)
{
	struct env *e = up_net(VRIG_MMIO);

	(void)state;
	pump(e, PLAIN);
	vrig_settle(&e->g);
	assert_true(e->g.wire.rises > 0);
	assert_int_equal(vrig_take_isr(&e->g), VIRTIO_ISR_QUEUE);
	down(e);
}

/* Pauses in between; what is added meanwhile is found. */
static void test_positions(void **state)
{
	struct env *e = up_net(VRIG_PCI);
	struct gd_used u;
	gpa_t tx;

	(void)state;
	vrig_probe(&e->g, PLAIN);
	tx = gd_alloc(&e->g.q[TX], 256, 16);
	for (unsigned n = 0; n < 40; n++) {
		if (n % 4 == 1)
			pause_device(e);
		add_tx(e, tx, n);
		vrig_kick(&e->g, TX);
		if (n % 4 == 1) {
			assert_int_equal(virtq_position(e->f->v.queue[TX].vq).avail, n);
			resume_device(e);
		}
		assert_true(far_got(e, n));
		vrig_next_used(&e->g, TX, &u);
	}
	/* The device itself, which echoes, goes on where the kernel was. */
	pause_device(e);
	e->own = true;
	resume_device(e);
	add_tx(e, tx, 40);
	vrig_kick(&e->g, TX);
	vrig_next_used(&e->g, TX, &u);
	pause_device(e);
	e->own = false;
	resume_device(e);
	add_tx(e, tx, 41);
	vrig_kick(&e->g, TX);
	assert_true(far_got(e, 41));
	down(e);
}

/* Robustness row 49: no room for what arrives, then room again: nothing is stuck. */
static void test_row49_full_ring(void **state)
{
	struct env *e = up_net(VRIG_PCI);
	gpa_t rx;

	(void)state;
	vrig_probe(&e->g, EVENTS);
	rx = gd_alloc(&e->g.q[RX], 4 * 2048, 16);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned n = 0; n < 40; n++)
			far_send(e, n);
		for (unsigned n = 0; n < 40; n += 4) {
			for (unsigned i = 0; i < 4; i++)
				add_rx(e, rx + i * 2048);
			vrig_kick(&e->g, RX);
			for (unsigned i = 0; i < 4; i++)
				expect_rx(e, n + i);
		}
	}
	down(e);
}

/* Robustness row 50: the tap goes down and comes back. The driver's buffers do. */
static void test_row50_tap_down(void **state)
{
	struct env *e = up_net(VRIG_PCI);
	struct gd_used u;
	gpa_t tx;

	(void)state;
	vrig_probe(&e->g, PLAIN);
	tx = gd_alloc(&e->g.q[TX], 256, 16);
	set_flags("tap0", false);
	for (unsigned n = 0; n < 20; n++) {
		add_tx(e, tx, n);
		vrig_kick(&e->g, TX);
		vrig_next_used(&e->g, TX, &u);
	}
	set_flags("tap0", true);
	while (recv(e->far, &u, sizeof(u), 0) >= 0 || errno == ENETDOWN)
		;
	add_tx(e, tx, 99);
	vrig_kick(&e->g, TX);
	assert_true(far_got(e, 99));
	down(e);
}

/* What the kernel will not read: the device needs a reset, and lives again after it. */
static void test_broken_ring(void **state)
{
	struct env *e = up_net(VRIG_PCI);
	struct gd_used u;
	gpa_t tx;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		vrig_probe(&e->g, PLAIN);
		tx = gd_alloc(&e->g.q[TX], 256, 16);
		add_tx(e, tx, i);
		vrig_kick(&e->g, TX);
		assert_true(far_got(e, i));
		vrig_next_used(&e->g, TX, &u);
		vrig_settle(&e->g);
		assert_false(virtio_status(&e->f->v) & VIRTIO_STATUS_NEEDS_RESET);
		gd_set_avail(&e->g.q[TX], 1, 0x7777);
		gd_set_avail_idx(&e->g.q[TX], 2);
		vrig_notify(&e->g, TX);
		assert_true(EVENTUALLY(5000, virtio_status(&e->f->v) & VIRTIO_STATUS_NEEDS_RESET));
		vrig_reset(&e->g);
	}
	down(e);
}

/* --- vsock ------------------------------------------------------------------------------------ */

/* A connection from the host is a request in the guest's receive queue (5.10.6). */
static void test_vsock(void **state)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_cid = CID, .svm_port = 1234 };
	struct vhost_config c = { .kind = VHOST_KIND_VSOCK, .cid = CID };
	struct error *err = NULL;
	struct vhost *v;
	struct env *e;
	struct gd_used u;
	uint8_t hdr[44];
	gpa_t rx;
	int s;

	(void)state;
	if (access(VHOST_VSOCK_PATH, R_OK | W_OK) < 0)
		skip();
	e = up(VRIG_PCI, VHOST_KIND_VSOCK);
	c.vdev = &e->f->v;
	assert_true(vhost_open(&c, &v, &err) < 0);
	assert_error(err, "the vsock CID 4321 of 'fake0' is another VM's");
	vrig_probe(&e->g, PLAIN);
	rx = gd_alloc(&e->g.q[RX], 2048, 16);
	add_rx(e, rx);
	vrig_kick(&e->g, RX);
	s = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(s >= 0);
	assert_true(connect(s, (struct sockaddr *)&a, sizeof(a)) < 0 && errno == EINPROGRESS);
	vrig_next_used(&e->g, RX, &u);
	assert_int_equal(u.len, sizeof(hdr));
	assert_true(gm_read(e->g.gm, rx, hdr, sizeof(hdr)));
	assert_int_equal(get_le64(hdr + 8), CID);
	assert_int_equal(get_le32(hdr + 20), 1234);
	assert_int_equal(get_le16(hdr + 30), 1); /* VIRTIO_VSOCK_OP_REQUEST */
	assert_true(EVENTUALLY(5000, msi_pins_signals(&e->pins, 1 + RX) >= 1));
	close(s);
	down(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),         cmocka_unit_test(test_frames_by_wire),
		cmocka_unit_test(test_positions),      cmocka_unit_test(test_row49_full_ring),
		cmocka_unit_test(test_row50_tap_down), cmocka_unit_test(test_broken_ring),
		cmocka_unit_test(test_vsock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
