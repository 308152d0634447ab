/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_blk_queues.c: the virtio block device with many requests at once: batches,
 * completions in any order, fairness, errors of the host, resets in between, a driver on another
 * thread.
 */
#include <errno.h>
#include <sched.h>

#include "tests/lib/blk_guest.h"
#include "tests/lib/fake.h"
#include "tests/lib/fake_blk_link.h"

#define IN      VIRTIO_BLK_T_IN
#define OUT     VIRTIO_BLK_T_OUT
#define FLUSH   VIRTIO_BLK_T_FLUSH
#define DISCARD VIRTIO_BLK_T_DISCARD
#define OK      VIRTIO_BLK_S_OK
#define IOERR   VIRTIO_BLK_S_IOERR
#define UNSUPP  VIRTIO_BLK_S_UNSUPP

/* The guest of callbacks. */
static struct blk_guest *endless;

/* --- many at once ----------------------------------------------------------------------------- */

/* One kick: one batch, one look at what is done, one interrupt. */
static void one_batch_per_kick(void **state)
{
	struct blk_guest g;
	struct bg_req r[40];

	(void)state;
	bg_up(&g);
	for (unsigned i = 0; i < 40; i++)
		r[i] = bg_add(&g, 0, i % 3 ? IN : OUT, i, NULL, 512);
	bg_submit(&g, 0);
	assert_int_equal(g.disk->submits, 1);
	assert_int_equal(g.disk->last_batch, 40);
	assert_int_equal(g.disk->reaps, 1);
	assert_int_equal(g.irqs[0], 1);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(bg_status(&g, r[i]), OK);
		assert_int_equal(g.disk->log[i].off, i * 512); /* in order */
	}
	assert_int_equal(bg_used_all(&g, 0), 40);
	bg_end(&g);
}

static bool kick_wanted;

static void add_while_it_looks(struct fake_blk *f)
{
	f->on_submit = NULL;
	bg_add(endless, 0, IN, 0, NULL, 512);
	kick_wanted = gd_kick(&endless->d[0]);
}

/* While it looks at a queue anyway, the device asks for no kicks (2.7.10); what comes meanwhile is
 * found, and afterwards a kick is wanted again. */
static void no_kicks_while_it_looks(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct blk_guest g;

		bg_up_with(&g, &(struct bg_config){ 0 }, i ? BG_ALL : BG_ALL & ~VIRTIO_F_EVENT_IDX);
		endless = &g;
		bg_run(&g, IN, 0, NULL,
		       512); /* before the first one it has asked for nothing yet */
		for (unsigned round = 0; round < 3; round++) {
			g.disk->on_submit = add_while_it_looks;
			kick_wanted = true;
			bg_add(&g, 0, IN, 0, NULL, 512);
			assert_true(gd_kick(&g.d[0]));
			bg_kick(&g, 0);
			assert_false(kick_wanted);
			assert_int_equal(bg_used_all(&g, 0), 2);
		}
		bg_end(&g);
	}
}

/* What needs no disk is completed on the way and told with the rest. */
static void refused_among_others(void **state)
{
	struct blk_guest g;
	struct bg_req r[30];

	(void)state;
	bg_up(&g);
	g.disk->hold = true;
	for (unsigned i = 0; i < 30; i++)
		r[i] = bg_add(&g, 0, i % 3 ? IN : 99, i, NULL, 512);
	bg_submit(&g, 0);
	assert_int_equal(g.disk->last_batch, 20);
	assert_int_equal(g.irqs[0], 1);
	assert_int_equal(bg_used_all(&g, 0), 10);
	assert_int_equal(fake_blk_release(g.disk, 20, true), 20);
	assert_int_equal(bg_used_all(&g, 0), 20);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(bg_status(&g, r[i]), i % 3 ? OK : UNSUPP);
	bg_end(&g);
}

/* Completions that come later, in any order: one interrupt per wake-up of the loop. */
static void late_completions(void **state)
{
	struct blk_guest g;
	struct bg_req r[24];
	unsigned irqs;

	(void)state;
	bg_up(&g);
	g.disk->hold = true;
	for (unsigned i = 0; i < 24; i++)
		r[i] = bg_add(&g, 0, IN, i, NULL, 512);
	bg_submit(&g, 0);
	assert_int_equal(g.irqs[0], 0);
	for (unsigned i = 0; i < 24; i++)
		assert_int_equal(bg_status(&g, r[i]), BG_NONE);
	for (unsigned i = 0; i < 3; i++) {
		gd_irqs_on(&g.d[0]);
		irqs = g.irqs[0];
		assert_int_equal(fake_blk_release(g.disk, 8, i & 1), 8);
		assert_int_equal(g.irqs[0], irqs + 1);
		assert_int_equal(bg_used_all(&g, 0), 8);
	}
	for (unsigned i = 0; i < 24; i++)
		assert_int_equal(bg_status(&g, r[i]), OK);
	assert_int_equal(vq_outstanding(g.v->queue[0].vq), 0);
	bg_end(&g);
}

