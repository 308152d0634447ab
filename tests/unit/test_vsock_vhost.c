/* SPDX-License-Identifier: MIT */
/*
 * test_vsock_vhost.c: virtio-vsock by a kernel that is fake: what is left to the device. What Linux
 * does with its queues is test_vhost_kernel.c's.
 */
#include <string.h>

#include "devices/virtio/vsock_vhost.h"
#include "tests/lib/fake_vhost.h"
#include "tests/lib/virtio_rig.h"
#include "virtio/vsock_wire.h"

#define EVENT VIRTIO_VSOCK_Q_EVENT

struct env {
	struct virtio_rig g;
	struct fake_vhost k;
	struct vsock_vhost *v;
};

static struct vsock_vhost_params params_of(struct env *e)
{
	return (struct vsock_vhost_params){
		.id = "vsock0", .gm = e->g.gm, .loop = e->g.loop, .cid = 77, .kernel = &e->k.kernel
	};
}

static int up(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	struct vsock_vhost_params p;
	struct error *err = NULL;

	vrig_init(&e->g, VRIG_PCI);
	fake_vhost_init(&e->k, true);
	p = params_of(e);
	if (vsock_vhost_create(&p, &e->v, &err) < 0)
		assert_no_error(err);
	vrig_plug(&e->g, vsock_vhost_device(e->v));
	vrig_start(&e->g);
	*state = e;
	return 0;
}

static int down(void **state)
{
	struct env *e = *state;
	struct device *d = &vsock_vhost_device(e->v)->dev;

	vrig_stop(&e->g);
	assert_int_equal(fake_vhost_served(&e->k), 0);
	assert_int_equal(e->k.wrong, 0);
	vrig_unplug(&e->g);
	d->ops->destroy(d);
	vrig_fini(&e->g);
	fake_vhost_fini(&e->k);
	free(e);
	return 0;
}

static void test_what_the_driver_finds(void **state)
{
	struct env *e = *state;
	uint64_t offered = vrig_offered(&e->g);

	assert_int_equal(vrig_config(&e->g, 0, 4), 77);
	assert_int_equal(vrig_config(&e->g, 4, 4), 0);
	assert_int_equal(e->k.cid, 77);
	assert_true(offered & VIRTIO_VSOCK_F_STREAM);
	assert_true(offered & VIRTIO_VSOCK_F_SEQPACKET);
	assert_false(offered & VIRTIO_F_RING_PACKED);
}

static void test_the_kernel_serves(void **state)
{
	struct env *e = *state;
	gpa_t out;

	for (unsigned i = 0; i < 3; i++) {
		vrig_probe(&e->g, VIRTIO_F_VERSION_1 | VIRTIO_VSOCK_F_SEQPACKET);
		vrig_settle(&e->g);
		assert_int_equal(fake_vhost_served(&e->k), 2);
		assert_true(e->k.acked & VIRTIO_VSOCK_F_SEQPACKET);
		out = vrig_add(&e->g, VIRTIO_VSOCK_Q_TX, i);
		gd_kick(&e->g.q[VIRTIO_VSOCK_Q_TX]);
		vrig_notify(&e->g, VIRTIO_VSOCK_Q_TX);
		assert_int_equal(fake_vhost_run(&e->k), 1);
		vrig_expect(&e->g, VIRTIO_VSOCK_Q_TX, out, i);
		vrig_reset(&e->g);
		assert_int_equal(fake_vhost_served(&e->k), 0);
	}
}

static gpa_t add_event(struct env *e, uint32_t len)
{
	gpa_t at = gd_alloc(&e->g.q[EVENT], 16, 16);
	struct gd_buf b = { at, len, GD_W };

	assert_true(gm_write(e->g.gm, at, "\xff\xff\xff\xff", 4));
	assert_true(gd_add(&e->g.q[EVENT], &b, 1, (void *)(uintptr_t)at) >= 0);
	return at;
}

/* Buffers for events wait until there is one; after a snapshot there is, and a buffer without room
 * for it does not stop it. */
static void test_event_after_a_snapshot(void **state)
{
	struct env *e = *state;
	struct device *d = &vsock_vhost_device(e->v)->dev;
	struct error *err = NULL;
	struct gd_used u;
	uint32_t id;

	vrig_probe(&e->g, VIRTIO_F_VERSION_1);
	add_event(e, 2);
	add_event(e, 16);
	add_event(e, 16);
	vrig_kick(&e->g, EVENT);
	vrig_settle(&e->g);
	assert_false(gd_get_used(&e->g.q[EVENT], &u));
	virtio_dev_stop(d);
	d->ops->state->pre_save(e->v);
	if (d->ops->state->post_load(e->v, 1, &err) < 0)
		assert_no_error(err);
	assert_int_equal(virtio_dev_start(d, &err), 0);
	vrig_next_used(&e->g, EVENT, &u);
	assert_int_equal(u.len, 0);
	vrig_next_used(&e->g, EVENT, &u);
	assert_int_equal(u.len, 4);
	assert_true(gm_read(e->g.gm, (uintptr_t)u.token, &id, 4));
	assert_int_equal(id, VIRTIO_VSOCK_EVENT_TRANSPORT_RESET);
	vrig_settle(&e->g);
	assert_false(gd_get_used(&e->g.q[EVENT], &u));
	assert_int_equal(fake_vhost_served(&e->k), 2);
}

static void test_no_kernel(void **state)
{
	struct env *e = *state;
	struct vsock_vhost_params p = params_of(e);
	struct vsock_vhost *v = NULL;
	struct error *err = NULL;

	e->k.open_err = -2; /* ENOENT */
	assert_true(vsock_vhost_create(&p, &v, &err) < 0);
	assert_null(v);
	assert_non_null(strstr(error_hint(err), "modprobe vhost_vsock"));
	assert_error(err, "cannot open '/dev/vhost-vsock' for 'vsock0': No such file or directory");
	e->k.open_err = 0;
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, up, down)
	const struct CMUnitTest tests[] = {
		CASE(test_what_the_driver_finds),
		CASE(test_the_kernel_serves),
		CASE(test_event_after_a_snapshot),
		CASE(test_no_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
