/* SPDX-License-Identifier: MIT */
/* test_insn.c: the instruction that made an exit, wherever KVM left RIP. */
#include <stdio.h>
#include <string.h>

#include "lens/disasm.h"
#include "tests/lib/fake.h"
#include "tests/lib/trace_kit.h"
#include "vmm/lens.h"

enum { IN = 0, OUT = TRACE_X_WRITE, INS = TRACE_X_STRING, OUTS = TRACE_X_WRITE | TRACE_X_STRING };

/* @code: bytes before RIP, '|', bytes from there on, in hexadecimal. */
struct row {
	unsigned bits;
	const char *code;
	uint8_t reason, flags, size;
	uint64_t addr;
	const char *text; /* NULL: not known */
	int at;           /* it begins so far from RIP */
};

static struct trace_rec code_of(const struct row *r)
{
	struct trace_rec c = { .kind = TRACE_CODE };
	unsigned byte;
	int n;

	c.code.bits = (uint8_t)r->bits;
	c.code.rip = 0x1000;
	for (const char *s = r->code; *s; s++) {
		if (*s == '|')
			c.code.before = c.code.len;
		else if (sscanf(s, "%2x%n", &byte, &n) == 1) {
			c.code.bytes[c.code.len++] = (uint8_t)byte;
			s += n - 1;
		}
	}
	assert_true(c.code.before <= TRACE_CODE_BEFORE);
	return c;
}

static struct trace_rec exit_of(const struct row *r)
{
	struct trace_rec x = { .kind = TRACE_EXIT, .dev = TRACE_NO_DEV };

	x.exit.rip = 0x1000;
	x.exit.reason = r->reason;
	x.exit.flags = r->flags;
	x.exit.size = r->size;
	x.exit.addr = r->addr;
	x.exit.count = 1;
	return x;
}

static void check(const struct lens *l, const struct row *r)
{
	const struct trace_rec x = exit_of(r), code = code_of(r);
	struct lens_insn i;
	bool found = lens_insn(l, &x, &code, &i);

	if (found != !!r->text)
		fail_msg("'%s': %s", r->code, found ? i.text : "not found");
	if (!found)
		return;
	assert_string_equal(i.text, r->text);
	assert_int_equal((int64_t)(i.rip - 0x1000), r->at);
	assert_memory_equal(i.bytes, code.code.bytes + code.code.before + r->at, i.len);
}

static const struct row io[] = {
	/* behind it and at it */
	{ 32, "b0 4c ee | f4 90", TRACE_PIO, OUT, 1, 0x3f8, "out dx, al", -1 },
	{ 32, "b0 4c | ee f4", TRACE_PIO, OUT, 1, 0x3f8, "out dx, al", 0 },
	{ 64, "ba f8 03 00 00 ec | c3", TRACE_PIO, IN, 1, 0x3fd, "in al, dx", -1 },
	{ 64, "ba f8 03 00 00 | ec c3", TRACE_PIO, IN, 1, 0x3fd, "in al, dx", 0 },
	/* ports inside the instruction */
	{ 16, "b0 11 e6 20 | b0 08", TRACE_PIO, OUT, 1, 0x20, "out 0x20, al", -2 },
	{ 16, "b0 11 e6 20 | b0 08", TRACE_PIO, OUT, 1, 0x21, NULL, 0 },
	{ 16, "| e4 61 24 fe", TRACE_PIO, IN, 1, 0x61, "in al, 0x61", 0 },
	{ 32, "e6 ee | 90", TRACE_PIO, OUT, 1, 0xee, "out 0xee, al", -2 },
	/* widths: 16 bits are the prefixed form in 32 and 64, and the plain one in 16 */
	{ 32, "90 ef | 90", TRACE_PIO, OUT, 4, 0xcf8, "out dx, eax", -1 },
	{ 32, "90 66 ef | 90", TRACE_PIO, OUT, 2, 0x604, "out dx, ax", -2 },
	{ 64, "66 ed | c3", TRACE_PIO, IN, 2, 0x1f0, "in ax, dx", -2 },
	{ 16, "ef | c3", TRACE_PIO, OUT, 2, 0x1f0, "out dx, ax", -1 },
	{ 16, "66 ef | c3", TRACE_PIO, OUT, 4, 0xcf8, "out dx, eax", -2 },
	{ 32, "ef | c3", TRACE_PIO, OUT, 1, 0xcf8, NULL, 0 },
	{ 32, "ef | c3", TRACE_PIO, IN, 4, 0xcf8, NULL, 0 },
	/* strings */
	{ 32, "fc f3 6e | c3", TRACE_PIO, OUTS, 1, 0xe9, "rep outsb", -2 },
	{ 32, "fc | f3 6e c3", TRACE_PIO, OUTS, 1, 0xe9, "rep outsb", 0 },
	{ 64, "f3 66 6d | c3", TRACE_PIO, INS, 2, 0x1f0, "rep insw", -3 },
	{ 32, "ee | c3", TRACE_PIO, OUTS, 1, 0xe9, NULL, 0 },
	/* the others that exit */
	{ 32, "fb f4 | eb fd", TRACE_HLT, 0, 0, 0, "hlt", -1 },
	{ 32, "fb | f4 eb fd", TRACE_HLT, 0, 0, 0, "hlt", 0 },
	{ 32, "90 90 | 90", TRACE_HLT, 0, 0, 0, NULL, 0 },
	{ 64, "b9 82 00 00 c0 | 0f 32", TRACE_RDMSR, 0, 8, 0xc0000082, "rdmsr", 0 },
	{ 64, "0f 30 | c3", TRACE_WRMSR, OUT, 8, 0xc0000082, "wrmsr", -2 },
	/* no instruction made it */
	{ 64, "ee | ee", TRACE_INTR, 0, 0, 0, NULL, 0 },
	{ 64, "ee | ee", TRACE_IRQ_WINDOW, 0, 0, 0, NULL, 0 },
	{ 64, "|", TRACE_PIO, OUT, 1, 0x3f8, NULL, 0 },
	{ 64, "e6 |", TRACE_PIO, OUT, 1, 0x3f8, NULL, 0 },
};

