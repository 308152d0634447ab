/* SPDX-License-Identifier: MIT */
/* src/machine/board.c: the memory map, for every size that is laid out differently. */
#include <errno.h>

#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "tests/lib/fake.h"
#include "vmm/log.h"

struct pc {
	struct vm_config config;
	struct machine m;
	struct cpuid_table cpuid;
	struct error *e;
};

static void init(struct pc *pc, uint64_t size, unsigned address_bits)
{
	*pc = (struct pc){ .config = { .mem.size = size, .cpu.count = 3 } };
	pc->m.config = &pc->config;
	pc->m.ram_lost.fd = -1;
	pc->m.topo = (struct cpu_topology){ 1, 3, 1 };
	if (address_bits)
		pc->cpuid.leaf[pc->cpuid.cnt++] =
			(struct cpuid_leaf){ .function = 0x80000008, .eax = address_bits };
}

static void build(struct pc *pc, uint64_t size)
{
	init(pc, size, 46);
	assert_int_equal(machine_describe(&pc->m, &pc->e), 0);
	assert_int_equal(machine_place_memory(&pc->m, &pc->cpuid, &pc->e), 0);
}

static void destroy(struct pc *pc)
{
	gm_destroy(pc->m.gm);
	free(pc->m.apic_ids);
}

static bool is_memory(struct pc *pc, gpa_t a)
{
	uint8_t b;

	return gm_read(pc->m.gm, a, &b, 1);
}

/* The kind of the range that @a is in; 0: none. */
static unsigned kind_of(const struct pc *pc, gpa_t a)
{
	for (unsigned i = 0; i < pc->m.board.range_cnt; i++) {
		const struct board_range *r = &pc->m.board.ranges[i];

		if (a >= r->base && a - r->base < r->len)
			return r->kind;
	}
	return 0;
}

static void check_ranges(struct pc *pc)
{
	uint64_t ram = 0, last = 0;

	for (unsigned i = 0; i < pc->m.board.range_cnt; i++) {
		const struct board_range *r = &pc->m.board.ranges[i];

		assert_true(r->len > 0);
		assert_true(r->base >= last);
		last = r->base + r->len;
		if (r->kind != BOARD_RAM)
			continue;
		ram += r->len;
		assert_true(is_memory(pc, r->base) && is_memory(pc, last - 1));
	}
	/* All that was asked for but what a PC has there instead, from the MP table to 1 MiB. */
	assert_int_equal(ram, pc->config.mem.size - (LAYOUT_HIGH - LAYOUT_MPTABLE));
}

static void check_holes(struct pc *pc)
{
	static const gpa_t devices[] = { LAYOUT_RAM_LOW_MAX, LAYOUT_ECAM,  LAYOUT_MMIO_START,
					 LAYOUT_IOAPIC,      LAYOUT_LAPIC, LAYOUT_KVM_TSS,
					 LAYOUT_RAM_HIGH - 1 };

	for (unsigned i = 0; i < ARRAY_LEN(devices); i++) {
		assert_false(is_memory(pc, devices[i]));
		assert_int_not_equal(kind_of(pc, devices[i]), BOARD_RAM);
	}
	/* The VGA window: a probe must find nothing. */
	assert_false(is_memory(pc, LAYOUT_LOW_END));
	assert_false(is_memory(pc, LAYOUT_BIOS_START - 1));
	assert_int_equal(kind_of(pc, LAYOUT_LOW_END), 0);
	/* KVM's own pages (KVM_SET_TSS_ADDR, KVM_SET_IDENTITY_MAP_ADDR) are kept from the guest. */
	for (gpa_t a = LAYOUT_KVM_IDENT; a < LAYOUT_KVM_TSS + 3 * 4 * KIB; a += 4 * KIB)
		assert_int_equal(kind_of(pc, a), BOARD_RESERVED);
}

/* What is written before the start lies in memory that the guest is told to leave alone. */
static void check_tables(struct pc *pc)
{
	static const struct {
		gpa_t base;
		uint64_t len;
	} tables[] = { { LAYOUT_MPTABLE, LAYOUT_MPTABLE_LEN },
		       { LAYOUT_RSDP, 36 },
		       { LAYOUT_ACPI, LAYOUT_ACPI_LEN } };

	for (unsigned i = 0; i < ARRAY_LEN(tables); i++) {
		gpa_t last = tables[i].base + tables[i].len - 1;

		assert_int_equal(kind_of(pc, tables[i].base), BOARD_RESERVED);
		assert_int_equal(kind_of(pc, last), BOARD_RESERVED);
		assert_true(gm_write(pc->m.gm, tables[i].base, "x", 1));
		assert_true(gm_write(pc->m.gm, last, "x", 1));
	}
	assert_int_equal(kind_of(pc, LAYOUT_SCRATCH), BOARD_RAM);
	assert_int_equal(kind_of(pc, LAYOUT_SCRATCH + LAYOUT_SCRATCH_LEN - 1), BOARD_RAM);
}

