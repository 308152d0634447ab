/* SPDX-License-Identifier: MIT */
/* loop.c and timer.c: descriptors, posted work, timers in order, a clock that can stand still. */
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/fake.h"
#include "vmm/loop.h"

static struct loop *make(void)
{
	struct error *e = NULL;
	struct loop *l = loop_create("test", &e);

	assert_no_error(e);
	return l;
}

struct stopper {
	struct ev_timer timer;
	struct loop *loop;
};

static void stop_cb(struct ev_timer *t)
{
	loop_stop(container_of(t, struct stopper, timer)->loop);
}

/* Runs the loop on this thread for @ns of VM time. */
static void run_for(struct loop *l, uint64_t ns)
{
	struct stopper s = { .loop = l };

	timer_init(&s.timer, loop_clock(l), stop_cb);
	timer_arm(&s.timer, vclock_now(loop_clock(l)) + ns);
	loop_run(l);
}

struct order {
	struct ev_timer t;
	unsigned id, *log, *cnt;
};

static void log_cb(struct ev_timer *t)
{
	struct order *o = container_of(t, struct order, t);

	o->log[(*o->cnt)++] = o->id;
}

static void timers_fire_in_order(void **state)
{
	struct loop *l = make();
	struct vclock *c = loop_clock(l);
	unsigned log[8], cnt = 0;
	struct order o[4];
	uint64_t now = vclock_now(c);

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		o[i] = (struct order){ .id = i, .log = log, .cnt = &cnt };
		timer_init(&o[i].t, c, log_cb);
	}
	timer_arm(&o[0].t, now + 3 * NSEC_PER_MSEC);
	timer_arm(&o[1].t, now + 1 * NSEC_PER_MSEC);
	timer_arm(&o[2].t, now + 2 * NSEC_PER_MSEC);
	timer_arm(&o[3].t, now + 1 * NSEC_PER_MSEC);
	timer_cancel(&o[3].t);
	timer_arm(&o[1].t, now + 4 * NSEC_PER_MSEC); /* moved behind the others */
	run_for(l, 8 * NSEC_PER_MSEC);
	assert_int_equal(cnt, 3);
	assert_int_equal(log[0], 2);
	assert_int_equal(log[1], 0);
	assert_int_equal(log[2], 1);
	loop_destroy(l);
}

static void rearm_cb(struct ev_timer *t)
{
	struct order *o = container_of(t, struct order, t);

	(*o->cnt)++;
	timer_arm(t, 0); /* due since for ever */
}

/* A timer that always rearms itself for now must not keep the others out. */
static void no_starvation(void **state)
{
	struct loop *l = make();
	unsigned cnt = 0;
	struct order o = { .cnt = &cnt };

	(void)state;
	timer_init(&o.t, loop_clock(l), rearm_cb);
	timer_arm(&o.t, 0);
	run_for(l, 5 * NSEC_PER_MSEC);
	assert_true(cnt > 1);
	loop_destroy(l);
}

static void clock_stands_still(void **state)
{
	struct loop *l = make();
	struct vclock *c = loop_clock(l);
	uint64_t a, b;

	(void)state;
	loop_pause_clock(l);
	a = vclock_now(c);
	usleep(3000);
	assert_int_equal(vclock_now(c), a);
	loop_pause_clock(l); /* idempotent */
	loop_resume_clock(l);
	b = vclock_now(c);
	assert_true(b >= a && b - a < 3 * NSEC_PER_MSEC);
	loop_destroy(l);
}

static void count_cb(struct ev_fd *e, uint32_t revents)
{
	uint64_t v;

	assert_true(revents & EV_IN);
	assert_int_equal(read(e->fd, &v, sizeof(v)), sizeof(v));
	loop_stop(e->loop);
}

static void watches_descriptors(void **state)
{
	struct loop *l = make();
	struct ev_fd e = { .fd = eventfd(0, EFD_NONBLOCK), .events = EV_IN, .cb = count_cb };
	struct error *err = NULL;
	uint64_t one = 1;

	(void)state;
	assert_int_equal(loop_add(l, &e, &err), 0);
	assert_int_equal(write(e.fd, &one, sizeof(one)), sizeof(one));
	loop_run(l);
	loop_del(&e);
	assert_null(e.loop);
	loop_del(&e); /* harmless */
	close(e.fd);
	e.fd = -1;
	assert_int_equal(loop_add(l, &e, &err), -EBADF);
	assert_error(err, "loop 'test'");
	loop_destroy(l);
}

static void set_true(void *arg)
{
	*(bool *)arg = true;
}

struct counter {
	struct ev_work work;
	unsigned runs;
};

static void count_work(struct ev_work *w)
{
	container_of(w, struct counter, work)->runs++;
}

static void work_crosses_threads(void **state)
{
	struct loop *l = make();
	struct error *e = NULL;
	struct counter c = { .work.cb = count_work };
	bool done = false;

	(void)state;
	loop_post(l, &c.work);
	loop_post(l, &c.work); /* still queued: once is enough */
	assert_int_equal(loop_start_thread(l, &e), 0);
	assert_false(loop_is_current(l));
	loop_run_sync(l, set_true, &done);
	assert_true(done);
	assert_int_equal(c.runs, 1);
	loop_post(l, &c.work);
	loop_run_sync(l, set_true, &done);
	assert_int_equal(c.runs, 2);
	loop_stop(l);
	loop_destroy(l);
}

