/* SPDX-License-Identifier: MIT */
/* Section numbers are of the MultiProcessor Specification 1.4. */
#include <errno.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "tests/lib/fake_board.h"
#include "vmm/endian.h"

#define GPA 0x9fc00u
#define LEN 0x400u

static struct guest_mem *ram(uint64_t len)
{
	struct ram_config c = { .size = len };
	struct guest_mem *gm = NULL;
	struct error *e = NULL;

	assert_int_equal(gm_create(&c, &gm, &e), 0);
	assert_int_equal(gm_add_ram(gm, 0, 0, len, &e), 0);
	return gm;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *p++);
	return s;
}

/* Writes the table and checks all that holds for any; returns the configuration table. */
static const uint8_t *write_table(struct guest_mem *gm, const struct board *b, gpa_t gpa,
				  uint64_t len)
{
	struct error *e = NULL;
	const uint8_t *f, *c;

	assert_int_equal(mptable_write(b, gm, gpa, len, &e), 0);
	f = gm_ptr(gm, gpa, 16, GM_READ);
	assert_non_null(f);
	/* 4.1: "The ASCII string represented by _MP_"; sums to zero over its 16 bytes */
	assert_memory_equal(f, "_MP_", 4);
	assert_int_equal(get_le32(f + 4), gpa + 16);
	assert_int_equal(f[8], 1);
	assert_int_equal(f[9], 4);
	assert_int_equal(f[11], 0); /* feature 1: zero, a configuration table is present */
	assert_int_equal(f[12], 0); /* feature 2 bit 7 clear: virtual wire mode */
	assert_int_equal(sum(f, 16), 0);
	c = f + 16;
	/* 4.2 */
	assert_memory_equal(c, "PCMP", 4);
	assert_true(get_le16(c + 4) + 16u <= len);
	assert_int_equal(c[6], 4);
	assert_int_equal(sum(c, get_le16(c + 4)), 0);
	assert_int_equal(get_le32(c + 36), 0xfee00000);
	return c;
}

/* The @n-th entry of @type. 4.2: "entries are sorted in ascending order by entry type". */
static const uint8_t *entry(const uint8_t *c, unsigned type, unsigned n)
{
	const uint8_t *p = c + 44, *ret = NULL;
	unsigned last = 0;

	for (unsigned i = get_le16(c + 34); i; i--) {
		assert_true(p[0] >= last && p[0] <= 4);
		last = p[0];
		if (p[0] == type && !ret && !n--)
			ret = p;
		p += p[0] == 0 ? 20 : 8;
	}
	assert_ptr_equal(p, c + get_le16(c + 4));
	return ret;
}

/* 4.3.1: "BP: set if ... the bootstrap processor"; EN: usable. */
static void processors(void **state)
{
	_cleanup_(gm_destroyp) struct guest_mem *gm = ram(MIB);
	static const unsigned cpus[] = { 1, 4, 36 };
	struct board b;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cpus); i++) {
		const uint8_t *c, *p;

		fake_board_init(&b, cpus[i]);
		c = write_table(gm, &b, GPA, LEN);
		for (unsigned n = 0; n < cpus[i]; n++) {
			p = entry(c, 0, n);
			assert_non_null(p);
			assert_int_equal(p[1], n);
			assert_int_equal(p[3], n ? 1 : 3);
		}
		assert_null(entry(c, 0, cpus[i]));
	}
}

static void assert_interrupt(const uint8_t *p, unsigned kind, unsigned flags, unsigned irq,
			     unsigned apic, unsigned pin)
{
	assert_non_null(p);
	assert_int_equal(p[1], kind);
	assert_int_equal(get_le16(p + 2), flags);
	assert_int_equal(p[4], 0);
	assert_int_equal(p[5], irq);
	assert_int_equal(p[6], apic);
	assert_int_equal(p[7], pin);
}

