/* SPDX-License-Identifier: MIT */
/*
 * test_vhost.c: queues that the host's kernel serves, with a kernel that is fake: what it is told
 * and when, interrupts by eventfd and through the loop, and every way to get the queues back.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "devices/virtio/transport_pci.h"
#include "tests/lib/fake_vhost.h"
#include "tests/lib/msi_pins.h"
#include "tests/lib/poke.h"
#include "tests/lib/port.h"
#include "tests/lib/virtio_rig.h"

#define PLAIN VIRTIO_F_VERSION_1
#define FULL  (PLAIN | VIRTIO_F_RING_RESET)

/* --- a device, two queues of which are the kernel's ------------------------------------------- */

struct env {
	struct virtio_rig g;
	struct msi_pins pins;
	struct fake_virtio *f; /* echoes, too */
	struct fake_vhost k;
	struct vhost *vh;
	int tap;
	_Atomic unsigned failed; /* calls */
	_Atomic bool own;        /* the device serves all its queues itself */
	const struct virtio_ops *inner;
	struct virtio_ops ops;
};
static struct env *the_env;

static void activate(struct virtio_device *v)
{
	struct env *e = the_env;

	e->inner->activate(v);
	if (!e->own)
		vhost_start(e->vh, e->tap);
}

static void kick(struct virtio_device *v, unsigned q)
{
	struct env *e = the_env;

	if (e->own || !vhost_kick(e->vh, q))
		e->inner->kick(v, q);
}

static void quiesce(struct virtio_device *v, unsigned q)
{
	vhost_stop(the_env->vh, q);
	the_env->inner->quiesce(v, q);
}

static struct vhost_config config_of(struct env *e)
{
	return (struct vhost_config){ .kind = e->k.vsock ? VHOST_KIND_VSOCK : VHOST_KIND_NET,
				      .vdev = &e->f->v,
				      .cid = 7,
				      .kernel = &e->k.kernel };
}

static void on_failed(void *opaque)
{
	struct env *e = opaque;

	e->failed++;
}

static void resume(void *arg)
{
	vhost_resume(arg);
}

static int up_as(void **state, enum vrig_kind kind, bool vsock, bool able)
{
	struct env *e = calloc(1, sizeof(*e));
	struct error *err = NULL;
	struct vhost_config c;

	the_env = e;
	vrig_init(&e->g, kind);
	msi_pins_init(&e->pins, &e->g);
	e->f = fake_virtio_create(e->g.gm, e->g.loop, true);
	e->tap = open("/dev/null", O_RDWR | O_CLOEXEC);
	e->inner = e->f->v.ops;
	e->ops = *e->inner;
	e->ops.activate = activate;
	e->ops.kick = kick;
	e->ops.quiesce = quiesce;
	e->f->v.ops = &e->ops;
	fake_vhost_init(&e->k, vsock);
	c = config_of(e);
	c.failed = able ? on_failed : NULL;
	c.opaque = e;
	if (vhost_open(&c, &e->vh, &err) < 0)
		assert_no_error(err);
	vrig_plug(&e->g, &e->f->v);
	vrig_start(&e->g);
	*state = e;
	return 0;
}

static int up(void **state, enum vrig_kind kind, bool vsock)
{
	return up_as(state, kind, vsock, false);
}

/* Of a device that can serve its queues itself. */
static int up_able(void **state)
{
	return up_as(state, VRIG_PCI, false, true);
}

static int up_pci(void **state)
{
	return up(state, VRIG_PCI, false);
}

static int up_intx(void **state)
{
	return up(state, VRIG_INTX, false);
}

static int up_mmio(void **state)
{
	return up(state, VRIG_MMIO, false);
}

static int up_vsock(void **state)
{
	return up(state, VRIG_PCI, true);
}

