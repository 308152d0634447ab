/* SPDX-License-Identifier: MIT */
/* test_line.c: exits as lines; addresses as symbols, wherever the kernel was put. */
#include <errno.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "tests/lib/trace_kit.h"
#include "vmm/lens.h"
#include "vmm/symbols.h"

#define LINKED UINT64_C(0xffffffff81000000)
#define SLIDE  UINT64_C(0x1a000000)

static void line_is(const struct lens *l, const struct trace_item *it,
		    const struct trace_thread *th, const char *text)
{
	_cleanup_(str_free) struct str s = { 0 };

	lens_line(l, it, th, &s);
	assert_string_equal(s.s ? s.s : "", text);
}

static void recording(void **state)
{
	static const char *const lines[] = {
		"#000000      +0.900ms vcpu1  IO IN      0x40 (PIT channel 0) -> 0x12 rip=100010 "
		"(start+0x10) | handler 0.4us, away 1.0us",
		"#000000      +1.000ms vcpu0  IO OUT     0x3f8 (COM1 THR) <- 0x4c 'L' rip=100010 "
		"(start+0x10) out dx, al | LSR.THRE 1 -> 0, LSR.TEMT 1 -> 0, irq 4 raised | "
		"handler "
		"0.4us, away 1.0us",
		"             +1.000ms disk0  disk0-pci: queue 0 notified",
		"             +1.500ms vcpu0  pic0: vector 0x30 injected into vcpu0",
		"#000000      +1.900ms vcpu1  IO OUT     0x21 (PIC1 IMR) <- 0xff "
		"IR0|IR1|IR2|IR3|IR4|IR5|IR6|IR7 rip=100010 (start+0x10) out dx, al | handler "
		"0.4us, "
		"away 1.0us",
		"#000000      +2.000ms vcpu0  IO OUT     0x87 (nobody: DMA page registers) <- 0x00 "
		"rip=100010 (start+0x10) out dx, al | handler 0.4us, away 1.0us",
	};
	size_t len;
	_cleanup_free_ void *p = kit_trace(&len);
	struct trace_cursor c = { 0 };
	struct trace_item it;
	struct trace *t;
	struct lens l;

	(void)state;
	assert_int_equal(trace_load_mem(p, len, "t", &t, NULL), 0);
	l = (struct lens){ .machine = &t->machine,
			   .symbols = t->symbols,
			   .slide_known = t->slide_known,
			   .slide = t->slide };
	for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
		assert_true(trace_next(t, &c, &it));
		line_is(&l, &it, &t->thread[it.thread], lines[i]);
	}
	trace_free(t);
}

static void odd_ones(void **state)
{
	const struct lens l = { .machine = &kit_machine }, none = { 0 };
	const struct trace_thread th = { .vcpu = 3 };
	struct trace_rec x = {
		.kind = TRACE_EXIT, .t = 1000000 + 61000000000, .dev = TRACE_NO_DEV, .num = 1234567
	};
	struct trace_item it = { .rec = &x };

	(void)state;
	x.exit.reason = TRACE_HLT;
	x.exit.rip = 0xfff0;
	x.exit.away = UINT32_MAX;
	line_is(&l, &it, &th, "#1234567  +61000.000ms vcpu3  HLT        rip=fff0 | away 4.29s");
	x.exit.reason = TRACE_WRMSR;
	x.exit.addr = 0xc0000080;
	x.exit.flags = TRACE_X_WRITE;
	x.exit.value = 0xd01;
	x.exit.size = 8;
	x.exit.away = 12345678;
	x.num = 1;
	x.t = 0;
	line_is(&l, &it, NULL,
		"#000001      -1.000ms ?      WRMSR      0xc0000080 (MSR EFER) <- "
		"0x0000000000000d01 "
		"rip=fff0 | away 12.3ms");
	x.exit.reason = TRACE_OTHER;
	x.exit.value = 17;
	line_is(&none, &it, &th,
		"#000001      +0.000ms vcpu3  OTHER      (KVM_EXIT_INTERNAL_ERROR) rip=fff0 | away "
		"12.3ms");
	x = kit_pio(1000000, KIT_DEBUGCON, 0xe9, true, 'x');
	x.exit.flags |= TRACE_X_STRING;
	x.exit.count = 16;
	x.exit.handler = 0;
	line_is(&l, &it, &th,
		"#000000      +0.000ms vcpu3  IO OUTS    0xe9 (debug console) <- 0x78 x 16 'x' "
		"rip=100010 | away 1.0us");
}

/* --- where the kernel is ---------------------------------------------------------------------- */

static void add(struct symbols *s, uint64_t addr, const char *name)
{
	assert_int_equal(symbols_add(s, addr, 'T', name, strlen(name), NULL), 0);
}

static struct symbols linux_symbols(void)
{
	struct symbols s = { 0 };

	add(&s, LINKED, "_text");
	add(&s, LINKED + 0x1000, "serial8250_tx");
	add(&s, LINKED + 0x800080, "entry_SYSCALL_64");
	add(&s, LINKED + 0x1000000, "idt_table");
	add(&s, LINKED + 0x1001000, "_end");
	symbols_sort(&s);
	return s;
}

static struct trace_rec kernel(uint64_t t, uint64_t lstar, uint64_t idt)
{
	struct trace_rec r = { .t = t, .kind = TRACE_KERNEL };

