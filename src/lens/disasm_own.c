/* SPDX-License-Identifier: MIT */
/*
 * disasm_own.c: the instructions that exist to make a virtual machine exit, which are few enough to
 * be known without a library. Intel SDM, volume 2, chapter 2 (prefixes) and IN to OUTS.
 */
#include <stdio.h>

#include "lens/disasm.h"

struct prefixes {
	unsigned len;
	bool operand_size, rep, repne, address_size;
};

static bool is_segment(uint8_t b)
{
	return b == 0x26 || b == 0x2e || b == 0x36 || b == 0x3e || b == 0x64 || b == 0x65;
}

static bool is_rex(uint8_t b, unsigned bits)
{
	return bits == 64 && (b & 0xf0) == 0x40;
}

/* False: more than an instruction can have, or nothing behind them. */
static bool take_prefixes(const uint8_t *p, size_t len, unsigned bits, struct prefixes *ret)
{
	*ret = (struct prefixes){ 0 };
	for (; ret->len < len && ret->len < 14; ret->len++) {
		uint8_t b = p[ret->len];

		if (b == 0x66)
			ret->operand_size = true;
		else if (b == 0x67)
			ret->address_size = true;
		else if (b == 0xf3)
			ret->rep = true;
		else if (b == 0xf2)
			ret->repne = true;
		else if (is_rex(b, bits))
			return ++ret->len < len; /* nothing but the opcode is behind it */
		else if (!is_segment(b))
			return true;
	}
	return false;
}

/* Of the wide forms: there is none of 8 bytes, whatever REX.W says. */
static uint8_t wide(const struct prefixes *x, unsigned bits)
{
	return (bits == 16) != x->operand_size ? 2 : 4;
}

static const char *accumulator(uint8_t size)
{
	return size == 1 ? "al" : size == 2 ? "ax" : "eax";
}

/* E4 to E7, EC to EF: bit 0 wide, bit 1 out, bit 3 port in DX. */
static unsigned in_out(const uint8_t *p, size_t len, const struct prefixes *x, unsigned bits,
		       struct insn_parts *ret)
{
	uint8_t op = p[x->len];
	char port[8] = "dx";

	ret->kind = INSN_IO;
	ret->write = op & 2;
	ret->read = !ret->write;
	ret->size = op & 1 ? wide(x, bits) : 1;
	ret->has_port = !(op & 8);
	ret->len = x->len + 1 + ret->has_port;
	if (ret->len > len)
		return ret->len = 0;
	if (ret->has_port) {
		ret->port = p[x->len + 1];
		snprintf(port, sizeof(port), "0x%x", ret->port);
	}
	if (ret->write)
		snprintf(ret->text, sizeof(ret->text), "out %s, %s", port, accumulator(ret->size));
	else
		snprintf(ret->text, sizeof(ret->text), "in %s, %s", accumulator(ret->size), port);
	return ret->len;
}

/* 6C to 6F: bit 0 wide, bit 1 out. */
static unsigned ins_outs(uint8_t op, const struct prefixes *x, unsigned bits,
			 struct insn_parts *ret)
{
	static const char suffix[] = { [1] = 'b', [2] = 'w', [4] = 'd' };

	ret->kind = INSN_IO;
	ret->string = true;
	ret->rep = x->rep || x->repne;
	ret->write = op & 2;
	ret->read = !ret->write;
	ret->size = op & 1 ? wide(x, bits) : 1;
	snprintf(ret->text, sizeof(ret->text), "%s%s%c", ret->rep ? "rep " : "",
		 ret->write ? "outs" : "ins", suffix[ret->size]);
	return ret->len = x->len + 1;
}

static unsigned named(const char *name, enum insn_kind kind, unsigned len, struct insn_parts *ret)
{
	ret->kind = kind;
	snprintf(ret->text, sizeof(ret->text), "%s", name);
	return ret->len = len;
}

unsigned disasm_own(const uint8_t *p, size_t len, unsigned bits, struct insn_parts *ret)
{
	struct prefixes x;
	uint8_t op;

	*ret = (struct insn_parts){ 0 };
	if (!take_prefixes(p, len, bits, &x))
		return 0;
	op = p[x.len];
	if ((op & 0xf4) == 0xe4)
		return in_out(p, len, &x, bits, ret);
	if ((op & 0xfc) == 0x6c)
		return ins_outs(op, &x, bits, ret);
	if (op == 0xf4)
		return named("hlt", INSN_HLT, x.len + 1, ret);
	if (op == 0x0f && x.len + 1 < len && p[x.len + 1] == 0x32)
		return named("rdmsr", INSN_RDMSR, x.len + 2, ret);
	if (op == 0x0f && x.len + 1 < len && p[x.len + 1] == 0x30)
		return named("wrmsr", INSN_WRMSR, x.len + 2, ret);
	return 0;
}
