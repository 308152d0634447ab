/* SPDX-License-Identifier: MIT */
/* inspect.c: the questions that registers and memory answer; and what all questions share. */
#include "lens/inspect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/lens.h"

const struct inspector lens_inspectors[] = {
	{ "regs", "[all]", "registers; * marks what has changed since the last stop", 0, 1,
	  inspect_regs },
	{ "mem", "[ADDR [LEN] [b|w|d|q]]", "memory at a linear address", 0, 3, inspect_mem },
	{ "pmem", "[ADDR [LEN] [b|w|d|q]]", "memory at a guest-physical address", 0, 3,
	  inspect_pmem },
	{ "dis", "[ADDR [N]]", "disassemble N instructions, from the next one on", 0, 2,
	  inspect_dis },
	{ "print", "EXPR", "what an expression is: rsp+8, q[rsp], cr3 & ~0xfff, start_kernel", 1,
	  INSPECT_WORDS, inspect_print },
	{ "pt", "ADDR", "the page-table walk of a linear address, drawn", 1, INSPECT_WORDS,
	  inspect_pt },
	{ "gdt", "[SELECTOR]", "the global descriptor table", 0, 1, inspect_gdt },
	{ "idt", "[VECTOR]", "the interrupt descriptor table, or real mode's vectors", 0, 1,
	  inspect_idt },
};
const unsigned lens_inspector_cnt = ARRAY_LEN(lens_inspectors);

void inspect_moved(struct inspect *in)
{
	in->has_next_mem = in->has_next_pmem = in->has_next_dis = false;
}

unsigned inspect_split(char *line, char **word, unsigned max)
{
	unsigned n = 0;
	char *save = NULL;

	for (char *w = strtok_r(line, " \t\r\n", &save); w && n < max;
	     w = strtok_r(NULL, " \t\r\n", &save))
		word[n++] = w;
	return n;
}

int inspect_get_regs(struct inspect *in, struct debug_regs *ret, struct error **errp)
{
	struct debug_target *t = in->target;
	int r = t->ops->get_regs(t, in->cpu, ret);

	return r < 0 ? err_errno(errp, -r, "cannot read the registers of CPU %u", in->cpu) : 0;
}

int inspect_join(unsigned argc, char *const *argv, char *buf, size_t len, struct error **errp)
{
	size_t n = 0;

	buf[0] = 0;
	for (unsigned i = 0; i < argc && n < len; i++)
		n += (size_t)snprintf(buf + n, len - n, "%s%s", i ? " " : "", argv[i]);
	return n < len ? 0 : err_set(errp, EINVAL, "too long an expression");
}

void inspect_add_symbol(struct inspect *in, uint64_t addr, const char *before, struct str *out)
{
	struct str s = { 0 };

	if (in->lens)
		lens_symbol(in->lens, addr, &s);
	if (s.len)
		str_add(out, "%s%s", before, s.s);
	str_free(&s);
}
