/* SPDX-License-Identifier: MIT */
/* inspect_memory.c: `mem`, `pmem`, `dis`, `print`: bytes of the guest's, and what they mean. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lens/inspect.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/lens.h"

#define DUMP_DEFAULT 64u
#define DUMP_MAX     4096u
#define DIS_DEFAULT  8u
#define DIS_MAX      256u

/* --- mem and pmem ----------------------------------------------------------------------------- */

struct dump {
	uint64_t addr;
	unsigned len, unit; /* bytes; 1, 2, 4, 8 */
};

static unsigned unit_of(const char *word)
{
	static const char units[] = "bwdq";
	const char *u = word[0] && !word[1] ? strchr(units, word[0]) : NULL;

	return u ? 1u << (u - units) : 0;
}

/* Up to three words: where, how much, in which pieces. */
static int parse_dump(struct inspect *in, unsigned argc, char *const *argv, struct dump *d,
		      struct error **errp)
{
	unsigned unit = argc ? unit_of(argv[argc - 1]) : 0;
	uint64_t len = DUMP_DEFAULT;
	int r = 0;

	d->unit = unit ? unit : 1;
	if (unit)
		argc--;
	if (argc > 2)
		return err_set(errp, EINVAL, "'%s' is no unit: b, w, d or q", argv[2]);
	if (argc)
		r = inspect_eval(in, argv[0], &d->addr, errp);
	if (r == 0 && argc == 2)
		r = inspect_eval(in, argv[1], &len, errp);
	if (r < 0)
		return r;
	if (!len || len > DUMP_MAX)
		return err_set(errp, EINVAL, "a length of %" PRIu64 ": 1 to %u bytes can be shown",
			       len, DUMP_MAX);
	d->len = (unsigned)(len + d->unit - 1) / d->unit * d->unit;
	return 0;
}

static void dump_line(const struct dump *d, uint64_t addr, const uint8_t *p, unsigned n,
		      struct str *out)
{
	str_add(out, "%08" PRIx64 " ", addr);
	for (unsigned i = 0; i < 16; i += d->unit) {
		uint64_t v = 0;

		if (i >= n) {
			str_add(out, " %*s", (int)(2 * d->unit), "");
			continue;
		}
		for (unsigned j = d->unit; j; j--)
			v = v << 8 | p[i + j - 1];
		str_add(out, "%s%0*" PRIx64, i == 8 && d->unit == 1 ? "  " : " ",
			(int)(2 * d->unit), v);
	}
	if (d->unit == 1) {
		str_add(out, n > 8 ? "  |" : "   |");
		for (unsigned i = 0; i < n; i++)
			str_add(out, "%c", p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '.');
		str_add(out, "|");
	}
	str_add(out, "\n");
}

static void dump_bytes(const struct dump *d, const uint8_t *p, size_t have, struct str *out)
{
	have -= have % d->unit;
	for (size_t i = 0; i < have; i += 16)
		dump_line(d, d->addr + i, p + i, (unsigned)min_u64(16, have - i), out);
}

int inspect_mem(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		struct error **errp)
{
	struct debug_regs regs;
	uint8_t buf[DUMP_MAX + 8];
	struct dump d;
	size_t have;
	int r = inspect_get_regs(in, &regs, errp);

	if (r < 0)
		return r;
	d.addr = in->has_next_mem ? in->next_mem : debug_pc(&regs);
	r = parse_dump(in, argc, argv, &d, errp);
	if (r < 0)
		return r;
	have = debug_read(in->target, &regs, d.addr, buf, d.len);
	dump_bytes(&d, buf, have, out);
	in->next_mem = d.addr + have;
	in->has_next_mem = true;
	if (have == d.len)
		return 0;
	err_set(errp, EFAULT, "no memory is at linear address %#" PRIx64, d.addr + have);
	err_hint(errp, "pt %#" PRIx64 " shows how far its translation gets", d.addr + have);
	return -EFAULT;
}

