/* SPDX-License-Identifier: MIT */
/*
 * test_symbols.c: symbols from a map, from an ELF file, and from kernels' own tables, which are
 * made here as scripts/kallsyms.c of several versions lays them out.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/symbols.h"

#define CNT  5000u
#define BASE UINT64_C(0xffffffff81000000)

/* --- a kernel --------------------------------------------------------------------------------- */

enum {
	OFFSETS_LAST = 1, /* 6.4 and later */
	SEQS = 2,         /* seqs_of_names between markers and token_table */
	PLAIN = 4,        /* no absolute per-CPU symbols */
	LONG_NAMES = 8,   /* some take two bytes of length (6.1 and later) */
};

static void pad(struct str *b)
{
	while (b->len % 8)
		str_add_bytes(b, "", 1);
}

static void add32(struct str *b, uint32_t v)
{
	uint8_t p[4];

	put_le32(p, v);
	str_add_bytes(b, (char *)p, 4);
}

/* The i-th: ten per-CPU ones, then code, 16 bytes each. */
static char type_of(unsigned i)
{
	return i < 10 ? 'A' : i % 3 ? 't' : 'T';
}

static uint64_t addr_of(unsigned i, unsigned how)
{
	return i < 10 && !(how & PLAIN) ? i * 64 : BASE + 16 * (uint64_t)i;
}

static void name_of(unsigned i, unsigned how, char *buf, size_t len)
{
	int n = snprintf(buf, len, "%c_do_thing%u", type_of(i), i);

	if ((how & LONG_NAMES) && i % 100 == 7)
		while (n < 200)
			buf[n++] = 'x';
	buf[n] = '\0';
}

static void add_offsets(struct str *b, unsigned how)
{
	for (unsigned i = 0; i < CNT; i++) {
		uint64_t a = addr_of(i, how);

		if (how & PLAIN)
			add32(b, (uint32_t)(a - BASE));
		else
			add32(b, i < 10 ? (uint32_t)a : (uint32_t)(BASE - 1 - a));
	}
	pad(b);
	add32(b, (uint32_t)BASE);
	add32(b, (uint32_t)(BASE >> 32));
}

/* Token 0x01 is "_do_", the rest stand for themselves or nothing. */
static void add_tokens(struct str *b)
{
	uint16_t index[256];
	size_t start = b->len;

	for (unsigned i = 0; i < 256; i++) {
		char c[2] = { (char)i, 0 };
		const char *t = i == 1 ? "_do_" : i >= ' ' && i < 127 ? c : "zz";

		index[i] = (uint16_t)(b->len - start);
		str_add_bytes(b, t, strlen(t) + 1);
	}
	pad(b);
	for (unsigned i = 0; i < 256; i++)
		str_add_bytes(b, (char *)&index[i], 2);
	pad(b);
}

static void add_names(struct str *b, unsigned how, uint32_t *markers)
{
	size_t start = b->len;

	for (unsigned i = 0; i < CNT; i++) {
		char name[256], packed[256];
		unsigned n = 0;

		if (i % 256 == 0)
			markers[i / 256] = (uint32_t)(b->len - start);
		name_of(i, how, name, sizeof(name));
		packed[n++] = name[0];
		packed[n++] = 1; /* _do_ */
		for (const char *c = name + 5; *c; c++)
			packed[n++] = *c;
		if (n > 127) {
			uint8_t l[2] = { (uint8_t)(0x80 | (n & 0x7f)), (uint8_t)(n >> 7) };

			str_add_bytes(b, (char *)l, 2);
		} else {
			str_add_bytes(b, (char[]){ (char)n }, 1);
		}
		str_add_bytes(b, packed, n);
	}
	pad(b);
}

static struct str make_kernel(unsigned how)
{
	uint32_t markers[CNT / 256 + 1] = { 0 };
	struct str b = { 0 };

	for (unsigned i = 0; i < 3000; i++)
		add32(&b, i * 2654435761u);
	/* Looks like it, and is not. */
	str_add_bytes(&b, "0\0001\0002\0003\0004\0005\0006\0007\0008\0009", 20);
	pad(&b);
	if (!(how & OFFSETS_LAST))
		add_offsets(&b, how);
	add32(&b, CNT);
	pad(&b);
	add_names(&b, how, markers);
	for (unsigned i = 0; i < ARRAY_LEN(markers); i++)
		add32(&b, markers[i]);
	pad(&b);
	if (how & SEQS)
		for (unsigned i = 0; i < CNT; i++)
			str_add_bytes(&b, (char[]){ 0, (char)(i >> 8), (char)(i | 1) }, 3);
	pad(&b);
	add_tokens(&b);
	if (how & OFFSETS_LAST)
		add_offsets(&b, how);
	for (unsigned i = 0; i < 1000; i++)
		add32(&b, i);
	assert_false(b.failed);
	return b;
}

