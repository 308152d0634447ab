/* SPDX-License-Identifier: MIT */
/* test_trace.c: rings of records: in order, whole, counted when there is no room. */
#include "vmm/trace.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>

#include "tests/lib/fake.h"
#include "vmm/error.h"

#define RECORDS 64u

static void start(unsigned records)
{
	struct error *err = NULL;

	assert_int_equal(trace_start(records, &err), 0);
	assert_no_error(err);
}

/* Every field says which one it is, so that a torn record shows. */
static void put(uint64_t n)
{
	struct trace_rec r = { .t = n, .kind = TRACE_EVENT, .num = (uint32_t)n };

	for (unsigned i = 0; i < ARRAY_LEN(r.event.arg); i++)
		r.event.arg[i] = n + i;
	trace_put(&r);
}

static void assert_whole(const struct trace_rec *r)
{
	assert_int_equal(r->num, (uint32_t)r->t);
	for (unsigned i = 0; i < ARRAY_LEN(r->event.arg); i++)
		assert_int_equal(r->event.arg[i], r->t + i);
}

static void comes_in_order(void **state)
{
	struct trace_rec got[RECORDS];
	struct trace_thread th;

	(void)state;
	start(RECORDS);
	assert_int_equal(trace_thread_cnt(), 0);
	assert_int_equal(trace_take(0, got, RECORDS), 0);
	for (uint64_t n = 0; n < 10; n++)
		put(n);
	assert_int_equal(trace_thread_cnt(), 1);
	assert_int_equal(trace_take(0, got, 4), 4);
	assert_int_equal(trace_take(0, got + 4, RECORDS), 6);
	for (unsigned n = 0; n < 10; n++) {
		assert_int_equal(got[n].t, n);
		assert_whole(&got[n]);
	}
	trace_thread_info(0, &th);
	assert_int_equal(th.vcpu, -1);
	assert_int_equal(th.lost, 0);
	trace_end();
}

static void counts_what_it_loses(void **state)
{
	struct trace_rec got[RECORDS];
	struct trace_thread th;

	(void)state;
	start(RECORDS);
	for (uint64_t n = 0; n < RECORDS + 7; n++)
		put(n);
	trace_thread_info(0, &th);
	assert_int_equal(th.lost, 7);
	assert_int_equal(trace_lost(), 7);
	/* The oldest are kept: a reader that is late still has the beginning of the story. */
	assert_int_equal(trace_take(0, got, RECORDS), RECORDS);
	assert_int_equal(got[0].t, 0);
	assert_int_equal(got[RECORDS - 1].t, RECORDS - 1);
	put(1000);
	assert_int_equal(trace_take(0, got, RECORDS), 1);
	assert_int_equal(got[0].t, 1000);
	assert_int_equal(trace_lost(), 7);
	trace_end();
}

static void wraps_around(void **state)
{
	struct trace_rec got[RECORDS];
	uint64_t put_cnt = 0, got_cnt = 0;

	(void)state;
	start(RECORDS);
	for (unsigned round = 0; round < 1000; round++) {
		unsigned n;

		for (unsigned i = 0; i < 1 + round % RECORDS; i++)
			put(put_cnt++);
		n = trace_take(0, got, RECORDS);
		assert_int_equal(n, 1 + round % RECORDS);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(got[i].t, got_cnt++);
			assert_whole(&got[i]);
		}
	}
	assert_int_equal(trace_lost(), 0);
	trace_end();
}

static void start_stop_start(void **state)
{
	struct trace_rec got[RECORDS];

	(void)state;
	assert_false(trace_enabled());
	start(RECORDS);
	assert_true(trace_enabled());
	put(1);
	trace_stop();
	assert_false(trace_enabled());
	assert_int_equal(trace_take(0, got, RECORDS), 1);
	put(2); /* had begun before the stop */
	start(2 * RECORDS);
	assert_int_equal(trace_thread_cnt(), 0);
	assert_int_equal(trace_take(0, got, RECORDS), 0);
	put(3);
	assert_int_equal(trace_take(0, got, RECORDS), 1);
	assert_int_equal(got[0].t, 3);
	trace_end();
	assert_false(trace_enabled());
	put(4); /* goes nowhere */
	assert_int_equal(trace_thread_cnt(), 0);
	start(RECORDS);
	put(5);
	assert_int_equal(trace_take(0, got, RECORDS), 1);
	assert_int_equal(got[0].t, 5);
	trace_end();
}

static void refuses_odd_sizes(void **state)
{
	static const unsigned bad[] = { 0, 3, 1000, 1u << 31 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct error *err = NULL;

		assert_int_equal(trace_start(bad[i], &err), -EINVAL);
		assert_non_null(err);
		error_free(err);
		assert_false(trace_enabled());
	}
}

