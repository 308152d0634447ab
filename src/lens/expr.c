/* SPDX-License-Identifier: MIT */
/*
 * expr.c: expressions over a stopped vCPU: C's operators, registers, symbols, memory. A recursive
 * descent whose depth and input are bounded: what is typed may come from a script, or from gdb's
 * other end.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/inspect.h"
#include "vmm/lens.h"
#include "vmm/symbols.h"

#define DEPTH_MAX 64
#define TEXT_MAX  1024
#define NAME_LEN  512

struct parser {
	struct inspect *in;
	const char *text, *p;
	struct debug_regs regs;
	bool has_regs;
	unsigned depth;
	struct error **errp;
};

static int fault(struct parser *x, const char *what)
{
	if (!*x->p)
		return err_set(x->errp, EINVAL, "'%s': %s at its end", x->text, what);
	return err_set(x->errp, EINVAL, "'%s': %s at '%s'", x->text, what, x->p);
}

static void skip_blanks(struct parser *x)
{
	while (*x->p == ' ' || *x->p == '\t')
		x->p++;
}

static bool accept(struct parser *x, const char *op)
{
	size_t len = strlen(op);

	skip_blanks(x);
	if (strncmp(x->p, op, len) != 0)
		return false;
	x->p += len;
	return true;
}

static int need_regs(struct parser *x)
{
	struct debug_target *t = x->in->target;
	int r = x->has_regs ? 0 : t->ops->get_regs(t, x->in->cpu, &x->regs);

	x->has_regs = r == 0;
	return r < 0 ? err_errno(x->errp, -r, "cannot read the registers of CPU %u", x->in->cpu)
		     : 0;
}

/* --- registers -------------------------------------------------------------------------------- */

const char *const debug_gpr_name[DBG_GPRS] = { "rax", "rbx", "rcx", "rdx", "rsi", "rdi",
					       "rbp", "rsp", "r8",  "r9",  "r10", "r11",
					       "r12", "r13", "r14", "r15" };

/* Parts of a register: which bits, and what its name is. */
struct part {
	uint8_t gpr, shift, bits;
};

/* The low parts of the eight old registers, in the order of debug_gpr_name. */
static const struct {
	const char *e, *w, *b, *h;
} old_names[] = {
	{ "eax", "ax", "al", "ah" },  { "ebx", "bx", "bl", "bh" },  { "ecx", "cx", "cl", "ch" },
	{ "edx", "dx", "dl", "dh" },  { "esi", "si", "sil", NULL }, { "edi", "di", "dil", NULL },
	{ "ebp", "bp", "bpl", NULL }, { "esp", NULL, "spl", NULL },
};

/* r8d, r8w, r8b */
static bool new_part(const char *name, struct part *ret)
{
	size_t len = strlen(name);

	if (len < 3 || name[0] != 'r' || !isdigit((unsigned char)name[1]))
		return false;
	for (unsigned i = DBG_R8; i < DBG_GPRS; i++) {
		if (strlen(debug_gpr_name[i]) != len - 1 ||
		    strncmp(debug_gpr_name[i], name, len - 1) != 0)
			continue;
		*ret = (struct part){ (uint8_t)i, 0,
				      name[len - 1] == 'd'   ? 32
				      : name[len - 1] == 'w' ? 16
				      : name[len - 1] == 'b' ? 8
							     : 0 };
		return ret->bits;
	}
	return false;
}

static bool gpr_part(const char *name, struct part *ret)
{
	for (unsigned i = 0; i < DBG_GPRS; i++) {
		if (!strcmp(name, debug_gpr_name[i])) {
			*ret = (struct part){ (uint8_t)i, 0, 64 };
			return true;
		}
	}
	for (unsigned i = 0; i < ARRAY_LEN(old_names); i++) {
		const char *part[] = { old_names[i].e, old_names[i].w, old_names[i].b,
				       old_names[i].h };
		static const uint8_t bits[] = { 32, 16, 8, 8 };

		for (unsigned j = 0; j < ARRAY_LEN(part); j++) {
			if (part[j] && !strcmp(name, part[j])) {
				*ret = (struct part){ (uint8_t)i, j == 3 ? 8 : 0, bits[j] };
				return true;
			}
		}
	}
	return new_part(name, ret);
}

