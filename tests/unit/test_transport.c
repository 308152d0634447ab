/* SPDX-License-Identifier: MIT */
/* test_transport.c: interrupt status and doorbells, which both virtio transports have. */
#include <string.h>

#include "devices/virtio/transport.h"
#include "tests/lib/fake_virtio.h"
#include "tests/lib/guest_driver.h"

/* --- interrupt status ------------------------------------------------------------------------- */

struct wire {
	struct virtio_isr isr;
	bool level;
	unsigned sets;
};

static void drive(struct virtio_isr *i, bool level)
{
	struct wire *w = container_of(i, struct wire, isr);

	w->level = level;
	w->sets++;
}

/* The wire is high exactly while a bit is set. */
static void test_isr(void **state)
{
	struct wire w = { 0 };

	(void)state;
	virtio_isr_init(&w.isr, drive);
	assert_int_equal(virtio_isr_get(&w.isr), 0);
	assert_int_equal(w.sets, 0); /* nobody is there to hear it yet */
	virtio_isr_set(&w.isr, VIRTIO_ISR_QUEUE);
	virtio_isr_set(&w.isr, VIRTIO_ISR_CONFIG);
	assert_true(w.level);
	assert_int_equal(w.sets, 1); /* as it is high already */
	assert_int_equal(virtio_isr_get(&w.isr), 3);
	assert_int_equal(virtio_isr_clear(&w.isr, VIRTIO_ISR_QUEUE), 3);
	assert_true(w.level);
	assert_int_equal(virtio_isr_clear(&w.isr, 0xff), VIRTIO_ISR_CONFIG);
	assert_false(w.level);
	assert_int_equal(virtio_isr_clear(&w.isr, 0xff), 0);
	assert_int_equal(w.sets, 2);
	virtio_isr_fini(&w.isr);
}

/* --- doorbells -------------------------------------------------------------------------------- */

struct env {
	struct guest_mem *gm;
	struct loop *loop;
	struct fake_virtio *f;
	struct fake_xport x;
	struct fake_bells host;
	struct virtio_bells b;
};

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));

	e->gm = gd_mem_create();
	e->loop = loop_create("test", NULL);
	e->f = fake_virtio_create(e->gm, e->loop, false);
	fake_xport_init(&e->x);
	virtio_attach(&e->f->v, &e->x.xport, 0);
	for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++)
		e->f->v.queue[i].enabled = i != 1;
	atomic_store(&e->f->v.status, VIRTIO_STATUS_DRIVER_OK);
	fake_bells_init(&e->host);
	e->b = (struct virtio_bells){ .vdev = &e->f->v,
				      .host = &e->host.host,
				      .first = { .addr = 0x1000, .pio = true },
				      .stride = 4,
				      .on = true,
				      .mapped = true };
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	atomic_store(&e->f->v.status, 0);
	fake_virtio_destroy(e->f);
	loop_destroy(e->loop);
	gm_destroy(e->gm);
	free(e);
	return 0;
}

/* How often queue @n's eventfd was rung since the last look. */
static uint64_t rung(struct env *e, unsigned n)
{
	uint64_t cnt = 0;

	return read(e->f->v.queue[n].kick.fd, &cnt, sizeof(cnt)) == sizeof(cnt) ? cnt : 0;
}

/* Attached by its first use, and from then on the write does not come here. */
static void test_attached_by_use(void **state)
{
	struct env *e = *state;

	assert_false(fake_bells_write(&e->host, true, 0x1008, 2, 2));
	virtio_bells_ring(&e->b, 2);
	assert_int_equal(rung(e, 2), 1);
	assert_int_equal(fake_bells_cnt(&e->host), 1);
	assert_true(fake_bells_write(&e->host, true, 0x1008, 2, 2));
	assert_true(fake_bells_write(&e->host, true, 0x1008, 1, 0xff)); /* any width and value */
	assert_false(fake_bells_write(&e->host, true, 0x1009, 1, 2));
	assert_false(fake_bells_write(&e->host, false, 0x1008, 2, 2));
	assert_false(fake_bells_write(&e->host, true, 0x1000, 2, 2));
	assert_int_equal(rung(e, 2), 2);
	/* A write on its way when it was attached arrives here all the same. */
	virtio_bells_ring(&e->b, 2);
	assert_int_equal(rung(e, 2), 1);
	assert_int_equal(fake_bells_cnt(&e->host), 1);
	virtio_bells_switch(&e->b, false);
	assert_int_equal(fake_bells_cnt(&e->host), 0);
	virtio_bells_ring(&e->b, 2);
	assert_int_equal(rung(e, 2), 1);
	assert_int_equal(fake_bells_cnt(&e->host), 0);
}