static int down(void **state)
{
	struct env *e = *state;

	vrig_stop(&e->g);
	assert_int_equal(fake_vhost_served(&e->k), 0);
	assert_int_equal(e->k.wrong, 0);
	assert_int_equal(e->f->wrong, 0);
	vrig_unplug(&e->g);
	e->vh = vhost_close(e->vh);
	fake_virtio_destroy(e->f);
	vrig_fini(&e->g);
	fake_vhost_fini(&e->k);
	close(e->tap);
	free(e);
	return 0;
}

/* A chain goes there and back through the kernel. */
static void kernel_round(struct env *e, unsigned n, uint32_t val)
{
	gpa_t out = vrig_add(&e->g, n, val);
	unsigned kicks = e->f->kicks[n];

	gd_kick(&e->g.q[n]);
	vrig_notify(&e->g, n);
	vrig_settle(&e->g);
	assert_int_equal(fake_vhost_run(&e->k), 1);
	vrig_settle(&e->g);
	vrig_expect(&e->g, n, out, val);
	assert_int_equal(e->f->kicks[n], kicks); /* nobody of ours was woken */
}

/* The same through the device. */
static void own_round(struct env *e, unsigned n, uint32_t val)
{
	gpa_t out = vrig_add(&e->g, n, val);

	gd_kick(&e->g.q[n]);
	vrig_notify(&e->g, n);
	vrig_expect(&e->g, n, out, val);
	assert_int_equal(fake_vhost_run(&e->k), 0);
}

static void stop(struct env *e)
{
	virtio_dev_stop(&e->f->v.dev);
}

static void start(struct env *e)
{
	assert_int_equal(virtio_dev_start(&e->f->v.dev, NULL), 0);
}

static bool needs_reset(struct env *e)
{
	return virtio_status(&e->f->v) & VIRTIO_STATUS_NEEDS_RESET;
}

/* --- what the kernel is told ------------------------------------------------------------------ */

static void test_offered(void **state)
{
	struct env *e = *state;
	uint64_t offered = vrig_offered(&e->g);

	assert_string_equal(e->k.path, VHOST_NET_PATH);
	assert_true(offered & VIRTIO_F_EVENT_IDX);
	assert_true(offered & VIRTIO_F_INDIRECT_DESC);
	assert_true(offered & VIRTIO_F_RING_RESET);
	assert_true(offered & FAKE_VIRTIO_F_A);
	assert_false(offered & VIRTIO_F_RING_PACKED);
}

/* Rings where the driver put them, all of RAM and nothing else, the features that matter. */
static void test_hand_over(void **state)
{
	struct env *e = *state;
	unsigned regions;
	const struct gm_region *m = gm_regions(e->g.gm, &regions);

	vrig_probe(&e->g, PLAIN | VIRTIO_F_EVENT_IDX | FAKE_VIRTIO_F_A);
	vrig_settle(&e->g);
	assert_int_equal(fake_vhost_served(&e->k), 2);
	assert_int_equal(e->k.acked, PLAIN | VIRTIO_F_EVENT_IDX);
	for (unsigned i = 0; i < 2; i++) {
		struct fake_vhost_ring r = fake_vhost_ring(&e->k, i);

		assert_int_equal(r.num, e->g.q[i].size);
		assert_int_equal(r.backend, e->tap);
		assert_int_equal(r.kick, e->f->v.queue[i].kick.fd);
		assert_int_equal(r.addr.desc_user_addr, (uintptr_t)e->g.q[i].desc);
		assert_int_equal(r.addr.avail_user_addr, (uintptr_t)e->g.q[i].driver);
		assert_int_equal(r.addr.used_user_addr, (uintptr_t)e->g.q[i].device);
	}
	for (unsigned i = 0, n = 0; i < regions; i++) {
		if (m[i].readonly)
			continue;
		assert_int_equal(e->k.region[n].guest_phys_addr, m[i].base);
		assert_int_equal(e->k.region[n].memory_size, m[i].len);
		assert_int_equal(e->k.region[n].userspace_addr, (uintptr_t)m[i].hva);
		n++;
		assert_true(n <= e->k.regions);
	}
	assert_int_equal(e->k.regions, 3); /* there is a ROM */
}