int inspect_pmem(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		 struct error **errp)
{
	struct debug_target *t = in->target;
	uint8_t buf[DUMP_MAX + 8];
	struct dump d = { .addr = in->has_next_pmem ? in->next_pmem : 0 };
	size_t have;
	int r = parse_dump(in, argc, argv, &d, errp);

	if (r < 0)
		return r;
	have = t->ops->read(t, d.addr, buf, d.len);
	dump_bytes(&d, buf, have, out);
	in->next_pmem = d.addr + have;
	in->has_next_pmem = true;
	if (have == d.len)
		return 0;
	err_set(errp, EFAULT, "no memory is at guest-physical address %#" PRIx64, d.addr + have);
	err_hint(errp, "map shows what is where; devices are not read, that could change them");
	return -EFAULT;
}

/* --- dis -------------------------------------------------------------------------------------- */

/* The instruction at @addr, of which @have bytes are in @p. */
static unsigned dis_line(struct inspect *in, const struct debug_regs *regs, uint64_t addr,
			 const uint8_t *p, size_t have, struct str *out)
{
	struct lens_insn insn = { 0 };
	/* Branch targets are relative to RIP, which is not linear in front of long mode. */
	uint64_t rip = addr - (debug_pc(regs) - regs->rip);
	unsigned len = lens_disassemble(p, have, rip, debug_bits(regs), &insn);
	bool known = len;

	if (!known)
		len = 1;
	str_add(out, "%s %08" PRIx64 " ", addr == debug_pc(regs) ? "=>" : "  ", addr);
	for (unsigned i = 0; i < 8 || i < len; i++) {
		if (i < len)
			str_add(out, " %02x", p[i]);
		else
			str_add(out, "   ");
	}
	str_add(out, "  %s",
		known                         ? insn.text
		: lens_disassembler_missing() ? "(no disassembler)"
					      : "(not an instruction)");
	if (addr == debug_pc(regs))
		inspect_add_symbol(in, addr, "  ; ", out);
	str_add(out, "\n");
	return len;
}

int inspect_dis(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		struct error **errp)
{
	struct debug_regs regs;
	uint64_t addr, n = DIS_DEFAULT;
	int r = inspect_get_regs(in, &regs, errp);

	if (r < 0)
		return r;
	addr = in->has_next_dis ? in->next_dis : debug_pc(&regs);
	if (argc)
		r = inspect_eval(in, argv[0], &addr, errp);
	if (r == 0 && argc == 2)
		r = inspect_eval(in, argv[1], &n, errp);
	if (r < 0)
		return r;
	if (!n || n > DIS_MAX)
		return err_set(errp, EINVAL, "%" PRIu64 " instructions: 1 to %u can be shown", n,
			       DIS_MAX);
	for (; n; n--) {
		uint8_t code[15];
		size_t have = debug_read(in->target, &regs, addr, code, sizeof(code));

		if (!have)
			return err_set(errp, EFAULT, "no memory is at linear address %#" PRIx64,
				       addr);
		addr += dis_line(in, &regs, addr, code, have, out);
	}
	in->next_dis = addr;
	in->has_next_dis = true;
	return 0;
}

/* --- print ------------------------------------------------------------------------------------ */

int inspect_print(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		  struct error **errp)
{
	char text[1024];
	uint64_t v = 0;
	int r = inspect_join(argc, argv, text, sizeof(text), errp);

	if (r == 0)
		r = inspect_eval(in, text, &v, errp);
	if (r < 0)
		return r;
	str_add(out, "%#" PRIx64 " = %" PRIu64, v, v);
	if ((int64_t)v < 0)
		str_add(out, " = %" PRId64, (int64_t)v);
	if (v >= 0x20 && v < 0x7f)
		str_add(out, " = '%c'", (char)v);
	inspect_add_symbol(in, v, "  ", out);
	str_add(out, "\n");
	return 0;
}