static void all_versions(void **state)
{
	static const unsigned how[] = { 0,
					SEQS,
					OFFSETS_LAST,
					OFFSETS_LAST | PLAIN,
					LONG_NAMES,
					LONG_NAMES | SEQS | PLAIN,
					OFFSETS_LAST | LONG_NAMES };

	(void)state;
	for (unsigned h = 0; h < ARRAY_LEN(how); h++) {
		struct str k = make_kernel(how[h]);
		struct error *e = NULL;
		struct symbols s;

		if (symbols_load(k.s, k.len, &s, &e) < 0)
			fail_msg("version %u: %s", how[h], error_msg(e));
		assert_int_equal(s.cnt, CNT);
		for (unsigned i = 0; i < CNT; i++) {
			char name[256];

			name_of(i, how[h], name, sizeof(name));
			assert_int_equal(s.v[i].addr, addr_of(i, how[h]));
			assert_int_equal(s.v[i].type, type_of(i));
			assert_string_equal(symbol_name(&s, &s.v[i]), name + 1);
		}
		symbols_free(&s);
		str_free(&k);
	}
}

/* Cut at any length, damaged at any place: symbols or an error, and soon. */
static void damaged_kernels(void **state)
{
	struct str k = make_kernel(SEQS);
	unsigned good = 0;

	(void)state;
	for (size_t len = 0; len < k.len; len += 997) {
		char *copy = malloc(len + !len);
		struct error *e = NULL;
		struct symbols s;

		memcpy(copy, k.s, len);
		if (symbols_from_kernel(copy, len, &s, &e) < 0)
			assert_int_equal(s.cnt, 0);
		else
			good++;
		error_free(e);
		symbols_free(&s);
		free(copy);
	}
	assert_in_range(good, 1, 10); /* what is behind the tables does not matter */
	for (unsigned i = 0; i < 300; i++) {
		size_t at = (size_t)i * 2654435761u % k.len;
		char was = k.s[at];
		struct symbols s;

		k.s[at] = (char)(was + 1 + i % 200);
		(void)!symbols_from_kernel(k.s, k.len, &s, NULL);
		symbols_free(&s);
		k.s[at] = was;
	}
	str_free(&k);
}

/* --- maps ------------------------------------------------------------------------------------- */

static int load_map(const char *text, struct symbols *s, struct error **e)
{
	return symbols_from_map(text, strlen(text), s, e);
}

static void maps(void **state)
{
	static const char text[] = "ffffffff81000100 t second\n"
				   "ffffffff81000000 T _text\n"
				   "ffffffffc0000000 t of_module\t[module]\n"
				   "ffffffff81000000 t early\n"
				   "0000000000001000 A percpu";
	struct symbols s;
	uint64_t off;

	(void)state;
	assert_int_equal(symbols_load(text, sizeof(text) - 1, &s, NULL), 0);
	assert_int_equal(s.cnt, 5);
	assert_string_equal(symbol_name(&s, &s.v[0]), "percpu");
	assert_string_equal(symbol_name(&s, symbols_find(&s, BASE + 0xff, &off)), "_text");
	assert_int_equal(off, 0xff);
	assert_string_equal(symbol_name(&s, symbols_find(&s, BASE + 0x100, &off)), "second");
	assert_int_equal(off, 0);
	assert_string_equal(symbol_name(&s, symbols_find(&s, UINT64_C(0xffffffffc0000fff), &off)),
			    "of_module");
	assert_null(symbols_find(&s, UINT64_C(0xffffffffc0001000), &off));
	assert_null(symbols_find(&s, 0x1004, &off)); /* absolute */
	assert_null(symbols_find(&s, 0, &off));
	assert_int_equal(symbols_by_name(&s, "second")->addr, BASE + 0x100);
	assert_null(symbols_by_name(&s, "third"));
	symbols_free(&s);
}

