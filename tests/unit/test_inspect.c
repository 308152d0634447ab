/* SPDX-License-Identifier: MIT */
/* What registers and memory answer: expressions, `mem`, `pt`, `gdt`, `idt`, `regs`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fake_guest.h"
#include "vmm/inspect.h"
#include "vmm/lens.h"
#include "vmm/symbols.h"

static struct fake_guest f;
static struct inspect in;
static struct symbols symbols;
static struct lens lens = { .symbols = &symbols, .slide_known = true };

static int setup(void **state)
{
	struct error *e = NULL;

	(void)state;
	fake_guest_init(&f);
	in = (struct inspect){ .target = &f.d.target, .lens = &lens };
	symbols = (struct symbols){ 0 };
	assert_int_equal(symbols_add(&symbols, 0x1000, 'T', "start", 5, &e), 0);
	assert_int_equal(symbols_add(&symbols, 0x1040, 'T', "rax", 3, &e), 0);
	symbols_sort(&symbols);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	symbols_free(&symbols);
	fake_guest_fini(&f);
	return 0;
}

/* The answer to @line; the caller frees. */
static char *ask(const char *line)
{
	struct error *e = NULL;
	struct str out = { 0 };

	assert_int_equal(inspect_line(&in, line, &out, &e), 0);
	assert_no_error(e);
	return str_take(&out);
}

static void answers(const char *line, const char *want)
{
	char *got = ask(line);

	assert_string_equal(got, want);
	free(got);
}

static void contains(const char *line, const char *part)
{
	char *got = ask(line);

	if (!strstr(got, part))
		fail_msg("'%s' is not in:\n%s", part, got);
	free(got);
}

static void refuses(const char *line, const char *part)
{
	struct error *e = NULL;
	struct str out = { 0 };

	assert_true(inspect_line(&in, line, &out, &e) < 0);
	assert_error(e, part);
	str_free(&out);
}

/* --- expressions ------------------------------------------------------------------------------ */

static uint64_t eval(const char *text)
{
	struct error *e = NULL;
	uint64_t v;

	if (inspect_eval(&in, text, &v, &e) < 0)
		fail_msg("'%s': %s", text, error_msg(e));
	return v;
}

static void operators_are_those_of_c(void **state)
{
	(void)state;
	assert_int_equal(eval("1 + 2 * 3"), 7);
	assert_int_equal(eval("(1+2)*3"), 9);
	assert_int_equal(eval("10 - 2 - 3"), 5);
	assert_int_equal(eval("0xff & ~0xf | 1"), 0xf1);
	assert_int_equal(eval("1 << 4 >> 2"), 4);
	assert_int_equal(eval("1 << 64"), 0);
	assert_int_equal(eval("7 / 2 + 7 % 2"), 4);
	assert_int_equal(eval("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3 && 1 != 2 && !0"), 1);
	assert_int_equal(eval("0 || 0"), 0);
	assert_int_equal(eval("5 == 5 ^ 1"), 0);
	assert_int_equal(eval("-1"), UINT64_MAX);
	assert_int_equal(eval("'A'"), 65);
	assert_int_equal(eval(" ( ( 4 ) ) "), 4);
	assert_int_equal(eval("0xffffffffffffffff"), UINT64_MAX);
	assert_int_equal(eval("18446744073709551615"), UINT64_MAX);
}

static void registers_have_their_names(void **state)
{
	(void)state;
	f.d.regs[0].gpr[DBG_RAX] = 0x1122334455667788;
	f.d.regs[0].gpr[DBG_R9] = 0xaabbccdd99887766;
	assert_int_equal(eval("rax"), 0x1122334455667788);
	assert_int_equal(eval("$rax"), 0x1122334455667788);
	assert_int_equal(eval("eax"), 0x55667788);
	assert_int_equal(eval("ax"), 0x7788);
	assert_int_equal(eval("ah"), 0x77);
	assert_int_equal(eval("al"), 0x88);
	assert_int_equal(eval("r9d"), 0x99887766);
	assert_int_equal(eval("r9w"), 0x7766);
	assert_int_equal(eval("r9b"), 0x66);
	assert_int_equal(eval("cr3"), 0x10000);
	assert_int_equal(eval("cs"), 0x10);
	assert_int_equal(eval("pc"), 0x1000);
	in.cpu = 1;
	assert_int_equal(eval("pc"), 0xffff0);
	assert_int_equal(eval("rip"), 0xfff0);
}