static const struct {
	const char *name;
	size_t off;
	uint8_t size;
	bool settable;
} plain_regs[] = {
#define R(n, f, s)                                                                                 \
	{                                                                                          \
		n, offsetof(struct debug_regs, f), sizeof(((struct debug_regs *)0)->f), s          \
	}
	R("rip", rip, true),
	R("eip", rip, true),
	R("ip", rip, true),
	R("rflags", rflags, true),
	R("eflags", rflags, true),
	R("flags", rflags, true),
	R("cs", seg[DBG_CS].selector, false),
	R("ss", seg[DBG_SS].selector, false),
	R("ds", seg[DBG_DS].selector, false),
	R("es", seg[DBG_ES].selector, false),
	R("fs", seg[DBG_FS].selector, false),
	R("gs", seg[DBG_GS].selector, false),
	R("ldtr", seg[DBG_LDTR].selector, false),
	R("tr", seg[DBG_TR].selector, false),
	R("cs_base", seg[DBG_CS].base, false),
	R("ss_base", seg[DBG_SS].base, false),
	R("ds_base", seg[DBG_DS].base, false),
	R("es_base", seg[DBG_ES].base, false),
	R("fs_base", seg[DBG_FS].base, true),
	R("gs_base", seg[DBG_GS].base, true),
	R("gdt_base", gdt_base, false),
	R("idt_base", idt_base, false),
	R("gdt_limit", gdt_limit, false),
	R("idt_limit", idt_limit, false),
	R("cr0", cr0, true),
	R("cr2", cr2, true),
	R("cr3", cr3, true),
	R("cr4", cr4, true),
	R("cr8", cr8, true),
	R("efer", efer, true),
	R("apic_base", apic_base, false),
	R("dr0", dr[0], false),
	R("dr1", dr[1], false),
	R("dr2", dr[2], false),
	R("dr3", dr[3], false),
	R("dr6", dr[6], false),
	R("dr7", dr[7], false),
#undef R
};

bool inspect_register(const struct debug_regs *r, const char *name, uint64_t *ret)
{
	struct part p;

	if (!strcmp(name, "pc")) {
		*ret = debug_pc(r);
		return true;
	}
	if (!strcmp(name, "sp")) {
		*ret = r->gpr[DBG_RSP] + (debug_bits(r) == 64 ? 0 : r->seg[DBG_SS].base);
		return true;
	}
	if (gpr_part(name, &p)) {
		*ret = r->gpr[p.gpr] >> p.shift;
		if (p.bits < 64)
			*ret &= (UINT64_C(1) << p.bits) - 1;
		return true;
	}
	for (unsigned i = 0; i < ARRAY_LEN(plain_regs); i++) {
		if (!strcmp(name, plain_regs[i].name)) {
			*ret = 0;
			memcpy(ret, (const uint8_t *)r + plain_regs[i].off, plain_regs[i].size);
			return true;
		}
	}
	return false;
}

int inspect_set_register(struct debug_regs *r, const char *name, uint64_t v, struct error **errp)
{
	struct part p;

	if (gpr_part(name, &p)) {
		uint64_t mask = p.bits == 64 ? UINT64_MAX : (UINT64_C(1) << p.bits) - 1;

		if (v & ~mask)
			return err_set(errp, EINVAL, "%s has %u bits, %#" PRIx64 " does not fit",
				       name, p.bits, v);
		if (p.bits >= 32) /* Intel SDM 1, 3.4.1.1: the upper half becomes zero */
			r->gpr[p.gpr] = v;
		else
			r->gpr[p.gpr] = (r->gpr[p.gpr] & ~(mask << p.shift)) | v << p.shift;
		return 0;
	}
	for (unsigned i = 0; i < ARRAY_LEN(plain_regs); i++) {
		if (strcmp(name, plain_regs[i].name) != 0)
			continue;
		if (!plain_regs[i].settable)
			return err_set(errp, EINVAL, "%s can be looked at only", name);
		memcpy((uint8_t *)r + plain_regs[i].off, &v, plain_regs[i].size);
		return 0;
	}
	return err_set(errp, EINVAL, "no register is called '%s'", name);
}

/* --- operands --------------------------------------------------------------------------------- */

static int expression(struct parser *x, unsigned level, uint64_t *ret);

