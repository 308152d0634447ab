/* SPDX-License-Identifier: MIT */
/*
 * test_translate.c: page walks over every paging mode, tables that are hostile, and memory by
 * linear address. Intel SDM 3A chapter 4.
 */
#include <errno.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "tests/lib/fake_debug.h"
#include "vmm/endian.h"

#define P  1u
#define W  2u
#define U  4u
#define PS 0x80u
#define NX (UINT64_C(1) << 63)

static struct fake_debug f;
static struct debug_regs *r;

static int begin(void **state)
{
	(void)state;
	fake_debug_init(&f);
	r = &f.regs[0];
	r->cr0 |= DBG_CR0_PG;
	r->cr4 = DBG_CR4_PAE | DBG_CR4_PSE;
	r->efer |= DBG_EFER_NXE;
	r->cr3 = 0x1000;
	return 0;
}

static void put8(uint64_t table, unsigned index, uint64_t e)
{
	put_le64(f.memory + table + index * 8, e);
}

static void put4(uint64_t table, unsigned index, uint32_t e)
{
	put_le32(f.memory + table + index * 4, e);
}

static struct debug_walk walk(uint64_t linear)
{
	struct debug_walk ret;

	assert_int_equal(debug_translate(&f.target, r, linear, &ret), 0);
	return ret;
}

static void four_levels(void **state)
{
	const uint64_t linear = UINT64_C(0xffffffff81234567);
	struct debug_walk k;

	(void)state;
	put8(0x1000, 511, 0x2000 | P | W | U);
	put8(0x2000, 510, 0x3000 | P | W | U);
	put8(0x3000, 9, 0x4000 | P | W);
	put8(0x4000, 0x34, 0x5000 | P | W | U | NX);
	k = walk(linear);
	assert_true(k.mapped && k.writable && !k.user && !k.exec);
	assert_int_equal(k.cnt, 4);
	assert_int_equal(k.step[0].level, 4);
	assert_int_equal(k.step[3].entry_gpa, 0x4000 + 0x34 * 8);
	assert_int_equal(k.gpa, 0x5567);
	assert_int_equal(k.page_size, 4096);
	/* 2 MiB, 1 GiB; bit 12 of such an entry is PAT, not address. */
	put8(0x3000, 9, 0x10200000 | P | PS | 0x1000);
	k = walk(linear);
	assert_true(k.mapped && !k.writable && k.exec);
	assert_int_equal(k.cnt, 3);
	assert_int_equal(k.gpa, 0x10200000 + 0x34567);
	assert_int_equal(k.page_size, 2 * MIB);
	put8(0x2000, 510, 0x80000000 | P | PS);
	k = walk(linear);
	assert_int_equal(k.gpa, 0x80000000 + 0x1234567);
	assert_int_equal(k.page_size, GIB);
	/* PS is reserved in a PML4E: the walk does not end there. */
	put8(0x1000, 511, 0x2000 | P | PS);
	assert_int_equal(walk(linear).cnt, 2);
	put8(0x1000, 511, 0x2000);
	k = walk(linear);
	assert_false(k.mapped);
	assert_int_equal(k.cnt, 1);
	/* Not canonical: nothing is looked up. */
	assert_int_equal(walk(UINT64_C(0x8000000000000000)).cnt, 0);
	assert_int_equal(walk(UINT64_C(0x0000800000000000)).cnt, 0);
}

static void five_levels(void **state)
{
	struct debug_walk k;

	(void)state;
	r->cr4 |= DBG_CR4_LA57;
	put8(0x1000, 256, 0x2000 | P | W);
	put8(0x2000, 0, 0x3000 | P | W);
	put8(0x3000, 0, 0x4000 | P | W);
	put8(0x4000, 0, 0x5000 | P | W);
	put8(0x5000, 1, 0x6000 | P | W);
	k = walk(UINT64_C(0xff00000000001abc));
	assert_true(k.mapped);
	assert_int_equal(k.cnt, 5);
	assert_int_equal(k.step[0].level, 5);
	assert_int_equal(k.gpa, 0x6abc);
	assert_int_equal(walk(UINT64_C(0x0100000000000000)).cnt, 0);
}

static void pae(void **state)
{
	struct debug_walk k;

	(void)state;
	r->efer &= ~DBG_EFER_LMA;
	r->cr3 = 0x1020; /* 32-byte aligned */
	put8(0x1020, 3, 0x2000 | P);
	put8(0x2000, 1, 0x3000 | P | W);
	put8(0x3000, 2, (UINT64_C(1) << 35) | 0x4000 | P | W | U);
	k = walk(0xc0202123);
	assert_true(k.mapped && k.writable && !k.user);
	assert_int_equal(k.cnt, 3);
	assert_int_equal(k.gpa, (UINT64_C(1) << 35) + 0x4123);
	put8(0x2000, 1, 0x200000 | P | PS);
	assert_int_equal(walk(0xc0202123).gpa, 0x202123);
	assert_int_equal(walk(UINT64_C(0x1c0202123)).cnt, 0);
}