	r.kernel.lstar = lstar;
	r.kernel.idt = idt;
	return r;
}

static void one_record(void **state)
{
	static const struct {
		uint64_t lstar, idt;
		bool known;
		uint64_t slide;
	} rows[] = {
		{ LINKED + 0x800080, 0, true, 0 },
		{ LINKED + 0x800080 + SLIDE, 0, true, SLIDE },
		{ 0, LINKED + 0x1000000 + SLIDE, true, SLIDE },
		{ LINKED + 0x800080 + SLIDE, UINT64_C(0xfffffe0000000000), true, SLIDE },
		{ LINKED + 0x800080 + SLIDE + 0x1000, 0, false, 0 }, /* not by 2 MiB */
		{ LINKED + 0x800080 - 0x200000, 0, false, 0 },       /* not down */
		{ LINKED + 0x800080 + (1u << 30), 0, false, 0 },     /* not so far */
		{ 0, UINT64_C(0xfffffe0000000000), false, 0 },
		{ UINT64_C(0xfffffe0000006000), 0, false, 0 }, /* a trampoline */
		{ 0, 0, false, 0 },
	};
	struct symbols s = linux_symbols();

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		const struct trace_rec r = kernel(0, rows[i].lstar, rows[i].idt);
		uint64_t slide;

		assert_int_equal(lens_slide(&s, &r, &slide), rows[i].known);
		if (rows[i].known)
			assert_int_equal(slide, rows[i].slide);
	}
	symbols_free(&s);
}

static void symbol_is(const struct lens *l, uint64_t rip, const char *text)
{
	_cleanup_(str_free) struct str s = { 0 };

	lens_symbol(l, rip, &s);
	assert_string_equal(s.s ? s.s : "", text);
}

static void late_findings_hold_for_what_was_before(void **state)
{
	const uint64_t second = SLIDE + 0x200000;
	const struct trace_rec r[] = {
		kernel(10, 0, 0x7000),                     /* the decompressor */
		kernel(20, 0, LINKED + 0x1000000 + SLIDE), /* early */
		kernel(30, LINKED + 0x800080 + SLIDE, 0),
		kernel(40, 0, 0), /* the second CPU comes up */
		kernel(50, LINKED + 0x800080 + SLIDE, 0),
		kernel(60, 0, 0), /* reboots */
		kernel(70, LINKED + 0x800080 + second, 0),
	};
	struct symbols s = linux_symbols();
	struct lens l = { .symbols = &s };
	struct lens_slides t;

	(void)state;
	assert_int_equal(lens_slides_find(&s, r, ARRAY_LEN(r), &t, NULL), 0);
	assert_int_equal(t.cnt, 2);
	lens_slide_at(&t, 1, &l);
	assert_true(l.slide_known);
	symbol_is(&l, LINKED + 0x1000 + SLIDE, "serial8250_tx");
	symbol_is(&l, LINKED + 0x103c + SLIDE, "serial8250_tx+0x3c");
	symbol_is(&l, 0x100000, "");                     /* physical: early boot */
	symbol_is(&l, LINKED + 0x1000, "");              /* below it */
	symbol_is(&l, 0x7f0000001000, "");               /* a process */
	symbol_is(&l, UINT64_C(0xffffffffc0401000), ""); /* a module */
	lens_slide_at(&t, 65, &l);
	symbol_is(&l, LINKED + 0x1000 + second, "serial8250_tx");
	symbols_free(&s);
}

static void not_to_be_known(void **state)
{
	const struct trace_rec early[] = { kernel(10, 0, 0x7000) },
			       other[] = { kernel(10, LINKED + 0x123450, 0) };
	struct symbols s = linux_symbols(), firmware = { 0 };
	struct lens l = { .symbols = &firmware };
	struct error *e = NULL;
	struct lens_slides t;

	(void)state;
	assert_int_equal(lens_slides_find(&s, early, 1, &t, &e), -ENODATA);
	assert_error(e, "did not get so far");
	e = NULL;
	assert_int_equal(lens_slides_find(&s, other, 1, &t, &e), -EINVAL);
	assert_error(e, "not those of the guest's kernel");
	lens_slide_at(&t, 0, &l);
	assert_false(l.slide_known);

	add(&firmware, 0x100000, "_start");
	assert_int_equal(lens_slides_find(&firmware, other, 1, &t, NULL), 0);
	lens_slide_at(&t, 0, &l);
	symbol_is(&l, 0x100004, "_start+0x4");
	symbols_free(&firmware);
	symbols_free(&s);
}

/* IDTR can hold something that looks right; MSR_LSTAR knows better. */
static void the_better_witness(void **state)
{
	const struct trace_rec r[] = { kernel(20, 0, LINKED + 0x1000000 + 0x200000),
				       kernel(30, LINKED + 0x800080 + SLIDE, 0) };
	struct symbols s = linux_symbols();
	struct lens l = { .symbols = &s };
	struct lens_slides t;

	(void)state;
	assert_int_equal(lens_slides_find(&s, r, 2, &t, NULL), 0);
	lens_slide_at(&t, 0, &l);
	assert_int_equal(l.slide, SLIDE);
	symbols_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recording),
		cmocka_unit_test(odd_ones),
		cmocka_unit_test(one_record),
		cmocka_unit_test(late_findings_hold_for_what_was_before),
		cmocka_unit_test(not_to_be_known),
		cmocka_unit_test(the_better_witness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
