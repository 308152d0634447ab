/* SPDX-License-Identifier: MIT */
/* test_place.c: nothing outside RAM, nothing on top of each other. */
#include "boot/place.h"

#include <string.h>

#include "tests/lib/bootkit.h"

static void init(struct kit *k, struct place *p)
{
	struct error *e = NULL;

	assert_int_equal(place_init(p, &k->env, &e), 0);
	assert_no_error(e);
}

static void fixed(struct place *p, gpa_t gpa, uint64_t len, const char *part)
{
	struct error *e = NULL;
	int r = place_fixed(p, gpa, len, "the thing", &e);

	if (part) {
		assert_true(r < 0);
		assert_error(e, part);
	} else {
		assert_no_error(e);
	}
}

static void fixed_places(void **state)
{
	struct kit *k = *state;
	struct place p;

	init(k, &p);
	fixed(&p, MIB, MIB, NULL);
	fixed(&p, 2 * MIB, 4096, NULL); /* adjacent is not overlapping */
	fixed(&p, MIB - 1, 2, "not all RAM");
	fixed(&p, MIB + 5, 1, "the thing (0x100005 + 0x1) overlaps the thing (0x100000");
	fixed(&p, 2 * MIB - 1, 2, "overlaps");
	fixed(&p, 0x8ffff, 2, "overlaps the boot data area");
	fixed(&p, 0x9fbff, 2, "not all RAM");
	fixed(&p, 0xe0000, 1, "not all RAM"); /* ACPI memory is not RAM */
	fixed(&p, KIT_RAM - 1, 2, "not all RAM");
	fixed(&p, UINT64_MAX, 2, "not all RAM");
	fixed(&p, UINT64_MAX - 4095, UINT64_MAX, "not all RAM");
	fixed(&p, MIB, UINT64_MAX, "not all RAM");
	fixed(&p, 0, 0, NULL); /* nothing takes no place */
	fixed(&p, KIT_RAM - 1, 1, NULL);
}

static void searches(void **state)
{
	struct kit *k = *state;
	struct place p;
	gpa_t at;

	init(k, &p);
	fixed(&p, 32 * MIB, 4 * MIB, NULL);
	assert_true(place_high(&p, 100, 4096, MIB, UINT64_MAX, "a", &at));
	assert_int_equal(at, KIT_RAM - 4096);
	assert_true(place_high(&p, 4097, 4096, MIB, UINT64_MAX, "b", &at)); /* below a */
	assert_int_equal(at, KIT_RAM - 3 * 4096);
	assert_true(place_high(&p, 4096, 4096, MIB, 33 * MIB, "c", &at)); /* below what is taken */
	assert_int_equal(at, 32 * MIB - 4096);
	assert_true(place_low(&p, MIB, 2 * MIB, MIB, UINT64_MAX, "d", &at));
	assert_int_equal(at, 2 * MIB);
	assert_true(place_low(&p, MIB, 4096, MIB, UINT64_MAX, "e", &at));
	assert_int_equal(at, MIB);
	assert_true(place_low(&p, 28 * MIB, 4096, MIB, UINT64_MAX, "f", &at)); /* over the hole */
	assert_int_equal(at, 3 * MIB);
	assert_int_equal(place_biggest(&p, MIB, UINT64_MAX), 28 * MIB - 3 * 4096);
	assert_false(place_low(&p, 29 * MIB, 4096, MIB, UINT64_MAX, "g", &at));
	assert_false(place_high(&p, 29 * MIB, 4096, MIB, UINT64_MAX, "g", &at));
	assert_false(place_high(&p, UINT64_MAX, 4096, MIB, UINT64_MAX, "g", &at));
	assert_false(place_low(&p, UINT64_MAX, 4096, MIB, UINT64_MAX, "g", &at));
}

/* Whatever is placed, at whatever place: never two at one. Compared with a map of pages. */
static void random_places_never_overlap(void **state)
{
	struct kit *k = *state;
	static uint8_t used[KIT_RAM / 4096];
	uint32_t rnd = 12345;

	for (unsigned round = 0; round < 50; round++) {
		struct place p;

		init(k, &p);
		memset(used, 0, sizeof(used));
		for (unsigned i = 0; i < PLACE_MAX - 1; i++) {
			uint64_t pages, align;
			gpa_t at;
			bool ok;

			rnd = rnd * 1103515245 + 12345;
			pages = 1 + (rnd >> 8) % 700;
			align = 4096u << ((rnd >> 20) % 8);
			ok = rnd & 0x10000
				     ? place_high(&p, pages * 4096, align, MIB, KIT_RAM, "x", &at)
				     : place_low(&p, pages * 4096, align, MIB, KIT_RAM, "x", &at);
			if (!ok)
				continue;
			assert_int_equal(at % align, 0);
			assert_true(at >= MIB && at + pages * 4096 <= KIT_RAM);
			for (uint64_t n = 0; n < pages; n++)
				assert_int_equal(used[at / 4096 + n]++, 0);
		}
	}
}

static void too_many(void **state)
{
	struct kit *k = *state;
	struct place p;

	init(k, &p);
	for (unsigned i = 1; i < PLACE_MAX; i++)
		fixed(&p, MIB + i * 4096, 1, NULL);
	fixed(&p, 8 * MIB, 1, "too many");
	assert_false(place_is_free(&p, 8 * MIB, 1));
}

static void scratch(void **state)
{
	struct kit *k = *state;
	struct error *e = NULL;
	struct place p;
	gpa_t at;

	init(k, &p);
	assert_int_equal(place_scratch(&p, 5, 1, "x", &at, &e), 0);
	assert_int_equal(at, KIT_SCRATCH);
	assert_int_equal(place_scratch(&p, 4096, 4096, "x", &at, &e), 0);
	assert_int_equal(at, KIT_SCRATCH + 4096);
	assert_true(place_scratch(&p, 0x80000, 16, "the thing", &at, &e) < 0);
	assert_error(e, "the thing needs 524288 bytes of the boot data area");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fixed_places, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(searches, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(random_places_never_overlap, kit_setup,
						kit_teardown),
		cmocka_unit_test_setup_teardown(too_many, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(scratch, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