static int nested(struct parser *x, const char *close, uint64_t *ret)
{
	int r = expression(x, 0, ret);

	if (r == 0 && !accept(x, close))
		return err_set(x->errp, EINVAL, "'%s': '%s' is missing", x->text, close);
	return r;
}

/* Behind the "[" of a memory operand. */
static int memory(struct parser *x, unsigned size, uint64_t *ret)
{
	struct debug_target *t = x->in->target;
	uint8_t b[8] = { 0 };
	uint64_t addr = 0;
	int r = nested(x, "]", &addr);

	if (r == 0)
		r = need_regs(x);
	if (r < 0)
		return r;
	if (!size)
		size = debug_bits(&x->regs) / 8;
	if (debug_read(t, &x->regs, addr, b, size) != size)
		return err_set(x->errp, EFAULT, "no memory is at %#" PRIx64, addr);
	*ret = get_le64(b);
	return 0;
}

static int number(struct parser *x, uint64_t *ret)
{
	unsigned base = x->p[0] == '0' && (x->p[1] == 'x' || x->p[1] == 'X') ? 16 : 10;
	uint64_t v = 0;
	unsigned digits = 0;

	if (base == 16)
		x->p += 2;
	for (;; x->p++, digits++) {
		unsigned char c = (unsigned char)*x->p;
		unsigned d = isdigit(c)    ? c - 48u
			     : isxdigit(c) ? (unsigned)tolower(c) - 'a' + 10
					   : 99;

		if (d >= base)
			break;
		if (v > (UINT64_MAX - d) / base)
			return fault(x, "a number of more than 64 bits");
		v = v * base + d;
	}
	if (!digits || isalnum((unsigned char)*x->p) || *x->p == '_')
		return fault(x, "no number (hexadecimal ones begin with 0x)");
	*ret = v;
	return 0;
}

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

static int symbol(struct parser *x, const char *name, uint64_t *ret)
{
	const struct lens *l = x->in->lens;
	const struct symbol *y =
		l && l->symbols && l->symbols->cnt ? symbols_by_name(l->symbols, name) : NULL;

	if (y) {
		*ret = y->addr + (l->slide_known ? l->slide : 0);
		return 0;
	}
	err_set(x->errp, EINVAL, "'%s' is neither a register nor a symbol", name);
	if (!l || !l->symbols || !l->symbols->cnt)
		err_hint(x->errp, "no symbols are known of this guest");
	return -EINVAL;
}

static int named(struct parser *x, bool only_symbols, uint64_t *ret)
{
	char name[NAME_LEN];
	size_t n = 0;
	int r;

	if (*x->p == '$') {
		x->p++;
	}
	while (name_char(x->p[n]))
		n++;
	if (!n || n >= sizeof(name))
		return fault(x, n ? "too long a name" : "a value is missing");
	memcpy(name, x->p, n);
	name[n] = 0;
	if (!only_symbols && n == 1 && strchr("bwdq", name[0]) && x->p[1] == '[') {
		x->p += 2;
		return memory(x, 1u << (strchr("bwdq", name[0]) - "bwdq"), ret);
	}
	x->p += n;
	if (only_symbols)
		return symbol(x, name, ret);
	r = need_regs(x);
	if (r < 0)
		return r;
	if (inspect_register(&x->regs, name, ret) ||
	    (x->in->variable && x->in->variable(x->in->opaque, name, ret)))
		return 0;
	return symbol(x, name, ret);
}

static int unary(struct parser *x, uint64_t *ret)
{
	static const char ops[] = "-~!+";
	const char *op;
	int r;

	skip_blanks(x);
	if (*x->p && (op = strchr(ops, *x->p))) {
		if (++x->depth > DEPTH_MAX)
			return fault(x, "too deep");
		x->p++;
		r = unary(x, ret);
		x->depth--;
		*ret = *op == '-' ? -*ret : *op == '~' ? ~*ret : *op == '!' ? !*ret : *ret;
		return r;
	}
	if (accept(x, "("))
		return nested(x, ")", ret);
	if (accept(x, "["))
		return memory(x, 0, ret);
	if (accept(x, "&"))
		return named(x, true, ret);
	if (x->p[0] == '\'' && x->p[1] && x->p[2] == '\'') {
		*ret = (unsigned char)x->p[1];
		x->p += 3;
		return 0;
	}
	return isdigit((unsigned char)*x->p) ? number(x, ret) : named(x, false, ret);
}

