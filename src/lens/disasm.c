/* SPDX-License-Identifier: MIT */
/* disasm.c: instructions by capstone, which is loaded when the first one is wanted. */
#include "lens/disasm.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <string.h>

#include "vmm/dl.h"
#include "vmm/error.h"
#include "vmm/lens.h"

/* The layout of struct cs_insn is the major version's. */
#define NUMBER(n)  #n
#define LIBRARY(n) "libcapstone.so." NUMBER(n)

enum { MODE_16, MODE_32, MODE_64, MODE_CNT };

static struct {
	bool tried;
	char missing[160];
	cs_insn *insn;
	csh handle[MODE_CNT];
	__typeof__(&cs_open) open;
	__typeof__(&cs_option) option;
	__typeof__(&cs_malloc) malloc;
	__typeof__(&cs_disasm_iter) disasm;
} cs;

static bool open_handles(void)
{
	static const cs_mode mode[MODE_CNT] = { CS_MODE_16, CS_MODE_32, CS_MODE_64 };

	for (unsigned i = 0; i < MODE_CNT; i++)
		if (cs.open(CS_ARCH_X86, mode[i], &cs.handle[i]) != CS_ERR_OK ||
		    cs.option(cs.handle[i], CS_OPT_DETAIL, CS_OPT_ON) != CS_ERR_OK)
			return false;
	cs.insn = cs.malloc(cs.handle[MODE_64]);
	return cs.insn;
}

/* Kept until the process ends. */
static bool have_library(void)
{
	const struct dl_symbol symbols[] = {
		{ "cs_open", &cs.open },
		{ "cs_option", &cs.option },
		{ "cs_malloc", &cs.malloc },
		{ "cs_disasm_iter", &cs.disasm },
	};
	_cleanup_(error_freep) struct error *e = NULL;

	if (cs.tried)
		return cs.insn;
	cs.tried = true;
	if (dl_load(LIBRARY(CS_API_MAJOR), symbols, ARRAY_LEN(symbols), &e) < 0)
		snprintf(cs.missing, sizeof(cs.missing), "no disassembler: %s", error_msg(e));
	else if (!open_handles())
		snprintf(cs.missing, sizeof(cs.missing), "no disassembler: '%s' does not start",
			 LIBRARY(CS_API_MAJOR));
	return cs.insn;
}

const char *lens_disassembler_missing(void)
{
	return have_library() ? NULL : cs.missing;
}

/* What has a memory operand and does not access it. */
static bool is_only_an_address(unsigned id)
{
	return id == X86_INS_LEA || id == X86_INS_NOP ||
	       (id >= X86_INS_PREFETCH && id <= X86_INS_PREFETCHW);
}

/* CS_AC_: version 4 has a moved vector's destination for read. */
static uint8_t access_of(const cs_insn *i, unsigned operand)
{
	uint8_t access = i->detail->x86.operands[operand].access;

	if (!strncmp(i->mnemonic, "mov", 3))
		return operand == 0 ? CS_AC_WRITE : CS_AC_READ;
	return access ? access : CS_AC_READ | CS_AC_WRITE;
}

static void find_memory(const cs_insn *i, struct insn_parts *ret)
{
	const cs_x86 *x = &i->detail->x86;

	if (is_only_an_address(i->id))
		return;
	for (unsigned n = 0; n < x->op_count; n++) {
		if (x->operands[n].type != X86_OP_MEM)
			continue;
		ret->size = x->operands[n].size;
		ret->read |= access_of(i, n) & CS_AC_READ;
		ret->write |= access_of(i, n) & CS_AC_WRITE;
	}
}

unsigned disasm(const uint8_t *p, size_t len, uint64_t rip, unsigned bits, struct insn_parts *ret)
{
	csh h;

	if (disasm_own(p, len, bits, ret) || !have_library())
		return ret->len;
	h = cs.handle[bits == 16 ? MODE_16 : bits == 32 ? MODE_32 : MODE_64];
	if (!cs.disasm(h, &p, &len, &rip, cs.insn))
		return 0;
	find_memory(cs.insn, ret);
	snprintf(ret->text, sizeof(ret->text), "%.31s%s%.60s", cs.insn->mnemonic,
		 cs.insn->op_str[0] ? " " : "", cs.insn->op_str);
	return ret->len = cs.insn->size;
}

unsigned lens_disassemble(const uint8_t *p, size_t len, uint64_t rip, unsigned bits,
			  struct lens_insn *ret)
{
	struct insn_parts i;
	unsigned n = disasm(p, min_u64(len, sizeof(ret->bytes)), rip, bits, &i);

	if (!n)
		return 0;
	*ret = (struct lens_insn){ .rip = rip, .len = (uint8_t)n };
	memcpy(ret->bytes, p, n);
	memcpy(ret->text, i.text, sizeof(ret->text));
	return n;
}
