/* SPDX-License-Identifier: MIT */
/* test_paging.c: the tables, walked as the CPU walks them (SDM vol. 3, 4.5). */
#include "boot/impl.h"
#include "tests/lib/bootkit.h"

/* Translates @va; UINT64_MAX if it is not mapped. */
static uint64_t walk(struct kit *k, gpa_t cr3, uint64_t va)
{
	uint64_t e = kit_u64(k, cr3 + (va >> 39 & 511) * 8);

	if (!(e & 1))
		return UINT64_MAX;
	e = kit_u64(k, (e & ~0xfffull) + (va >> 30 & 511) * 8);
	if (!(e & 1))
		return UINT64_MAX;
	assert_int_equal(e & 0x80, 0); /* no 1 GiB pages: not every CPU has them */
	e = kit_u64(k, (e & ~0xfffull) + (va >> 21 & 511) * 8);
	if (!(e & 1))
		return UINT64_MAX;
	assert_int_equal(e & 0x83, 0x83); /* present, writable, 2 MiB */
	return (e & ~0x1fffffull) | (va & 0x1fffff);
}

static void identity(void **state)
{
	static const uint64_t lens[] = { 1, 2 * MIB, GIB, GIB + 1, 4 * GIB };
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		struct load l = { .env = &k->env, .gm = k->gm };
		uint64_t end = align_up(lens[i], GIB);
		struct error *e = NULL;
		gpa_t cr3;

		assert_int_equal(place_init(&l.place, &k->env, &e), 0);
		assert_int_equal(paging_identity(&l, lens[i], &cr3, &e), 0);
		assert_no_error(e);
		assert_int_equal(cr3 % 4096, 0);
		for (uint64_t va = 0; va < end; va += 2 * MIB)
			assert_int_equal(walk(k, cr3, va + 0x12345), va + 0x12345);
		assert_int_equal(walk(k, cr3, end), UINT64_MAX);
		assert_int_equal(walk(k, cr3, 1ull << 39), UINT64_MAX);
		assert_int_equal(gm_clear_ram(k->gm, &e), 0);
	}
}

static void too_much(void **state)
{
	struct kit *k = *state;
	struct load l = { .env = &k->env, .gm = k->gm };
	struct error *e = NULL;
	gpa_t cr3;

	assert_int_equal(place_init(&l.place, &k->env, &e), 0);
	assert_true(paging_identity(&l, 513 * GIB, &cr3, &e) < 0);
	assert_error(e, "cannot map");
	e = NULL;
	assert_true(paging_identity(&l, 0, &cr3, &e) < 0);
	assert_error(e, "cannot map");
	e = NULL;
	assert_true(paging_identity(&l, 300 * GIB, &cr3, &e) < 0);
	assert_error(e, "the page tables needs 1236992 bytes");
}

/* SDM vol. 3, 3.4.5: base 0, limit 0xfffff pages, code or data, present; L for 64-bit, D for
 * 32-bit. */
static void gdt(void **state)
{
	struct kit *k = *state;

	for (unsigned wide = 0; wide < 2; wide++) {
		struct load l = { .env = &k->env, .gm = k->gm };
		struct cpu_entry ce = { 0 };
		struct error *e = NULL;
		uint64_t code, data;

		assert_int_equal(place_init(&l.place, &k->env, &e), 0);
		assert_int_equal(gdt_flat(&l, wide, &ce, &e), 0);
		assert_int_equal(ce.gdt_limit, 31);
		assert_int_equal(kit_u64(k, ce.gdt), 0);
		code = kit_u64(k, ce.gdt + 0x10);
		data = kit_u64(k, ce.gdt + 0x18);
		assert_int_equal(code & 0xffff, 0xffff);
		assert_int_equal(code >> 16 & 0xffffff, 0);
		assert_int_equal(code >> 40 & 0xff, 0x9b); /* present, code, readable, accessed */
		assert_int_equal(code >> 53 & 1, wide);    /* L */
		assert_int_equal(code >> 54 & 1, !wide);   /* D */
		assert_int_equal(code >> 55 & 1, 1);       /* G */
		assert_int_equal(data >> 40 & 0xff, 0x93);
		assert_int_equal(data >> 54 & 3, 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(identity, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(too_much, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(gdt, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
