/* SPDX-License-Identifier: MIT */
/* epoch.c: nothing is freed while a reader may hold it. */
#include "tests/lib/fake.h"
#include "vmm/epoch.h"

static void waits_for_readers(void **state)
{
	struct error *e = NULL;
	struct epoch *ep = epoch_create(2, &e);
	struct epoch_slot *a = epoch_slot(ep, 0), *b = epoch_slot(ep, 1);

	(void)state;
	assert_no_error(e);
	epoch_enter(a);
	epoch_retire(ep, malloc(16));
	assert_int_equal(epoch_collect(ep), 1);
	epoch_enter(b); /* came after: cannot hold it, and does not count */
	assert_int_equal(epoch_collect(ep), 1);
	epoch_leave(a);
	assert_int_equal(epoch_collect(ep), 0);
	epoch_leave(b);
	epoch_destroy(ep);
}

/* A reader that left and came back is in a new critical section: it cannot hold the old block. */
static void reentry_counts_as_leaving(void **state)
{
	struct error *e = NULL;
	struct epoch *ep = epoch_create(1, &e);
	struct epoch_slot *a = epoch_slot(ep, 0);

	(void)state;
	epoch_enter(a);
	epoch_retire(ep, malloc(16));
	epoch_leave(a);
	epoch_enter(a);
	assert_int_equal(epoch_collect(ep), 0);
	epoch_leave(a);
	epoch_destroy(ep);
}

/* Retiring frees what has waited, also when a reader does it (a CPU that moves a BAR), so that only
 * a reader that does not move lets the backlog grow. */
static void retiring_collects(void **state)
{
	struct error *e = NULL;
	struct epoch *ep = epoch_create(2, &e);
	struct epoch_slot *a = epoch_slot(ep, 0), *held_up = epoch_slot(ep, 1);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		epoch_enter(a);
		epoch_retire(ep, malloc(16));
		assert_int_equal(epoch_backlog(ep), 1); /* its own, which it may still look at */
		epoch_leave(a);
	}
	epoch_enter(held_up);
	for (unsigned i = 0; i < 100; i++)
		epoch_retire(ep, malloc(16));
	assert_int_equal(epoch_backlog(ep), 100); /* not the one from before it came */
	epoch_leave(held_up);
	assert_int_equal(epoch_collect(ep), 0);
	assert_int_equal(epoch_backlog(ep), 0);
	epoch_destroy(ep);
}

static void destroy_frees_all(void **state)
{
	struct error *e = NULL;
	struct epoch *ep = epoch_create(1, &e);

	(void)state;
	for (int i = 0; i < 10; i++)
		epoch_retire(ep, malloc(16)); /* the leak checker is the assertion */
	epoch_destroy(ep);
	assert_null(epoch_destroy(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_readers),
		cmocka_unit_test(reentry_counts_as_leaving),
		cmocka_unit_test(retiring_collects),
		cmocka_unit_test(destroy_frees_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