/* As many as the ring is long, over and over: the pool is neither short nor leaking. */
static void full_rings(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ .ring = 16 }, BG_ALL);
	g.disk->hold = true;
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 16; i++) {
			struct bg_req r = bg_put_header(&g, 0, IN, i, 512);
			struct gd_buf b[] = { { r.hdr, 16, false },
					      { r.data, 512, GD_W },
					      { r.status, 1, GD_W } };

			assert_true(gd_add_indirect(&g.d[0], b, 3, &g) >= 0);
		}
		bg_submit(&g, 0);
		assert_int_equal(g.disk->in_flight, 16);
		assert_int_equal(fake_blk_release(g.disk, 16, round & 1), 16);
		assert_int_equal(bg_used_all(&g, 0), 16);
	}
	bg_end(&g);
}

static void errors_of_the_host(void **state)
{
	struct blk_guest g;
	uint8_t buf[512] = { 0 };

	(void)state;
	bg_up(&g);
	g.disk->error = EIO;
	assert_int_equal(bg_run(&g, IN, 0, buf, sizeof(buf)), IOERR);
	assert_int_equal(bg_run(&g, OUT, 0, buf, sizeof(buf)), IOERR);
	assert_int_equal(bg_run(&g, FLUSH, 0, NULL, 0), IOERR);
	g.disk->error = ENOSPC;
	assert_int_equal(bg_run(&g, OUT, 0, buf, sizeof(buf)), IOERR);
	g.disk->error = EOPNOTSUPP;
	assert_int_equal(bg_run_range(&g, DISCARD, 0, 8, 0), UNSUPP);
	bg_assert_healthy(&g);
	bg_end(&g);
}

/* A read that failed has put nothing into the buffer, and says so. */
static void failed_reads_claim_nothing(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	g.disk->error = EIO;
	bg_add(&g, 0, IN, 0, NULL, 1024);
	bg_submit(&g, 0);
	assert_int_equal(bg_used_one(&g, 0), 0);
	bg_end(&g);
}

static void several_queues(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ .queues = 4 }, BG_ALL);
	for (unsigned q = 0; q < 4; q++) {
		bg_add(&g, q, IN, q, NULL, 512);
		bg_submit(&g, q);
		assert_int_equal(g.irqs[q], 1);
		bg_used_one(&g, q);
	}
	/* What another queue's kick finds done is told to the queue whose it is. */
	g.disk->hold = true;
	for (unsigned q = 0; q < 3; q++) {
		gd_irqs_on(&g.d[q]);
		bg_add(&g, q, IN, q, NULL, 512);
		bg_submit(&g, q);
	}
	g.disk->hold = false;
	bg_add(&g, 3, IN, 3, NULL, 512);
	gd_irqs_on(&g.d[3]);
	bg_submit(&g, 3);
	for (unsigned q = 0; q < 4; q++) {
		assert_int_equal(g.irqs[q], 2);
		bg_used_one(&g, q);
	}
	bg_end(&g);
}

static void add_one_more(struct fake_blk *f)
{
	struct gd_used u;

	(void)f;
	while (gd_get_used(&endless->d[0], &u))
		;
	endless->d[0].next = GD_RINGS + MIB / 2; /* the same memory again */
	bg_add(endless, 0, IN, 0, NULL, 512);
	gd_kick(&endless->d[0]);
}

/* A queue that is never empty lets others have their turn, and comes back by itself. */
static void fair_to_other_queues(void **state)
{
	struct blk_guest g;
	uint64_t rung = 0;

	(void)state;
	bg_up(&g);
	endless = &g;
	g.disk->on_submit = add_one_more;
	if (read(g.v->queue[0].kick.fd, &rung, sizeof(rung)) < 0)
		assert_int_equal(errno, EAGAIN);
	bg_add(&g, 0, IN, 0, NULL, 512);
	bg_submit(&g, 0);
	assert_true(g.disk->submits <= 16);
	assert_int_equal(read(g.v->queue[0].kick.fd, &rung, sizeof(rung)), sizeof(rung));
	assert_int_equal(rung, 1);
	/* The kick it gave itself does the rest. */
	g.disk->on_submit = NULL;
	bg_kick(&g, 0);
	assert_int_equal(read(g.v->queue[0].kick.fd, &rung, sizeof(rung)), -1);
	assert_int_equal(vq_outstanding(g.v->queue[0].vq), 0);
	bg_end(&g);
}

/* --- resets ----------------------------------------------------------------------------------- */

/* 2.1.2 and docs/threat-model.md, row 21: a reset waits for what is in flight. */
static void reset_with_requests_in_flight(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	for (unsigned round = 0; round < 3; round++) {
		g.disk->hold = true;
		for (unsigned i = 0; i < 20; i++)
			bg_add(&g, 0, OUT, i, NULL, 512);
		bg_submit(&g, 0);
		assert_int_equal(g.disk->in_flight, 20);
		if (round == 2)
			device_reset(&g.v->dev);
		else
			virtio_set_status(g.v, 0);
		assert_int_equal(g.disk->in_flight, 0);
		assert_int_equal(virtio_status(g.v), 0);
		g.disk->hold = false;
		bg_begin(&g, bg_ring_features);
		bg_assert_healthy(&g);
	}
	bg_end(&g);
}