static void two_levels(void **state)
{
	struct debug_walk k;

	(void)state;
	r->efer &= ~DBG_EFER_LMA;
	r->cr4 = DBG_CR4_PSE;
	put4(0x1000, 0x300, 0x2000 | P | W | U);
	put4(0x2000, 5, 0x3000 | P | U);
	k = walk(0xc0005678);
	assert_true(k.mapped && !k.writable && k.user);
	assert_int_equal(k.cnt, 2);
	assert_int_equal(k.gpa, 0x3678);
	/* PSE-36 */
	put4(0x1000, 0x300, 0x00c00000 | 3 << 13 | P | PS);
	k = walk(0xc0005678);
	assert_int_equal(k.gpa, (UINT64_C(3) << 32) + 0xc05678);
	assert_int_equal(k.page_size, 4 * MIB);
	r->cr4 = 0; /* PS means nothing without PSE */
	assert_int_equal(debug_translate(&f.target, r, 0xc0005678, &k), -EFAULT);
}

static void none(void **state)
{
	struct debug_walk k;

	(void)state;
	r->cr0 &= ~DBG_CR0_PG;
	k = walk(0x12345);
	assert_true(k.mapped);
	assert_int_equal(k.gpa, 0x12345);
	assert_int_equal(k.cnt, 0);
	assert_false(walk(UINT64_C(0x100000000)).mapped);
}

static void hostile(void **state)
{
	struct debug_walk k;

	(void)state;
	/* Tables that are not in memory, and one that is all of its own tables. */
	r->cr3 = UINT64_C(0xffffffff000);
	assert_int_equal(debug_translate(&f.target, r, 0, &k), -EFAULT);
	r->cr3 = 0x1000;
	put8(0x1000, 0, 0x7ffffffff000 | P);
	assert_int_equal(debug_translate(&f.target, r, 0, &k), -EFAULT);
	put8(0x1000, 0, 0x1000 | P | W);
	k = walk(0);
	assert_int_equal(k.cnt, 4);
	assert_int_equal(k.gpa, 0x1000);
}

static void by_linear_address(void **state)
{
	uint8_t b[0x3000];

	(void)state;
	put8(0x1000, 0, 0x2000 | P | W);
	put8(0x2000, 0, 0x3000 | P | W);
	put8(0x3000, 0, 0x4000 | P | W);
	put8(0x4000, 0, 0x9000 | P | W);
	put8(0x4000, 1, 0x8000 | P | W);
	put8(0x4000, 3, 0x7000 | P | W);
	memset(f.memory + 0x9000, 9, 4096);
	memset(f.memory + 0x8000, 8, 4096);
	/* Across pages that lie elsewhere, up to a hole. */
	assert_int_equal(debug_read(&f.target, r, 0xff0, b, sizeof(b)), 0x1010);
	assert_int_equal(b[15], 9);
	assert_int_equal(b[16], 8);
	assert_int_equal(debug_read(&f.target, r, 0x2000, b, 1), 0);
	assert_int_equal(debug_read(&f.target, r, 0, b, 0), 0);
	memset(b, 1, sizeof(b));
	assert_int_equal(debug_write(&f.target, r, 0x1ffe, b, 4), 2);
	assert_int_equal(f.memory[0x8ffe], 1);
	assert_int_equal(f.memory[0x7000], 0);
	/* The end of the address space. */
	assert_int_equal(debug_read(&f.target, r, UINT64_MAX, b, 2), 0);
}

static void modes(void **state)
{
	(void)state;
	assert_int_equal(debug_bits(r), 64);
	r->seg[DBG_CS].base = 0x10000;
	assert_int_equal(debug_pc(r), r->rip);
	r->seg[DBG_CS].access = DBG_SEG_DB;
	assert_int_equal(debug_bits(r), 32); /* compatibility */
	assert_int_equal(debug_pc(r), r->rip + 0x10000);
	r->seg[DBG_CS].access = 0;
	assert_int_equal(debug_bits(r), 16);
	r->seg[DBG_SS].access = 3 << 5;
	assert_int_equal(debug_ring(r), 3);
	r->cr0 = 0;
	r->seg[DBG_CS].access = DBG_SEG_DB;
	assert_int_equal(debug_bits(r), 16);
	assert_int_equal(debug_ring(r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(four_levels, begin),
		cmocka_unit_test_setup(five_levels, begin),
		cmocka_unit_test_setup(pae, begin),
		cmocka_unit_test_setup(two_levels, begin),
		cmocka_unit_test_setup(none, begin),
		cmocka_unit_test_setup(hostile, begin),
		cmocka_unit_test_setup(modes, begin),
		cmocka_unit_test_setup(by_linear_address, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
