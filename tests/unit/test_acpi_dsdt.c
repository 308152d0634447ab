/* SPDX-License-Identifier: MIT */
/*
 * acpi_dsdt.c: what an operating system gets when it evaluates the board's methods, by the
 * reference interpreter. Section numbers are of ACPI 6.4.
 */
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "tests/lib/fake_board.h"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_dsdt.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static void need_acpiexec(void)
{
	if (system("command -v acpiexec >/dev/null") == 0)
		return;
	print_message("SKIPPED: acpiexec (package acpica-tools) is not installed, so nobody has "
		      "run the DSDT's methods\n");
	skip();
}

static void dump(const struct board *b)
{
	struct acpi_tables t = { .cnt = 0 };
	struct error *e = NULL;

	assert_int_equal(acpi_build(b, 0xe0000, 0xe0100, 0x1ff00, &t, &e), 0);
	assert_int_equal(acpi_dump(&t, dir, &e), 0);
	acpi_free(&t);
}

/* Runs @commands of ACPICA's debugger over the DSDT and returns what it printed. Often takes a
 * second, however many there are. */
static const char *run(const char *commands)
{
	static char out[65536];
	char cmd[512];
	size_t n;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "cd '%s' && acpiexec -b '%s' dsdt.dat 2>&1", dir, commands);
	f = popen(cmd, "r");
	assert_non_null(f);
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	assert_int_equal(pclose(f), 0);
	for (const char *bad = "Error"; bad; bad = NULL)
		if (strstr(out, bad))
			fail_msg("%s:\n%s", commands, out);
	return out;
}

/* The integers in @out, in order. */
static unsigned integers(const char *out, unsigned long long *v, unsigned max)
{
	unsigned n = 0;

	for (const char *p = out; (p = strstr(p, "[Integer] = ")) && n < max; n++) {
		p += strlen("[Integer] = ");
		v[n] = strtoull(p, NULL, 16);
	}
	return n;
}

/* What a _PRT returns: four numbers for each of four slots. */
#define ROUTES 16
#define PRT    "\\_SB.PCI0._PRT"

static void assert_routes(const unsigned long long *v, const uint8_t irq[4])
{
	static const unsigned slots[] = { 1, 2, 5, 31 };

	for (unsigned i = 0; i < ARRAY_LEN(slots); i++) {
		assert_int_equal(v[i * 4], slots[i] << 16 | 0xffff);
		assert_int_equal(v[i * 4 + 1], 0); /* INTA# */
		assert_int_equal(v[i * 4 + 2], 0); /* no link device: the next is the interrupt */
		assert_int_equal(v[i * 4 + 3], irq[slots[i] % 4]);
	}
}

/* 6.2.13: "the _PRT ... returns the mapping for the current interrupt model"; 5.8.1: "If the
 * platform ... the OSPM does not invoke _PIC, the default is PIC mode". */
static void routing_follows_the_interrupt_model(void **state)
{
	unsigned long long v[4 * ROUTES];
	struct board b;

	(void)state;
	need_acpiexec();
	fake_board_init(&b, 2);
	fake_board_add_pci(&b);
	dump(&b);
	assert_int_equal(integers(run("execute " PRT ";execute \\_PIC 1;execute " PRT
				      ";execute \\_PIC 0;execute " PRT),
				  v, ARRAY_LEN(v)),
			 3 * ROUTES);
	assert_routes(v, b.pci.irq);
	assert_routes(v + ROUTES, b.pci.gsi);
	assert_routes(v + 2 * ROUTES, b.pci.irq);
	b.has_apic = false;
	dump(&b);
	assert_int_equal(integers(run("execute " PRT), v, ARRAY_LEN(v)), ROUTES);
	assert_routes(v, b.pci.irq);
	b.has_apic = true;
	b.has_pic = false;
	dump(&b);
	assert_int_equal(integers(run("execute " PRT), v, ARRAY_LEN(v)), ROUTES);
	assert_routes(v, b.pci.gsi);
}

static void nothing_to_route(void **state)
{
	struct board b;

	(void)state;
	need_acpiexec();
	fake_board_init(&b, 1);
	fake_board_add_pci(&b);
	b.pci.slots = 0;
	dump(&b);
	assert_null(strstr(run("find _PRT"), "PCI0"));
	assert_non_null(strstr(run("find _CRS"), "PCI0"));
	b.pci.ecam_len = 0;
	dump(&b);
	assert_null(strstr(run("find _CRS"), "PCI0"));
}

#define OSC(uuid) "execute \\_SB.PCI0._OSC (" uuid ") 1 3 (00 00 00 00 01 00 00 00 1F 00 00 00)"

/* 6.2.11.3: control bits that stay set are granted; 6.2.11.1.1: bit 2 of the first dword means
 * "Unrecognized UUID". */
static void osc_grants_what_is_asked_for(void **state)
{
	struct board b;
	const char *out;

	(void)state;
	need_acpiexec();
	fake_board_init(&b, 1);
	fake_board_add_pci(&b);
	dump(&b);
	out = run(OSC("5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66") ";" OSC(
		"6B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66"));
	out = strstr(out, "00 00 00 00 01 00 00 00 1F 00 00 00");
	assert_non_null(out);
	assert_non_null(strstr(out, "04 00 00 00 01 00 00 00 1F 00 00 00"));
}

/* 6.2.2: the windows, and the ports that are the bridge's own. */
static void windows(void **state)
{
	struct board b;
	const char *out;

	(void)state;
	need_acpiexec();
	fake_board_init(&b, 1);
	fake_board_add_pci(&b);
	dump(&b);
	out = run("resources \\_SB.PCI0");
	assert_non_null(strstr(out, "WORD Address Space"));
	assert_non_null(strstr(out, "Address Minimum : 0CF8"));
	assert_non_null(strstr(out, "Address Minimum : 1000"));
	assert_non_null(strstr(out, "Address Maximum : FFFF"));
	assert_non_null(strstr(out, "Address Minimum : D0000000"));
	assert_non_null(strstr(out, "Address Maximum : FDFFFFFF"));
	assert_non_null(strstr(out, "Address Minimum : 0000008000000000"));
	assert_non_null(strstr(out, "Address Maximum : 000000BFFFFFFFFF"));
	b.pci.mem64.len = b.pci.io.len = 0;
	dump(&b);
	out = run("resources \\_SB.PCI0");
	assert_null(strstr(out, "0000008000000000"));
	assert_null(strstr(out, "Address Minimum : 1000"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(routing_follows_the_interrupt_model),
		CASE(nothing_to_route),
		CASE(osc_grants_what_is_asked_for),
		CASE(windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