/* A ring that is not in RAM never gets there. */
static void test_rings_outside_of_ram(void **state)
{
	struct env *e = *state;
	struct vring_addr bad[] = {
		{ .size = 8, .desc = GD_ROM, .driver = GD_RINGS, .device = GD_RINGS + 4096 },
		{ .size = 8, .desc = GD_RINGS, .driver = GD_LOW_END, .device = GD_RINGS + 4096 },
		{ .size = 8,
		  .desc = GD_RINGS,
		  .driver = GD_RINGS + 4096,
		  .device = GD_HIGH_END - 8 },
		{ .size = 8, .desc = GD_RINGS + 8, .driver = GD_RINGS, .device = GD_RINGS + 4096 },
		{ .size = 7, .desc = GD_RINGS, .driver = GD_RINGS, .device = GD_RINGS + 4096 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_true(vrig_negotiate(&e->g, PLAIN) & VIRTIO_STATUS_FEATURES_OK);
		vrig_set_queue(&e->g, 1, &bad[i]);
		vrig_write(&e->g, VRIG_STATUS,
			   vrig_read(&e->g, VRIG_STATUS) | VIRTIO_STATUS_DRIVER_OK);
		vrig_settle(&e->g);
		assert_true(needs_reset(e));
		assert_int_equal(fake_vhost_ring(&e->k, 1).num, 0);
	}
	vrig_probe(&e->g, PLAIN);
	kernel_round(e, 1, 99);
}

/* --- interrupts ------------------------------------------------------------------------------- */

static void test_irqfd(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, PLAIN);
	for (unsigned n = 0; n < 2; n++) {
		unsigned sent = e->g.msi[1 + n];

		msi_pins_signals(&e->pins, 1 + n);
		kernel_round(e, n, 0x1234 + n);
		assert_int_equal(msi_pins_signals(&e->pins, 1 + n), 1);
		assert_int_equal(e->g.msi[1 + n], sent); /* not through the loop */
	}
	own_round(e, 2, 5); /* what is not the kernel's is the device's */
	assert_int_equal(e->g.msi[3], 1);
}

/* The vector moves while the queue runs; MSI-X goes off and on again. */
static void test_irq_moves(void **state)
{
	struct env *e = *state;
	unsigned cap = pci_rig_cap(&e->g.pci, e->g.slot, PCI_CAP_MSIX, 0), rises;
	uint32_t at = (uint32_t)offsetof(struct virtio_pci_common_cfg, queue_msix_vector);

	vrig_probe(&e->g, PLAIN);
	kernel_round(e, 1, 1);
	assert_true(msi_pins_signals(&e->pins, 2) >= 1);
	vrig_write(&e->g, VRIG_QUEUE_SEL, 1);
	pci_rig_store(&e->g.pci, e->g.mem + e->g.common + at, 2, 3);
	assert_true(msi_pins_signals(&e->pins, 3) >= 1); /* one to be sure */
	kernel_round(e, 1, 2);
	assert_int_equal(msi_pins_signals(&e->pins, 3), 1);
	assert_int_equal(msi_pins_signals(&e->pins, 2), 0);
	pci_rig_store(&e->g.pci, e->g.mem + e->g.common + at, 2, VIRTIO_MSI_NO_VECTOR);
	kernel_round(e, 1, 3);
	assert_int_equal(msi_pins_signals(&e->pins, 2) + msi_pins_signals(&e->pins, 3), 0);
	pci_rig_store(&e->g.pci, e->g.mem + e->g.common + at, 2, 2);
	msi_pins_signals(&e->pins, 2);

	pci_rig_write(&e->g.pci, e->g.slot, cap + 2, 2, 0);
	vrig_settle(&e->g);
	vrig_take_isr(&e->g);
	rises = e->g.wire.rises;
	kernel_round(e, 1, 4);
	assert_int_equal(e->g.wire.rises, rises + 1);
	assert_int_equal(vrig_take_isr(&e->g), VIRTIO_ISR_QUEUE);
	pci_rig_write(&e->g.pci, e->g.slot, cap + 2, 2, 0x8000);
	msi_pins_signals(&e->pins, 2);
	kernel_round(e, 1, 5);
	assert_int_equal(msi_pins_signals(&e->pins, 2), 1);
	assert_int_equal(e->g.wire.rises, rises + 1);
}