static void stop_host(struct ev_timer *t)
{
	loop_stop(container_of(t, struct stopper, timer)->loop);
}

/* A hosted loop's timers, work and descriptors are served by its host, on the host's thread. */
static void hosted_loop(void **state)
{
	struct loop *host = make(), *l = make();
	struct error *e = NULL;
	struct counter c = { .work.cb = count_work };
	struct stopper s = { .loop = host };

	(void)state;
	if (loop_start_hosted(l, host, &e) < 0)
		assert_no_error(e);
	loop_post(l, &c.work);
	timer_init(&s.timer, loop_clock(l), stop_host);
	timer_arm(&s.timer, vclock_now(loop_clock(l)) + 2 * NSEC_PER_MSEC);
	loop_run(host);
	assert_int_equal(c.runs, 1);
	/* Its clock is its own: it stands still while the host's goes on. */
	loop_pause_clock(l);
	timer_arm(&s.timer, vclock_now(loop_clock(l)));
	run_for(host, 3 * NSEC_PER_MSEC);
	assert_true(s.timer.armed);
	loop_stop(l);
	loop_post(l, &c.work);
	run_for(host, NSEC_PER_MSEC);
	assert_int_equal(c.runs, 1);
	loop_destroy(l);
	loop_destroy(host);
}

struct edge {
	struct ev_fd fd;
	unsigned reports;
};

static void edge_cb(struct ev_fd *e, uint32_t revents)
{
	assert_int_equal(revents, EV_IN);
	container_of(e, struct edge, fd)->reports++;
}

/* An eventfd that is never read: one report for each write while it is watched, and one for what
 * was written before. */
static void edges_need_no_reading(void **state)
{
	struct edge e = { .fd = { .events = EV_IN | EV_EDGE, .cb = edge_cb } };
	uint64_t one = 1;

	(void)state;
	e.fd.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(write(e.fd.fd, &one, 8), 8);
	for (unsigned i = 1; i <= 5; i++) {
		struct loop *l = make(); /* one runs only once on this thread */

		e.reports = 0;
		assert_int_equal(loop_add(l, &e.fd, NULL), 0);
		run_for(l, NSEC_PER_SEC / 100);
		assert_int_equal(e.reports, 1);
		loop_del(&e.fd);
		loop_destroy(l);
	}
	close(e.fd.fd);
}

struct rewrite {
	struct edge edge;
	unsigned left;
};

static void rewrite_cb(struct ev_fd *e, uint32_t revents)
{
	struct rewrite *r = container_of(e, struct rewrite, edge.fd);
	uint64_t one = 1;

	edge_cb(e, revents);
	if (r->left--)
		assert_int_equal(write(e->fd, &one, 8), 8);
	else
		loop_stop(e->loop);
}

/* A write while the report of the last one is being dealt with is another report. */
static void no_edge_is_lost(void **state)
{
	struct rewrite r = { .edge.fd = { .events = EV_IN | EV_EDGE, .cb = rewrite_cb },
			     .left = 1000 };
	struct loop *l = make();
	uint64_t one = 1;

	(void)state;
	r.edge.fd.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(loop_add(l, &r.edge.fd, NULL), 0);
	assert_int_equal(write(r.edge.fd.fd, &one, 8), 8);
	loop_run(l);
	assert_int_equal(r.edge.reports, 1001);
	loop_del(&r.edge.fd);
	loop_destroy(l);
	close(r.edge.fd.fd);
}

static void note_running(void *arg)
{
	struct loop *l = arg;

	assert_true(loop_is_running(l) && loop_is_current(l));
}

static void knows_whether_it_runs(void **state)
{
	struct loop *host = make(), *guest = make();

	(void)state;
	assert_false(loop_is_running(host));
	assert_int_equal(loop_start_hosted(guest, host, NULL), 0);
	assert_false(loop_is_running(guest));
	assert_int_equal(loop_start_thread(host, NULL), 0);
	assert_true(loop_is_running(host)); /* before its thread has come so far */
	assert_true(loop_is_running(guest));
	assert_false(loop_is_current(host));
	loop_run_sync(host, note_running, host);
	loop_run_sync(guest, note_running, guest);
	loop_stop(host);
	assert_false(loop_is_running(host));
	assert_false(loop_is_running(guest));
	loop_stop(guest);
	loop_destroy(guest);
	loop_destroy(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order),  cmocka_unit_test(no_starvation),
		cmocka_unit_test(clock_stands_still),    cmocka_unit_test(watches_descriptors),
		cmocka_unit_test(work_crosses_threads),  cmocka_unit_test(hosted_loop),
		cmocka_unit_test(edges_need_no_reading), cmocka_unit_test(no_edge_is_lost),
		cmocka_unit_test(knows_whether_it_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
