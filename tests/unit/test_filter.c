/* SPDX-License-Identifier: MIT */
/* test_filter.c: which records fit what is asked for, and what is said to what makes no sense. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "tests/lib/trace_kit.h"
#include "vmm/lens.h"
#include "vmm/symbols.h"

/* The records, by letter. */
static struct trace_rec record(char which)
{
	struct trace_rec x = { .kind = TRACE_EXIT, .dev = TRACE_NO_DEV };

	switch (which) {
	case 's': /* a byte for COM1 */
		return kit_pio(0, KIT_SERIAL, 0x3f8, true, 'L');
	case 'l': /* LSR is read */
		return kit_pio(0, KIT_SERIAL, 0x3fd, false, 0x60);
	case 'n': /* to nobody */
		return kit_pio(0, TRACE_NO_DEV, 0x87, true, 0);
	case 'd': /* the disk is notified, by MMIO */
		x = kit_pio(0, KIT_DISK, 0xd0003000, true, 0);
		x.exit.reason = TRACE_MMIO;
		x.exit.rip = 0x200000;
		return x;
	case 'h':
		x.exit.reason = TRACE_HLT;
		return x;
	case 'm':
		x.exit.reason = TRACE_WRMSR;
		x.exit.addr = 0xc0000082;
		x.exit.flags = TRACE_X_WRITE;
		return x;
	case 'i':
		return kit_event(0, KIT_PIC, TRACE_E_IRQ_REQUEST, 0x10, 4);
	default: /* 'q' */
		return kit_event(0, KIT_BLK, TRACE_E_VQ_POP, 0, 1);
	}
}
#define ALL "slndhmiq"

static struct symbols two_symbols(void)
{
	struct symbols s = { 0 };

	assert_int_equal(symbols_add(&s, 0x100000, 'T', "putc", 4, NULL), 0);
	assert_int_equal(symbols_add(&s, 0x200000, 'T', "kick", 4, NULL), 0);
	symbols_sort(&s);
	return s;
}

static const struct {
	const char *text, *fit;
} filters[] = {
	{ "kind=io", "sln" },
	{ "io", "sln" },
	{ "IO", "sln" },
	{ "kind=in", "l" },
	{ "kind=out", "sn" },
	{ "kind=mmio", "d" },
	{ "kind=write", "snd" },
	{ "kind=read", "l" },
	{ "!kind=hlt", "slndmiq" },
	{ "kind!=hlt", "slndmiq" },
	{ "kind=exit", "slndhm" },
	{ "kind=event", "iq" },
	{ "kind=irq", "i" },
	{ "kind=queue", "q" },
	{ "kind=msr", "m" },
	{ "dev=serial0", "sl" },
	{ "serial0", "sl" },
	{ "ns16550", "sl" },
	{ "dev=disk0", "dq" },
	{ "dev=disk0-pci", "d" },
	{ "dev=virtio-blk", "q" },
	{ "dev=serial0,kind=out", "s" },
	{ "dev=serial0 , kind = out", "s" },
	{ "dev=serial0|dev=disk0,kind=mmio", "sld" }, /* ',' binds closer */
	{ "(dev=serial0|dev=disk0),kind=mmio", "d" },
	{ "!(dev=serial0|dev=disk0)", "nhmi" },
	{ "!!io", "sln" },
	{ "addr=0x3f8", "s" },
	{ "addr=0x3f8-0x3ff", "sl" },
	{ "addr=1016", "s" },
	{ "addr=0xd0002fff-0xd0003000", "d" },
	{ "nobody", "n" },
	{ "!nobody,io", "sl" },
	{ "reg=THR", "s" },
	{ "reg=com1", "sl" },
	{ "reg=queue_notify 0", "d" },
	{ "reg=DMA", "n" },
	{ "reg=lstar", "m" },
	{ "value=0x4c", "s" },
	{ "value=0x40-0x60,io", "sl" },
	{ "rip=0x100010", "sln" },
	{ "rip=0x1fffff-0x200000", "d" },
	{ "rip=putc", "sln" },
	{ "rip=kick", "d" },
	{ "rip=nowhere", "" },
	{ "vcpu=1", ALL },
	{ "vcpu=0", "" },
	{ "vcpu=0-1,hlt", "h" },
};