/* Without messages the loop interrupts: INTx, and the wire of virtio-mmio. */
static void test_wire(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, PLAIN);
	vrig_settle(&e->g);
	for (unsigned i = 0; i < 3; i++) {
		unsigned rises = e->g.wire.rises;

		vrig_take_isr(&e->g);
		kernel_round(e, i % 2, i);
		assert_int_equal(e->g.wire.rises, rises + 1);
		assert_int_equal(vrig_take_isr(&e->g), VIRTIO_ISR_QUEUE);
	}
}

/* --- and back --------------------------------------------------------------------------------- */

/* A pause: the position comes back, the device goes on with the ring by itself, and gives it away
 * again. Indices wrap on the way. */
static void test_positions(void **state)
{
	struct env *e = *state;
	uint32_t val = 0;

	vrig_probe(&e->g, PLAIN);
	for (unsigned i = 0; i < 12; i++) {
		bool own = i % 2;

		stop(e);
		assert_int_equal(fake_vhost_served(&e->k), 0);
		assert_int_equal(virtq_position(e->f->v.queue[0].vq).avail, val);
		assert_int_equal(virtq_position(e->f->v.queue[0].vq).used, val);
		e->own = own;
		start(e);
		for (unsigned n = 0; n < 5; n++, val++) {
			if (own)
				own_round(e, 0, val);
			else
				kernel_round(e, 0, val);
		}
	}
}

/* What was kicked while nobody listened is served by whoever comes next. */
static void test_kicks_are_not_lost(void **state)
{
	struct env *e = *state;
	gpa_t out;

	vrig_probe(&e->g, PLAIN);
	kernel_round(e, 0, 1);
	out = vrig_add(&e->g, 0, 2);
	gd_kick(&e->g.q[0]);
	vrig_notify(&e->g, 0); /* the kernel has not looked yet */
	stop(e);
	e->own = true;
	start(e);
	vrig_expect(&e->g, 0, out, 2);
	stop(e);
	out = vrig_add(&e->g, 0, 3);
	gd_kick(&e->g.q[0]);
	e->own = false;
	start(e);
	vrig_settle(&e->g);
	assert_int_equal(fake_vhost_run(&e->k), 1);
	vrig_expect(&e->g, 0, out, 3);
}

static void test_snapshot(void **state)
{
	struct env *e = *state;
	struct error *err = NULL;
	struct virtio_device *v = &e->f->v;

	vrig_probe(&e->g, PLAIN);
	for (unsigned i = 0; i < 3; i++)
		kernel_round(e, 1, i);
	stop(e);
	virtio_pre_save(v);
	assert_int_equal(v->saved.avail[1], 3);
	assert_int_equal(v->saved.used[1], 3);
	if (virtio_post_load(v, &err) < 0)
		assert_no_error(err);
	start(e);
	vrig_settle(&e->g);
	kernel_round(e, 1, 3);
}

static void test_reset(void **state)
{
	struct env *e = *state;

	for (unsigned i = 0; i < 3; i++) {
		vrig_probe(&e->g, PLAIN);
		kernel_round(e, 0, i);
		kernel_round(e, 1, i);
		vrig_reset(&e->g);
		assert_int_equal(fake_vhost_served(&e->k), 0);
		for (unsigned n = 0; n < 2; n++) {
			assert_int_equal(fake_vhost_ring(&e->k, n).kick, -1);
			assert_int_equal(fake_vhost_ring(&e->k, n).call, -1);
		}
	}
}