static void buses_and_interrupts(void **state)
{
	_cleanup_(gm_destroyp) struct guest_mem *gm = ram(MIB);
	struct board b;
	const uint8_t *c, *p;
	unsigned n = 0;

	(void)state;
	fake_board_init(&b, 2);
	b.ioapic_id = 5;
	c = write_table(gm, &b, GPA, LEN);
	p = entry(c, 1, 0);
	assert_memory_equal(p + 2, "ISA   ", 6);
	assert_null(entry(c, 1, 1));
	p = entry(c, 2, 0);
	assert_int_equal(p[1], 5);
	assert_int_equal(p[3], 1);
	assert_int_equal(get_le32(p + 4), 0xfec00000);
	assert_null(entry(c, 2, 1));
	assert_interrupt(entry(c, 3, n++), 0, 0, 0, 5, 2); /* the timer */
	for (unsigned irq = 1; irq < 16; irq++)
		if (irq != 2)
			assert_interrupt(entry(c, 3, n++), 0, irq == 9 ? 0xd : 0, irq, 5, irq);
	assert_null(entry(c, 3, n));
	assert_interrupt(entry(c, 4, 0), 3, 0, 0, 0, 0);    /* ExtINT, LINT0 of CPU 0 */
	assert_interrupt(entry(c, 4, 1), 1, 0, 0, 0xff, 1); /* NMI, LINT1 of all */
	assert_null(entry(c, 4, 2));

	b.has_pic = b.irq0_is_gsi2 = false;
	c = write_table(gm, &b, GPA, LEN);
	for (unsigned irq = 0; irq < 16; irq++)
		assert_interrupt(entry(c, 3, irq), 0, irq == 9 ? 0xd : 0, irq, 5, irq);
	assert_interrupt(entry(c, 4, 0), 1, 0, 0, 0xff, 1);
	assert_null(entry(c, 4, 1));
}

/* D.3: the bus id of PCI is the number PCI gives it, interrupts are named by device and pin. */
static void pci_interrupts(void **state)
{
	static const unsigned slots[] = { 1, 2, 5, 31 }, pins[] = { 17, 18, 17, 19 };
	_cleanup_(gm_destroyp) struct guest_mem *gm = ram(MIB);
	struct board b;
	const uint8_t *c, *p;

	(void)state;
	fake_board_init(&b, 1);
	fake_board_add_pci(&b);
	b.ioapic_id = 5;
	c = write_table(gm, &b, GPA, LEN);
	p = entry(c, 1, 0);
	assert_int_equal(p[1], 0);
	assert_memory_equal(p + 2, "PCI   ", 6);
	p = entry(c, 1, 1);
	assert_int_equal(p[1], 1);
	assert_memory_equal(p + 2, "ISA   ", 6);
	for (unsigned i = 0; i < 15; i++) {
		p = entry(c, 3, i);
		assert_non_null(p);
		assert_int_equal(p[4], 1); /* ISA's */
	}
	for (unsigned i = 0; i < ARRAY_LEN(slots); i++)
		assert_interrupt(entry(c, 3, 15 + i), 0, 0xf, slots[i] << 2, 5, pins[i]);
	assert_null(entry(c, 3, 19));
	assert_int_equal(entry(c, 4, 0)[4], 1); /* ExtINT is ISA's, too */
}

static void assert_refused(const struct board *b, struct guest_mem *gm, uint64_t len, int rc,
			   const char *part)
{
	struct error *e = NULL;

	assert_int_equal(mptable_write(b, gm, GPA, len, &e), rc);
	assert_error(e, part);
}

static void limits(void **state)
{
	_cleanup_(gm_destroyp) struct guest_mem *gm = ram(MIB), *small = ram(0x10000);
	struct board b;

	(void)state;
	fake_board_init(&b, 41);
	assert_refused(&b, gm, LEN, -ENOSPC,
		       "an MP table for 41 CPUs does not fit: there is room for 40 in 1024 bytes");
	fake_board_init(&b, 40);
	write_table(gm, &b, GPA, LEN);
	assert_refused(&b, gm, 100, -ENOSPC, "there is room for 0 in 100 bytes");
	fake_board_add_pci(&b);
	assert_refused(&b, gm, LEN, -ENOSPC, "there is room for 38 in 1024 bytes");
	fake_board_init(&b, 40);
	assert_refused(&b, small, LEN, -EFAULT, "the MP table at 0x9fc00 is not in guest RAM");
	b.has_apic = false;
	assert_refused(&b, gm, LEN, -EINVAL, "needs an APIC");

	/* 255 APIC ids at most, whatever the room: 0xff is everyone. */
	fake_board_init(&b, 255);
	write_table(gm, &b, 0xf0000, 0x10000);
	fake_board_init(&b, 300);
	assert_refused(&b, gm, 0x10000, -E2BIG,
		       "an MP table cannot name APIC id 255 of CPU 255: it ends at 254");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processors),
		cmocka_unit_test(buses_and_interrupts),
		cmocka_unit_test(pci_interrupts),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