static void ports(void **state)
{
	const struct lens l = { 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(io); i++)
		check(&l, &io[i]);
}

static const struct row memory[] = {
	{ 64, "89 07 | c3", TRACE_MMIO, OUT, 4, 0, "mov dword ptr [rdi], eax", -2 },
	{ 64, "41 89 07 | c3", TRACE_MMIO, OUT, 4, 0, "mov dword ptr [r15], eax", -3 },
	{ 64, "48 89 07 | c3", TRACE_MMIO, OUT, 8, 0, "mov qword ptr [rdi], rax", -3 },
	{ 64, "48 89 07 | c3", TRACE_MMIO, IN, 8, 0, NULL, 0 },
	{ 64, "90 | 8b 07 c3", TRACE_MMIO, IN, 4, 0, "mov eax, dword ptr [rdi]", 0 },
	{ 64, "90 | 0f b6 07 c3", TRACE_MMIO, IN, 1, 0, "movzx eax, byte ptr [rdi]", 0 },
	{ 32, "90 | a1 00 00 c0 fe", TRACE_MMIO, IN, 4, 0, "mov eax, dword ptr [0xfec00000]", 0 },
	{ 32, "83 c4 10 85 c0 c7 05 10 00 c0 fe 31 00 01 00 | c3", TRACE_MMIO, OUT, 4, 0,
	  "mov dword ptr [0xfec00010], 0x10031", -10 },
	{ 64, "8d 07 | c3", TRACE_MMIO, IN, 4, 0, NULL, 0 }, /* lea */
	{ 64, "0f 11 07 | c3", TRACE_MMIO, OUT, 8, 0, "movups xmmword ptr [rdi], xmm0", -3 },
	{ 64, "| 83 08 01 90", TRACE_MMIO, OUT, 4, 0, "or dword ptr [rax], 1", 0 },
	{ 64, "| 0f 0b", TRACE_SHUTDOWN, 0, 0, 0, "ud2", 0 },
};

static void memory_operands(void **state)
{
	const struct lens l = { 0 };

	(void)state;
	if (lens_disassembler_missing())
		skip();
	for (unsigned i = 0; i < ARRAY_LEN(memory); i++)
		check(&l, &memory[i]);
}

/* The same bytes in doubt: before or at RIP, as it was without doubt. */
static void doubt(void **state)
{
	const struct row twice = { 64, "ee | ee", TRACE_PIO, OUT, 1, 0x80, "out dx, al", -1 };
	const struct row at = { 64, "90 | ee", TRACE_PIO, OUT, 1, 0x80, "out dx, al", 0 };
	const struct row in = { 64, "ec | ec", TRACE_PIO, IN, 1, 0x80, "in al, dx", 0 };
	const struct row in_behind = { 64, "ec | 90", TRACE_PIO, IN, 1, 0x80, "in al, dx", -1 };
	struct lens l = { .machine = &kit_machine, .seen = lens_seen_new(&kit_machine) };
	struct row r;

	(void)state;
	check(&l, &twice); /* KVM's way, as far as we know */
	check(&l, &at);    /* it is not this KVM's */
	r = twice;
	r.at = 0;
	check(&l, &r);
	check(&l, &in);
	check(&l, &in_behind);
	r = in;
	r.at = -1;
	check(&l, &r);
	lens_seen_free(l.seen);
}

static void disassembly(void **state)
{
	static const uint8_t bytes[] = { 0x66, 0xef, 0xb8, 0x01 };
	struct lens_insn i;

	(void)state;
	assert_int_equal(lens_disassemble(bytes, sizeof(bytes), 0x10, 32, &i), 2);
	assert_string_equal(i.text, "out dx, ax");
	assert_int_equal(i.rip, 0x10);
	assert_int_equal(i.len, 2);
	assert_int_equal(lens_disassemble(bytes, 1, 0x10, 32, &i), 0);
	assert_int_equal(lens_disassemble(bytes + 2, 2, 0x10, 64, &i), 0);
	if (lens_disassembler_missing())
		skip();
	assert_int_equal(lens_disassemble(bytes + 2, 2, 0x10, 16, &i), 0);
	assert_int_equal(lens_disassemble((const uint8_t *)"\xb8\x01\x02", 3, 0x10, 16, &i), 3);
	assert_string_equal(i.text, "mov ax, 0x201");
}

/* Our own knowledge is the library's, of all first bytes in all modes. */
static void agrees_with_the_library(void **state)
{
	(void)state;
	if (lens_disassembler_missing())
		skip();
	for (unsigned bits = 16; bits <= 64; bits *= 2) {
		for (unsigned a = 0; a < 0x10000; a++) {
			const uint8_t p[4] = { (uint8_t)(a >> 8), (uint8_t)a, 0xee, 0x12 };
			struct insn_parts own, whole;

			if (!disasm_own(p, sizeof(p), bits, &own))
				continue;
			assert_int_equal(disasm(p, sizeof(p), 0, bits, &whole), own.len);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),
		cmocka_unit_test(memory_operands),
		cmocka_unit_test(doubt),
		cmocka_unit_test(disassembly),
		cmocka_unit_test(agrees_with_the_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