static void reset_queue(struct env *e, unsigned n)
{
	vrig_write(&e->g, VRIG_QUEUE_SEL, n);
	vrig_write(&e->g, VRIG_QUEUE_RESET, 1);
}

static void again(struct env *e, unsigned n)
{
	gd_init(&e->g.q[n], e->g.gm, GD_RINGS + (8 + n) * 256 * KIB, 8, FULL);
	vrig_set_queue(&e->g, n, &e->g.q[n].ring);
	vrig_settle(&e->g);
}

/* 2.6.1: a network card's queues come and go one by one. */
static void test_queue_reset(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, FULL);
	kernel_round(e, 0, 1);
	kernel_round(e, 1, 1);
	reset_queue(e, 1);
	assert_int_equal(fake_vhost_served(&e->k), 1);
	kernel_round(e, 0, 2);
	again(e, 1);
	assert_int_equal(fake_vhost_served(&e->k), 2);
	kernel_round(e, 1, 3);
	kernel_round(e, 0, 3);
}

/* A vsock's run together, or not at all. */
static void test_vsock(void **state)
{
	struct env *e = *state;

	assert_string_equal(e->k.path, VHOST_VSOCK_PATH);
	assert_int_equal(e->k.cid, 7);
	vrig_probe(&e->g, FULL);
	vrig_settle(&e->g);
	assert_int_equal(fake_vhost_served(&e->k), 2);
	kernel_round(e, 0, 1);
	kernel_round(e, 1, 1);
	reset_queue(e, 1);
	assert_int_equal(fake_vhost_served(&e->k), 0);
	vrig_notify(&e->g, 0); /* comes to us, who wait for the other queue */
	vrig_settle(&e->g);
	assert_int_equal(fake_vhost_served(&e->k), 0);
	again(e, 1);
	assert_int_equal(fake_vhost_served(&e->k), 2);
	kernel_round(e, 1, 2);
	kernel_round(e, 0, 2);
}

/* --- what goes wrong -------------------------------------------------------------------------- */

/* What the kernel finds wrong with a ring ends that ring. */
static void test_broken_ring(void **state)
{
	struct env *e = *state;

	for (unsigned i = 0; i < 3; i++) {
		vrig_probe(&e->g, PLAIN);
		kernel_round(e, 0, i);
		vrig_settle(&e->g);
		assert_false(needs_reset(e)); /* nothing is left of the last time */
		gd_set_desc(&e->g.q[1], e->g.q[1].ring.desc, 3,
			    (struct gd_desc){ .addr = GD_ROM, .len = 4, .flags = GD_F_NEXT });
		gd_set_avail(&e->g.q[1], 0, 3);
		gd_set_avail_idx(&e->g.q[1], 1);
		vrig_notify(&e->g, 1);
		vrig_settle(&e->g);
		fake_vhost_run(&e->k);
		vrig_settle(&e->g);
		assert_true(needs_reset(e));
		assert_int_equal(fake_vhost_ring(&e->k, 1).backend, -1);
		vrig_notify(&e->g, 1);
		vrig_settle(&e->g);
		assert_int_equal(fake_vhost_run(&e->k), 0);
		vrig_reset(&e->g);
	}
}