static void events_have_arguments_and_names(void **state)
{
	struct trace_rec got[2];

	(void)state;
	trace_event(TRACE_E_MSI, 3, 0xfee00000u, 0x41u); /* off: nothing */
	start(RECORDS);
	trace_event(TRACE_E_MSI, 3, 0xfee00000u, 0x41u);
	assert_int_equal(trace_take(0, got, 2), 1);
	assert_int_equal(got[0].kind, TRACE_EVENT);
	assert_int_equal(got[0].dev, 3);
	assert_int_equal(got[0].num, TRACE_E_MSI);
	assert_int_equal(got[0].event.arg[0], 0xfee00000u);
	assert_int_equal(got[0].event.arg[1], 0x41);
	assert_int_equal(got[0].event.arg[2], 0);
	assert_true(got[0].t <= trace_now());
	for (unsigned i = 0; i < TRACE_EVENT_CNT; i++)
		assert_non_null(trace_event_info[i].name);
	assert_string_equal(trace_event_info[TRACE_E_MAP].name, "region mapped");
	assert_string_equal(trace_event_info[TRACE_E_MAP].arg[2], "len");
	assert_null(trace_event_info[TRACE_E_MAP].arg[3]);
	trace_end();
}

/* --- threads ---------------------------------------------------------------------------------- */

#define WRITERS 8u
#define EACH    20000u

static void *write_many(void *arg)
{
	const unsigned cpu = *(unsigned *)arg;
	char name[16] = "writer0";

	name[6] = (char)('0' + cpu);
	prctl(PR_SET_NAME, name);
	trace_thread_is_vcpu(cpu);
	for (uint64_t n = 0; n < EACH; n++)
		put(n);
	return NULL;
}

/* What was taken and what was lost is what was written, and of each thread it is in order. */
static void many_threads(void **state)
{
	pthread_t t[WRITERS];
	unsigned cpu[WRITERS], done = 0;
	uint64_t next[WRITERS] = { 0 }, got_cnt[WRITERS] = { 0 };
	struct trace_rec got[32];
	struct trace_thread th;

	(void)state;
	start(256);
	for (unsigned i = 0; i < WRITERS; i++) {
		cpu[i] = i;
		assert_int_equal(pthread_create(&t[i], NULL, write_many, &cpu[i]), 0);
	}
	while (done < WRITERS) {
		done = 0;
		for (unsigned i = 0; i < trace_thread_cnt(); i++) {
			unsigned n = trace_take(i, got, ARRAY_LEN(got));

			for (unsigned k = 0; k < n; k++) {
				assert_true(got[k].t >= next[i]);
				assert_whole(&got[k]);
				next[i] = got[k].t + 1;
			}
			got_cnt[i] += n;
			trace_thread_info(i, &th);
			done += !n && got_cnt[i] + th.lost == EACH;
		}
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(trace_thread_cnt(), WRITERS);
	for (unsigned i = 0; i < WRITERS; i++) {
		trace_thread_info(i, &th);
		assert_in_range(th.vcpu, 0, WRITERS - 1);
		assert_int_equal(th.name[6] - '0', th.vcpu);
	}
	trace_end();
}

static _Atomic bool enough;

static void *write_while_on(void *arg)
{
	(void)arg;
	for (uint64_t n = 0; !atomic_load(&enough); n++)
		if (trace_enabled())
			put(n);
	return NULL;
}

/* Starting and stopping do not wait for writers, nor take anything away from under them. */
static void starts_under_way(void **state)
{
	pthread_t t[4];
	struct trace_rec got[64];

	(void)state;
	atomic_store(&enough, false);
	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, write_while_on, NULL), 0);
	for (unsigned round = 0; round < 50; round++) {
		start(64u << round % 3);
		while (trace_thread_cnt() < 1)
			;
		for (unsigned i = 0; i < trace_thread_cnt(); i++) {
			unsigned n = trace_take(i, got, ARRAY_LEN(got));

			for (unsigned k = 0; k < n; k++)
				assert_whole(&got[k]);
		}
		trace_stop();
	}
	atomic_store(&enough, true);
	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	trace_end();
}

static void *write_one(void *arg)
{
	(void)arg;
	put(7);
	return NULL;
}

/* A thread for which there is no ring loses its records, and that is counted. */
static void too_many_threads(void **state)
{
	struct trace_rec r;
	pthread_t t;

	(void)state;
	start(2);
	for (unsigned i = 0; i < TRACE_THREADS_MAX + 3; i++) {
		assert_int_equal(pthread_create(&t, NULL, write_one, NULL), 0);
		pthread_join(t, NULL);
	}
	assert_int_equal(trace_thread_cnt(), TRACE_THREADS_MAX);
	assert_int_equal(trace_take(TRACE_THREADS_MAX - 1, &r, 1), 1);
	assert_int_equal(trace_take(TRACE_THREADS_MAX, &r, 1), 0);
	assert_int_equal(trace_lost(), 3);
	trace_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_in_order),
		cmocka_unit_test(counts_what_it_loses),
		cmocka_unit_test(wraps_around),
		cmocka_unit_test(start_stop_start),
		cmocka_unit_test(refuses_odd_sizes),
		cmocka_unit_test(events_have_arguments_and_names),
		cmocka_unit_test(many_threads),
		cmocka_unit_test(starts_under_way),
		cmocka_unit_test(too_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