static void what_fits(void **state)
{
	struct symbols s = two_symbols();
	const struct lens l = { .machine = &kit_machine, .symbols = &s, .slide_known = true };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(filters); i++) {
		struct lens_filter *f;
		char fit[sizeof(ALL)] = "", *to = fit;

		assert_int_equal(lens_filter_parse(filters[i].text, &kit_machine, &f, NULL), 0);
		for (const char *c = ALL; *c; c++) {
			const struct trace_rec r = record(*c);

			if (lens_filter_fits(f, &l, &r, 1))
				*to++ = *c;
		}
		if (strcmp(fit, filters[i].fit) != 0)
			fail_msg("'%s' fits '%s', not '%s'", filters[i].text, fit, filters[i].fit);
		lens_filter_free(f);
	}
	symbols_free(&s);
}

static void what_is_wrong(void **state)
{
	static const struct {
		const char *text, *says, *hint;
	} rows[] = {
		{ "", "a word is missing, or too long at its end", "keys: kind, dev" },
		{ "kind=", "a value is missing, or too long at its end", "keys" },
		{ "kind=io,", "a word is missing, or too long at its end", "keys" },
		{ "kind=io)", "something is too much at ')'", "keys" },
		{ "(kind=io", "a ')' is missing at its end", "keys" },
		{ "io serial0", "something is too much at 'serial0'", "keys" },
		{ "kind=mimo", "no kind 'mimo'; did you mean 'mmio'?", "there are: exit, event" },
		{ "kidn=io", "no key 'kidn'; did you mean 'kind'?", "there are: kind, dev, addr" },
		{ "dev=serial9", "no device 'serial9'; did you mean 'serial", "pit0, pic0" },
		{ "serial9", "no device 'serial9'; did you mean 'serial", "pit0, pic0" },
		{ "vcpu=2", "no vcpu 2; they go from 0 to 1", NULL },
		{ "addr=foo", "filter: addr: ", NULL },
		{ "addr=9-3", "'9-3' ends before it begins", NULL },
		{ "value=-1", "filter: value: ", NULL },
		{ "dev=\033[2J", "no device '\\x1b[2J'", NULL },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct lens_filter *f = NULL;
		struct error *e = NULL;

		assert_int_equal(lens_filter_parse(rows[i].text, &kit_machine, &f, &e), -EINVAL);
		assert_null(f);
		if (rows[i].hint)
			assert_non_null(strstr(error_hint(e), rows[i].hint));
		assert_error(e, rows[i].says);
	}
}

static void too_much(void **state)
{
	_cleanup_(str_free) struct str deep = { 0 }, many = { 0 }, word = { 0 };
	struct lens_filter *f = NULL;
	struct error *e = NULL;

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		str_add(&deep, "(");
	assert_int_equal(lens_filter_parse(deep.s, NULL, &f, &e), -EINVAL);
	assert_error(e, "nested too deeply");
	e = NULL;
	for (unsigned i = 0; i < 1000; i++)
		str_add(&many, "io,");
	str_add(&many, "io");
	assert_int_equal(lens_filter_parse(many.s, NULL, &f, &e), -E2BIG);
	assert_error(e, "more than 128 parts");
	e = NULL;
	str_add(&word, "reg=");
	for (unsigned i = 0; i < 100; i++)
		str_add(&word, "x");
	assert_int_equal(lens_filter_parse(word.s, NULL, &f, &e), -EINVAL);
	assert_error(e, "filter: a value is missing, or too long");
}

/* Before the machine is known, any name may be one. */
static void without_a_machine(void **state)
{
	const struct lens l = { .machine = &kit_machine };
	const struct trace_rec s = record('s');
	struct lens_filter *f;

	(void)state;
	assert_int_equal(lens_filter_parse("dev=serial0,vcpu=0-63", NULL, &f, NULL), 0);
	assert_true(lens_filter_fits(f, &l, &s, 0));
	lens_filter_free(f);
	assert_int_equal(lens_filter_parse("dev=anything", NULL, &f, NULL), 0);
	assert_false(lens_filter_fits(f, &l, &s, 0));
	lens_filter_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits),
		cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(too_much),
		cmocka_unit_test(without_a_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