static void test_by_value(void **state)
{
	struct env *e = *state;

	e->b.stride = 0;
	e->b.first = (struct doorbell){ .addr = 0xd0000050, .size = 4, .match = true };
	virtio_bells_ring(&e->b, 2);
	virtio_bells_ring(&e->b, 0);
	assert_int_equal(rung(e, 0) + rung(e, 2), 2);
	assert_true(fake_bells_write(&e->host, false, 0xd0000050, 4, 2));
	assert_int_equal(rung(e, 2), 1);
	assert_int_equal(rung(e, 0), 0);
	assert_false(fake_bells_write(&e->host, false, 0xd0000050, 4, 1));
	assert_false(fake_bells_write(&e->host, false, 0xd0000050, 4, 0x10002));
	assert_false(fake_bells_write(&e->host, false, 0xd0000050, 2, 2));
	virtio_bells_switch(&e->b, false);
}

/* Robustness row 15: not for a queue that is not there, or not enabled. */
static void test_row15_no_such_queue(void **state)
{
	static const uint32_t bad[] = { FAKE_VIRTIO_QUEUES, 63, 64, 65, 0x10000, UINT32_MAX };
	struct env *e = *state;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		virtio_bells_ring(&e->b, bad[i]);
	virtio_bells_ring(&e->b, 1);
	assert_int_equal(fake_bells_cnt(&e->host), 0);
}

/* A BAR that moves takes its doorbells along; one that is disabled has none. */
static void test_move(void **state)
{
	struct env *e = *state;

	virtio_bells_ring(&e->b, 0);
	virtio_bells_move(&e->b, true, 0x1000); /* where it is */
	assert_int_equal(fake_bells_cnt(&e->host), 1);
	virtio_bells_move(&e->b, true, 0x2000);
	assert_int_equal(fake_bells_cnt(&e->host), 0);
	virtio_bells_ring(&e->b, 0);
	assert_true(fake_bells_write(&e->host, true, 0x2000, 2, 0));
	virtio_bells_move(&e->b, false, 0);
	assert_int_equal(fake_bells_cnt(&e->host), 0);
	virtio_bells_ring(&e->b, 0); /* by way of configuration space */
	assert_int_equal(fake_bells_cnt(&e->host), 0);
	virtio_bells_move(&e->b, true, 0x2000);
	virtio_bells_ring(&e->b, 0);
	assert_int_equal(fake_bells_cnt(&e->host), 1);
	virtio_bells_switch(&e->b, false);
	assert_int_equal(e->host.attaches, e->host.detaches);
	assert_int_equal(rung(e, 0), 5);
}

/* A host that has no doorbell for it is not asked at each kick, but after the next change; and each
 * write rings. */
static void test_host_refuses(void **state)
{
	struct env *e = *state;

	e->host.broken = true;
	virtio_bells_ring(&e->b, 0);
	e->host.broken = false;
	virtio_bells_ring(&e->b, 0);
	assert_int_equal(rung(e, 0), 2);
	assert_int_equal(fake_bells_cnt(&e->host), 0);
	virtio_bells_ring(&e->b, 2);
	assert_int_equal(fake_bells_cnt(&e->host), 1);
	virtio_bells_switch(&e->b, false);
	virtio_bells_switch(&e->b, true);
	virtio_bells_ring(&e->b, 0);
	assert_int_equal(fake_bells_cnt(&e->host), 1);
	virtio_bells_switch(&e->b, false);
	rung(e, 0);
	/* No host at all. */
	e->b.host = NULL;
	virtio_bells_switch(&e->b, true);
	virtio_bells_ring(&e->b, 0);
	assert_int_equal(rung(e, 0), 1);
	virtio_bells_switch(&e->b, false);
	assert_int_equal(e->host.attaches, e->host.detaches);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_isr),
		T(test_attached_by_use),
		T(test_by_value),
		T(test_row15_no_such_queue),
		T(test_move),
		T(test_host_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