/* Every call that can fail fails: the guest's device needs a reset, after which all is well. */
static void test_failing_calls(void **state)
{
	struct env *e = *state;
	unsigned n;

	for (n = 1; n < 100; n++) {
		vrig_reset(&e->g);
		e->k.failed = false;
		e->k.fail_at = n;
		e->k.fail_err = -ENOMEM;
		vrig_probe(&e->g, FULL);
		vrig_settle(&e->g);
		e->k.fail_at = 0;
		if (!e->k.failed)
			break;
		assert_true(needs_reset(e));
		assert_int_equal(fake_vhost_served(&e->k), 0);
		vrig_notify(&e->g, 0);
		vrig_settle(&e->g);
		vrig_reset(&e->g);
		vrig_probe(&e->g, FULL);
		vrig_settle(&e->g);
		kernel_round(e, 0, n);
		kernel_round(e, 1, n);
	}
	assert_true(n > 15 && n < 100);
	kernel_round(e, 0, n);
}

/* Robustness row 50: the kernel forgets chains, as when a tap is removed. The device does them, and
 * all that comes until the kernel gets the queue again. */
static void test_row50_given_up(void **state)
{
	struct env *e = *state;
	gpa_t out[4];

	vrig_probe(&e->g, PLAIN);
	for (unsigned round = 0; round < 4; round++) {
		kernel_round(e, 1, round);
		for (unsigned i = 0; i < ARRAY_LEN(out); i++)
			out[i] = vrig_add(&e->g, 1, round * 10 + i);
		gd_kick(&e->g.q[1]);
		assert_int_equal(fake_vhost_lose(&e->k, 1), ARRAY_LEN(out));
		for (unsigned i = 0; i < ARRAY_LEN(out); i++)
			vrig_expect(&e->g, 1, out[i], round * 10 + i);
		assert_int_equal(e->failed, round + 1);
		assert_int_equal(fake_vhost_served(&e->k), 1);
		own_round(e, 1, 77);
		kernel_round(e, 0, round); /* the other one never was away */
		virtio_run_on_loop(&e->f->v, resume, e->vh);
		assert_int_equal(fake_vhost_served(&e->k), 2);
	}
	assert_false(needs_reset(e));
	kernel_round(e, 1, 99);
}

/* The device's own look finds that the driver is to blame. */
static void test_given_up_for_good(void **state)
{
	struct env *e = *state;

	vrig_probe(&e->g, PLAIN);
	kernel_round(e, 1, 1);
	vrig_settle(&e->g);
	gd_set_avail(&e->g.q[1], 1, 0x7777);
	gd_set_avail_idx(&e->g.q[1], 2);
	fake_vhost_run(&e->k);
	assert_true(EVENTUALLY(5000, needs_reset(e)));
	virtio_run_on_loop(&e->f->v, resume, e->vh);
	assert_int_equal(fake_vhost_served(&e->k), 1);
	vrig_reset(&e->g);
	vrig_probe(&e->g, PLAIN);
	kernel_round(e, 1, 2);
}

/* Whatever the kernel refuses, the device does itself, and later gives it away. */
static void test_failing_calls_of_no_matter(void **state)
{
	struct env *e = *state;
	unsigned n;

	for (n = 1; n < 100; n++) {
		vrig_reset(&e->g);
		e->k.failed = false;
		e->k.fail_at = n;
		e->k.fail_err = -ENOMEM;
		vrig_probe(&e->g, PLAIN);
		vrig_settle(&e->g);
		e->k.fail_at = 0;
		if (!e->k.failed)
			break;
		assert_false(needs_reset(e));
		assert_int_equal(fake_vhost_served(&e->k), 0);
		own_round(e, 0, n);
		own_round(e, 1, n);
		virtio_run_on_loop(&e->f->v, resume, e->vh);
		assert_int_equal(fake_vhost_served(&e->k), 2);
		kernel_round(e, 0, n);
		kernel_round(e, 1, n);
	}
	assert_true(n > 15 && n < 100);
}

/* It does not even let go. */
static void test_failing_stop(void **state)
{
	struct env *e = *state;

	for (unsigned n = 1; n < 12; n++) {
		vrig_reset(&e->g);
		vrig_probe(&e->g, FULL);
		kernel_round(e, 0, n);
		e->k.fail_at = n;
		e->k.fail_err = -EINTR;
		stop(e);
		e->k.fail_at = 0;
		start(e);
		e->k.wrong = 0; /* a backend that would not go */
	}
	vrig_reset(&e->g);
	vrig_probe(&e->g, FULL);
	kernel_round(e, 0, 1);
}