/* --- operators -------------------------------------------------------------------------------- */

enum op { OR_OR, AND_AND, OR, XOR, AND, EQ, NE, LE, GE, SHL, SHR, LT, GT, ADD, SUB, MUL, DIV, MOD };

/* Lowest first; longer before those they begin with. */
static const struct {
	const char *text;
	const char *not_before; /* of what this is only the beginning */
	enum op op;
	uint8_t level;
} binary[] = {
	{ "||", "", OR_OR, 0 }, { "&&", "", AND_AND, 1 }, { "|", "|", OR, 2 },
	{ "^", "", XOR, 3 },    { "&", "&", AND, 4 },     { "==", "", EQ, 5 },
	{ "!=", "", NE, 5 },    { "<=", "", LE, 6 },      { ">=", "", GE, 6 },
	{ "<<", "", SHL, 7 },   { ">>", "", SHR, 7 },     { "<", "<=", LT, 6 },
	{ ">", ">=", GT, 6 },   { "+", "", ADD, 8 },      { "-", "", SUB, 8 },
	{ "*", "", MUL, 9 },    { "/", "", DIV, 9 },      { "%", "", MOD, 9 },
};
#define LEVELS 10

static bool find_operator(struct parser *x, unsigned level, enum op *ret)
{
	skip_blanks(x);
	for (unsigned i = 0; i < ARRAY_LEN(binary); i++) {
		size_t len = strlen(binary[i].text);
		char next;

		if (binary[i].level != level || strncmp(x->p, binary[i].text, len) != 0)
			continue;
		next = x->p[len];
		if (next && strchr(binary[i].not_before, next))
			continue;
		x->p += len;
		*ret = binary[i].op;
		return true;
	}
	return false;
}

static int apply(struct parser *x, enum op op, uint64_t b, uint64_t *a)
{
	if ((op == DIV || op == MOD) && !b)
		return err_set(x->errp, EINVAL, "'%s' divides by zero", x->text);
	switch (op) {
	case OR_OR:
		*a = *a || b;
		break;
	case AND_AND:
		*a = *a && b;
		break;
	case OR:
		*a |= b;
		break;
	case XOR:
		*a ^= b;
		break;
	case AND:
		*a &= b;
		break;
	case EQ:
		*a = *a == b;
		break;
	case NE:
		*a = *a != b;
		break;
	case LE:
		*a = *a <= b;
		break;
	case GE:
		*a = *a >= b;
		break;
	case SHL:
		*a = b < 64 ? *a << b : 0;
		break;
	case SHR:
		*a = b < 64 ? *a >> b : 0;
		break;
	case LT:
		*a = *a < b;
		break;
	case GT:
		*a = *a > b;
		break;
	case ADD:
		*a += b;
		break;
	case SUB:
		*a -= b;
		break;
	case MUL:
		*a *= b;
		break;
	case DIV:
		*a /= b;
		break;
	case MOD:
		*a %= b;
		break;
	}
	return 0;
}

/* Both sides are always worked out: a memory operand that is not there is an error either way. */
static int expression(struct parser *x, unsigned level, uint64_t *ret)
{
	uint64_t right = 0;
	enum op op;
	int r;

	if (level == LEVELS)
		return unary(x, ret);
	if (level == 0 && ++x->depth > DEPTH_MAX)
		return fault(x, "too deep");
	*ret = 0;
	r = expression(x, level + 1, ret);
	while (r == 0 && find_operator(x, level, &op)) {
		r = expression(x, level + 1, &right);
		if (r == 0)
			r = apply(x, op, right, ret);
	}
	if (level == 0)
		x->depth--;
	return r;
}

int inspect_eval(struct inspect *in, const char *text, uint64_t *ret, struct error **errp)
{
	struct parser x = { .in = in, .text = text, .p = text, .errp = errp };
	int r;

	if (strlen(text) > TEXT_MAX)
		return err_set(errp, EINVAL, "an expression of more than %u characters", TEXT_MAX);
	*ret = 0;
	r = expression(&x, 0, ret);
	if (r < 0)
		return r;
	skip_blanks(&x);
	return *x.p ? fault(&x, "something is left over") : 0;
}