static void symbols_and_memory_are_operands(void **state)
{
	(void)state;
	fake_guest_put64(&f, 0x8000, 0x1122334455667788);
	assert_int_equal(eval("start + 4"), 0x1004);
	assert_int_equal(eval("rax"), 0);
	assert_int_equal(eval("&rax"), 0x1040);
	assert_int_equal(eval("q[rsp]"), 0x1122334455667788);
	assert_int_equal(eval("[rsp]"), 0x1122334455667788);
	assert_int_equal(eval("d[rsp+4]"), 0x11223344);
	assert_int_equal(eval("w[0x8000]"), 0x7788);
	assert_int_equal(eval("b[rsp] + 1"), 0x89);
	in.cpu = 1;
	assert_int_equal(eval("[0x8000]"), 0x7788);
}

static void nonsense_is_told(void **state)
{
	static const struct {
		const char *text, *part;
	} t[] = {
		{ "", "missing" },
		{ "1 +", "missing" },
		{ "1 2", "left over" },
		{ "(1", "')' is missing" },
		{ "q[rsp", "']' is missing" },
		{ "1 / 0", "zero" },
		{ "1 % 0", "zero" },
		{ "0x", "no number" },
		{ "12ab", "no number" },
		{ "0x10000000000000000", "64 bits" },
		{ "nothing_like_it", "neither a register nor a symbol" },
		{ "q[0x900000]", "no memory" },
		{ "q[0x7fffffffffff]", "no memory" },
		{ "[[[[", "missing" },
		{ "\xff\xfe", "missing" },
	};
	char deep[600];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		struct error *e = NULL;
		uint64_t v;

		assert_true(inspect_eval(&in, t[i].text, &v, &e) < 0);
		assert_error(e, t[i].part);
	}
	for (unsigned k = 0; k < 3; k++) {
		struct error *e = NULL;
		uint64_t v;

		memset(deep, "(-["[k], sizeof(deep));
		deep[sizeof(deep) - 1] = 0;
		assert_true(inspect_eval(&in, deep, &v, &e) < 0);
		assert_error(e, "too deep");
	}
}

static void registers_are_set_as_the_cpu_does(void **state)
{
	struct debug_regs r = { .gpr[DBG_RAX] = UINT64_MAX };
	struct error *e = NULL;

	(void)state;
	assert_int_equal(inspect_set_register(&r, "al", 0x12, &e), 0);
	assert_int_equal(r.gpr[DBG_RAX], 0xffffffffffffff12);
	assert_int_equal(inspect_set_register(&r, "ah", 0x34, &e), 0);
	assert_int_equal(r.gpr[DBG_RAX], 0xffffffffffff3412);
	assert_int_equal(inspect_set_register(&r, "ax", 1, &e), 0);
	assert_int_equal(r.gpr[DBG_RAX], 0xffffffffffff0001);
	assert_int_equal(inspect_set_register(&r, "eax", 5, &e), 0);
	assert_int_equal(r.gpr[DBG_RAX], 5);
	assert_int_equal(inspect_set_register(&r, "rip", 0x1234, &e), 0);
	assert_int_equal(r.rip, 0x1234);
	assert_int_equal(inspect_set_register(&r, "al", 0x100, &e), -EINVAL);
	assert_error(e, "does not fit");
	e = NULL;
	assert_int_equal(inspect_set_register(&r, "cs", 1, &e), -EINVAL);
	assert_error(e, "looked at only");
	e = NULL;
	assert_int_equal(inspect_set_register(&r, "xyz", 1, &e), -EINVAL);
	assert_error(e, "no register");
}

/* --- memory ----------------------------------------------------------------------------------- */