/* --- opening it ------------------------------------------------------------------------------- */

static void expect_open_error(struct env *e, const char *part, const char *hint)
{
	struct vhost_config c = config_of(e);
	struct error *err = NULL;
	struct vhost *v = NULL;

	e->k.owned = false;
	assert_true(vhost_open(&c, &v, &err) < 0);
	assert_null(v);
	if (hint)
		assert_non_null(strstr(error_hint(err), hint));
	assert_error(err, part);
}

static void test_open_errors(void **state)
{
	struct env *e = *state;
	uint64_t features = e->k.features;

	e->k.open_err = -ENOENT;
	expect_open_error(e, "cannot open '/dev/vhost-net' for 'fake0': No such file or directory",
			  "modprobe vhost_net");
	e->k.open_err = -ENODEV;
	expect_open_error(e, "cannot open '/dev/vhost-net'", "modprobe vhost_net");
	e->k.open_err = -EACCES;
	expect_open_error(e, "cannot open '/dev/vhost-net' for 'fake0': Permission denied",
			  "chgrp kvm /dev/vhost-net");
	e->k.open_err = -EMFILE;
	expect_open_error(e, "Too many open files", NULL);
	e->k.open_err = 0;
	e->k.features = VIRTIO_F_EVENT_IDX;
	expect_open_error(e, "older than version 1 of virtio", NULL);
	e->k.features = features;
	for (unsigned n = 1; n <= 2; n++) {
		e->k.fail_at = n;
		e->k.fail_err = -ENOMEM;
		expect_open_error(e, "Cannot allocate memory", NULL);
	}
	e->k.vsock = true;
	e->k.taken_cid = 7;
	expect_open_error(e, "the vsock CID 7 of 'fake0' is another VM's", "cid=");
	e->k.vsock = false;
}

/* A kernel with less than we have: the driver is not told of it. */
static void test_poor_kernel(void **state)
{
	struct env *e = *state;
	struct vhost_config c = config_of(e);
	struct vhost *v;

	e->k.owned = false;
	e->k.features = PLAIN;
	assert_int_equal(vhost_open(&c, &v, NULL), 0);
	assert_false(vrig_offered(&e->g) & (VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC));
	assert_true(vrig_offered(&e->g) & FAKE_VIRTIO_F_A);
	vhost_close(v);
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, up_pci, down)
#define CASE_ON(t, s)                                                                              \
	{                                                                                          \
#t "/" #s, t, s, down, NULL                                                        \
	}
	const struct CMUnitTest tests[] = {
		CASE(test_offered),
		CASE(test_hand_over),
		CASE(test_rings_outside_of_ram),
		CASE(test_irqfd),
		CASE(test_irq_moves),
		CASE_ON(test_wire, up_intx),
		CASE_ON(test_wire, up_mmio),
		CASE(test_positions),
		CASE_ON(test_positions, up_mmio),
		CASE(test_kicks_are_not_lost),
		CASE(test_snapshot),
		CASE(test_reset),
		CASE_ON(test_reset, up_vsock),
		CASE(test_queue_reset),
		CASE_ON(test_vsock, up_vsock),
		CASE(test_broken_ring),
		CASE_ON(test_broken_ring, up_mmio),
		CASE(test_failing_calls),
		CASE_ON(test_failing_calls, up_vsock),
		CASE_ON(test_row50_given_up, up_able),
		CASE_ON(test_given_up_for_good, up_able),
		CASE_ON(test_failing_calls_of_no_matter, up_able),
		CASE(test_failing_stop),
		CASE(test_open_errors),
		CASE(test_poor_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