static void bad_maps(void **state)
{
	static const struct {
		const char *text, *says;
	} t[] = {
		{ "", "all of its addresses are 0" },
		{ "0000000000000000 T _text\n0000000000000000 t b\n",
		  "all of its addresses are 0" },
		{ "ffffffffffffffff B The real System.map\n", "all of its addresses are 0" },
		{ "ffffffff81000000 T _text\nhello\n", "line 2 is no" },
		{ "fffffffff81000000 T _text\n", "line 1 is no" },
		{ "ffffffff81000000 T \n", "line 1 is no" },
		{ "ffffffff81000000 T", "line 1 is no" },
		{ "ffffffff81000000 ", "line 1 is no" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		struct error *e = NULL;
		struct symbols s;

		assert_true(load_map(t[i].text, &s, &e) < 0);
		if (!strstr(error_msg(e), t[i].says))
			fail_msg("'%s' does not say '%s'", error_msg(e), t[i].says);
		error_free(e);
	}
}

/* What a terminal could act on does not get out; names are cut. */
static void names_are_tame(void **state)
{
	struct symbols s = { 0 };
	char longest[2000];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(symbols_add(&s, 1, 'T', "a\033[2Jb", 6, NULL), 0);
	assert_int_equal(symbols_add(&s, 2, '\n', longest, sizeof(longest), NULL), 0);
	assert_string_equal(symbol_name(&s, &s.v[0]), "a?[2Jb");
	assert_int_equal(strlen(symbol_name(&s, &s.v[1])), SYMBOL_NAME_MAX);
	assert_int_equal(s.v[1].type, '?');
	symbols_free(&s);
}

/* --- ELF -------------------------------------------------------------------------------------- */

/* What goes into a symbol file comes out of it. */
static void to_elf_and_back(void **state)
{
	struct str k = make_kernel(0);
	struct symbols s, back;
	uint64_t off;
	void *elf;
	size_t len;

	(void)state;
	assert_int_equal(symbols_load(k.s, k.len, &s, NULL), 0);
	assert_int_equal(symbols_add(&s, BASE + (UINT64_C(1) << 20), 'D', "data", 4, NULL), 0);
	assert_int_equal(symbols_to_elf(&s, &elf, &len, NULL), 0);
	assert_int_equal(symbols_load(elf, len, &back, NULL), 0);
	assert_int_equal(back.cnt, s.cnt);
	for (unsigned i = 0; i < s.cnt; i++) {
		const struct symbol *y = symbols_by_name(&back, symbol_name(&s, &s.v[i]));

		assert_non_null(y);
		assert_int_equal(y->addr, s.v[i].addr);
		assert_int_equal(y->type == 'B' ? 'D' : y->type, s.v[i].type);
	}
	assert_string_equal(symbol_name(&back, symbols_find(&back, BASE + 16 * 99 + 3, &off)),
			    "_do_thing99");
	for (size_t cut = 0; cut < len; cut += 4999) {
		struct symbols c;

		(void)!symbols_from_elf(elf, cut, &c, NULL);
		symbols_free(&c);
	}
	free(elf);
	symbols_free(&s);
	symbols_free(&back);
	str_free(&k);
}

struct small_elf {
	Elf32_Ehdr h;
	Elf32_Shdr section[4];
	Elf32_Sym symbol[4];
	char names[24];
};

/* A guest of 32 bits, as small ones are. */
static struct small_elf make_small(void)
{
	struct small_elf e = {
		.h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
		       .e_shoff = offsetof(struct small_elf, section),
		       .e_shentsize = sizeof(Elf32_Shdr),
		       .e_shnum = 4 },
		.section = { [1] = { .sh_type = SHT_NOBITS, .sh_flags = SHF_ALLOC | SHF_EXECINSTR },
			     [2] = { .sh_type = SHT_SYMTAB,
				     .sh_offset = offsetof(struct small_elf, symbol),
				     .sh_size = sizeof(e.symbol),
				     .sh_link = 3 },
			     [3] = { .sh_type = SHT_STRTAB,
				     .sh_offset = offsetof(struct small_elf, names),
				     .sh_size = sizeof(e.names) } },
		.symbol = { [1] = { .st_name = 1,
				    .st_value = 0x100000,
				    .st_info = ELF32_ST_INFO(STB_GLOBAL, STT_FUNC),
				    .st_shndx = 1 },
			    [2] = { .st_name = 8, .st_value = 0x100040, .st_shndx = 1 },
			    [3] = { .st_name = 99, .st_value = 0x100080, .st_shndx = 1 } },
		.names = "\0_start\0putc",
	};

	return e;
}

static void elf_of_32_bits(void **state)
{
	struct small_elf e = make_small();
	struct symbols s;

	(void)state;
	assert_int_equal(symbols_load(&e, sizeof(e), &s, NULL), 0);
	assert_int_equal(s.cnt, 2);
	assert_string_equal(symbol_name(&s, &s.v[0]), "_start");
	assert_int_equal(s.v[0].addr, 0x100000);
	assert_int_equal(s.v[0].type, 'T');
	assert_string_equal(symbol_name(&s, &s.v[1]), "putc");
	assert_int_equal(s.v[1].type, 't');
	symbols_free(&s);
	for (size_t cut = 0; cut < sizeof(e); cut++) {
		_cleanup_free_ void *part = malloc(cut + 1);

		memcpy(part, &e, cut);
		assert_true(symbols_from_elf(part, cut, &s, NULL) < 0 ||
			    cut >= e.section[3].sh_offset);
		symbols_free(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_versions),   cmocka_unit_test(damaged_kernels),
		cmocka_unit_test(maps),           cmocka_unit_test(bad_maps),
		cmocka_unit_test(names_are_tame), cmocka_unit_test(to_elf_and_back),
		cmocka_unit_test(elf_of_32_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