static void memory_is_dumped(void **state)
{
	(void)state;
	fake_guest_put(&f, 0x2000, "Hello\nworld\x01\x02\x03\x04\x05", 16);
	answers("mem 0x2000 16", "00002000  48 65 6c 6c 6f 0a 77 6f  72 6c 64 01 02 03 04 05  "
				 "|Hello.world.....|\n");
	answers("mem 0x2000 4 d", "00002000  6c6c6548                           \n");
	answers("mem 0x2000 16 q", "00002000  6f770a6f6c6c6548 0504030201646c72\n");
	answers("pmem 0x2000 2 w", "00002000  6548                                   \n");
	/* Goes on where it was. */
	contains("pmem", "00002002  6c 6c");
}

static void memory_that_is_not_there(void **state)
{
	(void)state;
	refuses("mem 0x400000", "no memory is at linear address 0x400000");
	refuses("mem 0x3ffff0 32", "0x400000");
	refuses("mem 0xffff800000000000", "no memory");
	refuses("pmem 0xfffffffffffffff8 16", "no memory");
	refuses("mem 0x1000 5000", "1 to 4096");
	refuses("mem 0x1000 0", "1 to 4096");
	refuses("mem 0x1000 4 z", "no unit");
	refuses("mem 1 2 3 4", "it is: mem");
	refuses("dis 0x400000", "no memory");
	refuses("dis 0x1000 0", "1 to 256");
}

/* --- page tables ------------------------------------------------------------------------------ */

static void a_walk_is_drawn(void **state)
{
	(void)state;
	answers("pt 0x201234",
		"4-level paging, cr3 0x10000\n"
		"PML4 0 | PDPT 0 | PD 1 | offset 0x1234\n"
		"PML4 [  0] at 0x00010000 : 0000000000011003 P W -> table at 0x11000\n"
		"  PDPT [  0] at 0x00011000 : 0000000000012003 P W -> table at 0x12000\n"
		"    PD   [  1] at 0x00012008 : 0000000000200083 P W PS -> page\n"
		"0x201234 is guest-physical 0x201234, in a page of 2 MiB: writable, supervisor, "
		"executable\n");
	contains("pt 0x400000", "not mapped");
	contains("pt 0x400000", "not present");
	in.cpu = 1;
	contains("pt 0x1000", "no paging");
}

static void tables_that_point_nowhere(void **state)
{
	(void)state;
	f.d.regs[0].cr3 = 0x7fffffff000;
	refuses("pt 0x1000", "not in memory");
	f.d.regs[0].cr3 = 0x10000;
	fake_guest_put64(&f, 0x11000, 0xfffffff003);
	refuses("pt 0x1000", "not in memory");
	/* A table that is its own. */
	fake_guest_put64(&f, 0x10000, 0x10003);
	contains("pt 0", "PT   [  0]");
}

/* --- descriptors ------------------------------------------------------------------------------ */

static void descriptors_are_named(void **state)
{
	(void)state;
	f.d.regs[0].gdt_base = 0x3000;
	f.d.regs[0].gdt_limit = 0x2f;
	fake_guest_put64(&f, 0x3010, 0x00af9b000000ffff);
	fake_guest_put64(&f, 0x3018, 0x00cf93000000ffff);
	fake_guest_put64(&f, 0x3020, 0x0000890010000067);
	fake_guest_put64(&f, 0x3028, 0x00000000ffff8000);
	f.d.regs[0].seg[DBG_TR].selector = 0x20;
	answers("gdt",
		"GDT at 0x3000, limit 0x2f\n"
		"  0010 base 00000000 limit ffffffff dpl 0 code 64, readable, accessed cs\n"
		"  0018 base 00000000 limit ffffffff dpl 0 data, writable, accessed ss ds es fs gs "
		"ldtr\n"
		"  0020 base ffff800000001000 limit 00000067 dpl 0 TSS, available tr\n");
	contains("gdt 0x18", "data, writable");
	refuses("gdt 0x30", "behind the limit");
	refuses("gdt 0x10000", "above");
	f.d.regs[0].gdt_base = 0x400000;
	refuses("gdt", "not in memory");
	f.d.regs[0].gdt_base = 0x100000;
	f.d.regs[0].gdt_limit = 0xffff;
	memset(f.d.memory + 0x100000, 0x9b, 0x10000);
	contains("gdt", "and ");
}