/* 2.6.1: one queue starts anew, the other goes on. */
static void queue_reset(void **state)
{
	struct blk_guest g;
	struct virtio_queue *q;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ .queues = 2 }, BG_ALL);
	g.disk->hold = true;
	bg_add(&g, 0, OUT, 0, NULL, 512);
	bg_submit(&g, 0);
	bg_add(&g, 1, OUT, 1, NULL, 512);
	bg_submit(&g, 1);
	virtio_queue_reset(g.v, 1);
	assert_int_equal(g.disk->in_flight, 0);
	bg_used_one(&g, 0); /* was not reset: got its completion */
	g.disk->hold = false;
	q = virtio_get_queue(g.v, 1);
	gd_init(&g.d[1], g.gm, GD_RINGS + 3 * MIB, 64, g.v->acked);
	q->addr = g.d[1].ring;
	virtio_queue_enable(g.v, 1);
	bg_add(&g, 1, IN, 1, NULL, 512);
	bg_submit(&g, 1);
	bg_used_one(&g, 1);
	bg_assert_healthy(&g);
	bg_end(&g);
}

/* A ring that is broken: the device wants a reset, requests on their way end, and after the reset
 * all is well. */
static void broken_rings(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ .queues = 2 }, BG_ALL);
	g.disk->hold = true;
	bg_add(&g, 1, OUT, 1, NULL, 512);
	bg_submit(&g, 1);
	assert_true(gd_add(&g.d[0], (struct gd_buf[]){ { GD_LOW_END, 16, false } }, 1, &g) >= 0);
	bg_submit(&g, 0);
	assert_true(virtio_status(g.v) & VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(g.config_irqs, 1);
	bg_add(&g, 1, OUT, 1, NULL, 512);
	bg_submit(&g, 1);
	assert_int_equal(g.disk->in_flight, 1); /* kicks are not heard any more */
	fake_blk_release(g.disk, 1, false);
	g.disk->hold = false;
	bg_begin(&g, bg_ring_features);
	bg_assert_healthy(&g);
	bg_end(&g);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* The driver on this thread, the device on its own: every request comes back once, and a kick that
 * the device did not want is never missed. */
static void driver_and_device_in_two_threads(void **state)
{
	struct blk_guest g;
	struct error *e = NULL;
	unsigned added = 0, used = 0;
	gpa_t memory;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ .queues = 2, .ring = 64 }, BG_ALL);
	/* The queues were enabled while no loop ran: the thread takes them over with this start. */
	if (loop_start_thread(g.loop, &e) < 0)
		assert_no_error(e);
	memory = g.d[0].next;
	while (used < 20000) {
		struct gd_used u;

		while (added < 20000 && added - used < 16) {
			g.d[0].next = memory + added % 64 * 2048;
			bg_add(&g, 0, added % 2 ? IN : OUT, added % BG_SECTORS, NULL, 512);
			added++;
			if (added % 3 == 0 && gd_kick(&g.d[0]))
				virtio_ring(g.v, 0);
		}
		if (gd_kick(&g.d[0]))
			virtio_ring(g.v, 0);
		while (gd_get_used(&g.d[0], &u))
			used++;
		sched_yield();
	}
	assert_true(g.disk->submits < 20000 + 1);
	virtio_set_status(g.v, 0); /* waits for the loop */
	loop_stop(g.loop);
	bg_end(&g);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void stops_twice_and_closes_once(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	g.disk->hold = true;
	bg_add(&g, 0, OUT, 0, NULL, 512);
	bg_submit(&g, 0);
	g.v->dev.ops->stop(&g.v->dev); /* the fake sees to it that nothing is in flight */
	assert_true(g.disk_closed);
	bg_used_one(&g, 0);
	g.v->dev.ops->stop(&g.v->dev);
	bg_end(&g);
	/* Never started, never attached to a driver. */
	bg_create(&g, &(struct bg_config){ 0 });
	g.v->dev.ops->destroy(NULL);
	bg_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_batch_per_kick),
		cmocka_unit_test(no_kicks_while_it_looks),
		cmocka_unit_test(refused_among_others),
		cmocka_unit_test(late_completions),
		cmocka_unit_test(full_rings),
		cmocka_unit_test(errors_of_the_host),
		cmocka_unit_test(failed_reads_claim_nothing),
		cmocka_unit_test(several_queues),
		cmocka_unit_test(fair_to_other_queues),
		cmocka_unit_test(reset_with_requests_in_flight),
		cmocka_unit_test(queue_reset),
		cmocka_unit_test(broken_rings),
		cmocka_unit_test(driver_and_device_in_two_threads),
		cmocka_unit_test(stops_twice_and_closes_once),
	};

	return BG_RUN_TESTS(tests);
}