static void check_end(struct pc *pc)
{
	uint64_t size = pc->config.mem.size;
	uint64_t low = min_u64(size, LAYOUT_RAM_LOW_MAX);

	assert_true(is_memory(pc, low - 1));
	assert_false(is_memory(pc, low));
	assert_int_equal(is_memory(pc, LAYOUT_RAM_HIGH), size > low);
	if (size > low) {
		assert_int_equal(kind_of(pc, LAYOUT_RAM_HIGH), BOARD_RAM);
		assert_true(is_memory(pc, LAYOUT_RAM_HIGH + (size - low) - 1));
		assert_false(is_memory(pc, LAYOUT_RAM_HIGH + (size - low)));
	}
	assert_int_equal(gm_ram_size(pc->m.gm), size - (LAYOUT_BIOS_START - LAYOUT_LOW_END));
}

static void memory_maps(void **state)
{
	static const uint64_t sizes[] = { 2 * MIB, 16 * MIB,          128 * MIB,     3 * GIB - MIB,
					  3 * GIB, 3 * GIB + 4 * KIB, 3 * GIB + MIB, 7 * GIB / 2,
					  4 * GIB, 5 * GIB,           5 * GIB + MIB, 16 * GIB };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		struct pc pc;

		build(&pc, sizes[i]);
		check_ranges(&pc);
		check_holes(&pc);
		check_tables(&pc);
		check_end(&pc);
		destroy(&pc);
	}
}

/* RAM above 4 GiB agrees with its place in the mapping modulo 1 GiB: huge pages fit. */
static void high_memory_suits_huge_pages(void **state)
{
	const struct gm_region *r;
	struct pc pc;
	unsigned cnt;

	(void)state;
	build(&pc, 5 * GIB);
	r = gm_regions(pc.m.gm, &cnt);
	for (unsigned i = 0; i < cnt; i++)
		assert_int_equal(r[i].base % GIB, r[i].backing_off % GIB);
	destroy(&pc);
}

static int place(struct pc *pc, uint64_t size, unsigned bits)
{
	int r;

	init(pc, size, bits);
	r = machine_place_memory(&pc->m, &pc->cpuid, &pc->e);
	destroy(pc);
	return r;
}

/* SDM volume 2, CPUID: leaf 80000008H, EAX[7:0] "#Physical Address Bits"; without it, 36. */
static void memory_must_be_addressable(void **state)
{
	struct pc pc;

	(void)state;
	assert_int_equal(place(&pc, 3 * GIB, 32), 0);
	assert_int_equal(place(&pc, 3 * GIB + MIB, 32), -EINVAL);
	assert_error(pc.e, "32-bit");
	/* 33 bits: 8 GiB of addresses, one of which is not memory. */
	assert_int_equal(place(&pc, 7 * GIB, 33), 0);
	assert_int_equal(place(&pc, 7 * GIB + MIB, 33), -EINVAL);
	assert_error(pc.e, "33-bit");
	assert_int_equal(place(&pc, 64 * GIB, 0), -EINVAL);
	assert_error(pc.e, "36-bit");
}

static void no_host_has_that_much(void **state)
{
	struct pc pc;

	(void)state;
	init(&pc, UINT64_C(1) << 50, 57);
	pc.config.mem.prefault = true;
	assert_int_equal(machine_place_memory(&pc.m, &pc.cpuid, &pc.e), -ENOMEM);
	assert_error(pc.e, "cannot be taken at once");
	destroy(&pc);
}

static void processors(void **state)
{
	static const enum irqchip_mode modes[] = { IRQCHIP_SPLIT, IRQCHIP_KERNEL, IRQCHIP_USER };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(modes); i++) {
		struct pc pc;

		init(&pc, 16 * MIB, 46);
		pc.config.board.irqchip = modes[i];
		assert_int_equal(machine_describe(&pc.m, &pc.e), 0);
		assert_int_equal(pc.m.board.cpu_cnt, 3);
		for (unsigned cpu = 0; cpu < 3; cpu++)
			assert_int_equal(pc.m.board.apic_ids[cpu], cpu);
		assert_int_equal(pc.m.board.has_apic, modes[i] != IRQCHIP_USER);
		destroy(&pc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_maps),
		cmocka_unit_test(high_memory_suits_huge_pages),
		cmocka_unit_test(memory_must_be_addressable),
		cmocka_unit_test(no_host_has_that_much),
		cmocka_unit_test(processors),
	};

	log_set_level(LOG_ERR); /* more memory than a small host has is worth a warning elsewhere */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