static void gates_are_named(void **state)
{
	(void)state;
	f.d.regs[0].idt_base = 0x4000;
	f.d.regs[0].idt_limit = 0xfff;
	for (unsigned v = 0; v < 32; v++)
		fake_guest_put64(&f, 0x4000 + 16 * v, 0x00008e0000101000);
	fake_guest_put64(&f, 0x4000 + 16 * 14, 0x00008e0300101040);
	answers("idt", "IDT at 0x4000, limit 0xfff\n"
		       "  00-0d      0010:00001000  interrupt gate dpl 0  start\n"
		       "  0e    #PF  0010:00001040  interrupt gate dpl 0 ist 3  rax\n"
		       "  0f-1f      0010:00001000  interrupt gate dpl 0  start\n");
	contains("idt 14", "#PF");
	refuses("idt 256", "above");
	f.d.regs[0].idt_limit = 0x1f;
	refuses("idt 14", "behind the limit");
	f.d.regs[0].idt_base = UINT64_C(0xfffffffffffff000);
	refuses("idt", "not in memory");
	/* Real mode: four bytes each. */
	in.cpu = 1;
	fake_guest_put(&f, 0x40, "\x34\x12\x00\xf0", 4);
	answers("idt", "real mode's interrupt vectors at 0, limit 0x3ff\n"
		       "  10         f000:00001234\n");
}

/* --- registers -------------------------------------------------------------------------------- */

static void registers_that_changed_are_marked(void **state)
{
	char *got;

	(void)state;
	in.before = f.d.regs[0];
	in.has_before = true;
	f.d.regs[0].gpr[DBG_RBX] = 0x42;
	f.d.regs[0].rip = 0x1003;
	got = ask("regs");
	assert_non_null(strstr(got, "*rbx 0000000000000042"));
	assert_non_null(strstr(got, " rax 0000000000000000"));
	assert_non_null(strstr(got, "*rip 0000000000001003"));
	assert_non_null(strstr(got, "[PF ZF IF iopl 0] start+0x3"));
	assert_non_null(strstr(got, "cr0 80000011 [PE ET PG]"));
	assert_non_null(strstr(got, "64-bit mode"));
	assert_null(strstr(got, "xmm"));
	free(got);
	contains("regs all", "xmm15");
	refuses("regs some", "not 'all'");
	in.cpu = 1;
	in.has_before = false;
	contains("regs", " eax 00000000");
	contains("regs", "real mode");
	f.d.regs_result = -EIO;
	refuses("regs", "registers of CPU 1");
}

static void questions_without_a_machine(void **state)
{
	static const char *const lines[] = { "dev", "dev serial0", "virtq", "irq", "map" };
	struct str out = { 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(lines); i++)
		refuses(lines[i], "no machine");
	assert_int_equal(inspect_line(&in, "nonsense 1", &out, NULL), -ENOENT);
	assert_int_equal(inspect_line(&in, "", &out, NULL), -ENOENT);
	str_free(&out);
}

static void print_says_it_in_several_ways(void **state)
{
	(void)state;
	answers("print 0x41 + 1", "0x42 = 66 = 'B'\n");
	answers("print -2", "0xfffffffffffffffe = 18446744073709551614 = -2\n");
	answers("print start+1", "0x1001 = 4097  start+0x1\n");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(operators_are_those_of_c),
		T(registers_have_their_names),
		T(symbols_and_memory_are_operands),
		T(nonsense_is_told),
		T(registers_are_set_as_the_cpu_does),
		T(memory_is_dumped),
		T(memory_that_is_not_there),
		T(a_walk_is_drawn),
		T(tables_that_point_nowhere),
		T(descriptors_are_named),
		T(gates_are_named),
		T(registers_that_changed_are_marked),
		T(questions_without_a_machine),
		T(print_says_it_in_several_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
