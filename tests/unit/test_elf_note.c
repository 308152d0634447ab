/* SPDX-License-Identifier: MIT */
/*
 * test_elf_note.c: gABI, "Note Section": "Padding is present, if necessary, to ensure 4-byte
 * alignment for the next note entry" (8-byte in segments with p_align 8).
 */
#include <elf.h>
#include <string.h>

#include "boot/elf.h"
#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

static int read_notes(struct kit *k, const void *p, size_t len, uint64_t align, struct elf_notes *n,
		      struct error **e)
{
	struct image img;
	struct elf elf;
	int r;

	kit_elf(&k->buf, true, KIT_EM_X86_64, MIB);
	kit_elf_seg(&k->buf, PT_LOAD, MIB, MIB, NULL, 64, 64, 4096);
	kit_elf_seg(&k->buf, PT_NOTE, 0, 0, p, len, len, align);
	assert_int_equal(image_open(kit_file(k, "notes", k->buf.p, k->buf.len), GIB, &img, e), 0);
	assert_int_equal(elf_parse(&img, &elf, e), 0);
	r = elf_read_notes(&elf, &img, n, e);
	image_close(&img);
	return r;
}

/* The PVH note behind one whose name and descriptor need padding, with both alignments. */
static void padding(void **state)
{
	static const uint8_t entry4[4] = { 0x78, 0x56, 0x34, 0x12 };
	static const uint8_t entry8[8] = { 0x78, 0x56, 0x34, 0x12 };
	struct kit *k = *state;

	for (unsigned align = 4; align <= 8; align += 4) {
		for (unsigned first = 0; first < 9; first++) {
			bool wide = first & 1;
			struct error *e = NULL;
			struct elf_notes n;
			uint8_t p[128];
			size_t len = kit_note(p, "Someone", 18, "12345678", first, align);

			len += kit_note(p + len, "Xen", 18, wide ? entry8 : entry4, wide ? 8 : 4,
					align);
			assert_int_equal(read_notes(k, p, len, align, &n, &e), 0);
			assert_no_error(e);
			assert_true(n.pvh);
			assert_false(n.linux_mark);
			assert_int_equal(n.pvh_entry, 0x12345678);
		}
	}
}

/* p_align 0 and 1 mean none is asked for; notes are then 4-byte padded. */
static void small_alignment_means_four(void **state)
{
	struct kit *k = *state;

	for (unsigned align = 0; align < 3; align++) {
		struct error *e = NULL;
		struct elf_notes n;
		uint8_t p[64];
		size_t len = kit_note(p, "Linux", 0x100, "x", 1, 4);

		assert_int_equal(read_notes(k, p, len, align, &n, &e), 0);
		assert_true(n.linux_mark);
		assert_false(n.pvh);
	}
}

static void lengths_that_lie(void **state)
{
	static const struct {
		unsigned off;
		uint32_t value;
		const char *says;
	} rows[] = {
		{ 0, UINT32_MAX, "namesz 4294967295" }, { 4, UINT32_MAX, "descsz 4294967295" },
		{ 0, 5000, "reach past its end" },      { 4, 5, "descsz is 5, not 4 or 8" },
		{ 4, 9, "reach past its end" },
	};
	struct kit *k = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error *e = NULL;
		struct elf_notes n;
		uint8_t p[64];
		size_t len = kit_note(p, "Xen", 18, "\1\2\3\4\5\6\7\10", 8, 4);

		put_le32(p + rows[i].off, rows[i].value);
		assert_true(read_notes(k, p, len, 4, &n, &e) < 0);
		assert_error(e, rows[i].says);
	}
}

/* Fewer bytes than a note's header at the end are padding. */
static void trailing_bytes(void **state)
{
	struct error *e = NULL;
	struct kit *k = *state;
	struct elf_notes n;
	uint8_t p[64] = { 0 };

	for (size_t extra = 0; extra < 12; extra++) {
		size_t len = kit_note(p, "Linux", 1, "abcd", 4, 4);

		assert_int_equal(read_notes(k, p, len + extra, 4, &n, &e), 0);
		assert_true(n.linux_mark);
	}
	/* A header of zeros is an empty note: the walk must go on and end. */
	memset(p, 0, sizeof(p));
	assert_int_equal(read_notes(k, p, sizeof(p), 4, &n, &e), 0);
	assert_false(n.linux_mark);
}

static void segment_that_lies(void **state)
{
	struct kit *k = *state;
	struct boot_config c = { .protocol = BOOT_PVH };
	size_t ph;

	kit_vmlinux(&k->buf);
	ph = kit_elf_phdr(&k->buf, 2);
	put_le64(k->buf.p + ph + 8, UINT64_MAX - 8);
	c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	kit_refused(k, &c, "PT_NOTE: p_offset");
	kit_vmlinux(&k->buf);
	k->buf.len = 300000; /* room for a segment that is too long to be notes */
	put_le64(k->buf.p + ph + 32, 70000);
	c.kernel = kit_file(k, "vmlinux", k->buf.p, k->buf.len);
	kit_refused(k, &c, "PT_NOTE: p_filesz is 70000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(padding, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(small_alignment_means_four, kit_setup,
						kit_teardown),
		cmocka_unit_test_setup_teardown(lengths_that_lie, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(trailing_bytes, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(segment_that_lies, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
