/* SPDX-License-Identifier: MIT */
/* test_iothreads.c: threads that devices share by name, or have alone. */
#include <errno.h>
#include <string.h>

#include "machine/machine_internal.h"
#include "tests/lib/fake.h"

static struct loop *get(struct machine *m, const char *name, const char *dev)
{
	struct loop *l = NULL;
	struct error *e = NULL;

	if (machine_iothread(m, name, dev, &l, &e) < 0)
		assert_no_error(e);
	assert_non_null(l);
	return l;
}

static void shared_by_name(void **state)
{
	struct machine m = { 0 };
	struct loop *a = get(&m, "fast", "disk0"), *b = get(&m, "slow", "disk1");

	(void)state;
	assert_ptr_not_equal(a, b);
	assert_ptr_equal(get(&m, "fast", "disk2"), a);
	assert_ptr_equal(get(&m, "slow", "disk3"), b);
	iothreads_destroy(&m);
	iothreads_destroy(&m);
}

/* "NULL: always a new one, named after @dev_id", which is nobody else's even by that name. */
static void alone_without_a_name(void **state)
{
	struct machine m = { 0 };
	struct loop *a = get(&m, NULL, "disk0"), *b = get(&m, NULL, "disk0");

	(void)state;
	assert_ptr_not_equal(a, b);
	assert_ptr_not_equal(get(&m, "disk0", "disk1"), a);
	iothreads_destroy(&m);
}

struct visit {
	char name[16];
	pthread_t self;
};

static void look(void *arg)
{
	struct visit *v = arg;

	v->self = pthread_self();
	pthread_getname_np(v->self, v->name, sizeof(v->name));
}

static void run_from_start_to_stop(void **state)
{
	struct machine m = { 0 };
	struct loop *a = get(&m, "fast", "disk0"), *b = get(&m, NULL, "disk1");
	struct visit x = { 0 }, y = { 0 };
	struct error *e = NULL;

	(void)state;
	assert_false(loop_is_running(a));
	if (iothreads_start(&m, &e) < 0)
		assert_no_error(e);
	assert_true(loop_is_running(a) && loop_is_running(b));
	loop_run_sync(a, look, &x);
	loop_run_sync(b, look, &y);
	assert_string_equal(x.name, "fast");
	assert_string_equal(y.name, "disk1");
	assert_false(pthread_equal(x.self, y.self));
	iothreads_stop(&m);
	assert_false(loop_is_running(a) || loop_is_running(b));
	iothreads_stop(&m); /* no harm done */
	iothreads_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_by_name),
		cmocka_unit_test(alone_without_a_name),
		cmocka_unit_test(run_from_start_to_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
