/* SPDX-License-Identifier: MIT */
/*
 * elf_note.c: the walk over PT_NOTE segments. gABI, "Note Section": namesz, descsz, type as 4-byte
 * words, then the name and the descriptor, each padded to the segment's alignment: 4 bytes in
 * practice whatever the class, 8 where p_align says so.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "boot/elf.h"
#include "vmm/endian.h"
#include "vmm/error.h"

#define NOTES_MAX (64 * KIB)

/* xen/include/public/elfnote.h */
#define XEN_ELFNOTE_GUEST_OS     6
#define XEN_ELFNOTE_PHYS32_ENTRY 18

struct note {
	const uint8_t *name, *desc;
	uint32_t name_len, desc_len, type;
};

static bool has_name(const struct note *n, const char *name)
{
	size_t len = strlen(name) + 1;

	return n->name_len == len && memcmp(n->name, name, len) == 0;
}

static int look_at(const struct note *n, struct elf_notes *ret, struct error **errp)
{
	if (has_name(n, "Linux")) {
		ret->linux_mark = true;
		return 0;
	}
	if (!has_name(n, "Xen"))
		return 0;
	if (n->type == XEN_ELFNOTE_GUEST_OS && n->desc_len >= 5 && memcmp(n->desc, "linux", 5) == 0)
		ret->linux_mark = true;
	if (n->type != XEN_ELFNOTE_PHYS32_ENTRY)
		return 0;
	if (n->desc_len != 4 && n->desc_len != 8)
		return err_set(errp, ENOEXEC, "PVH note: descsz is %u, not 4 or 8", n->desc_len);
	ret->pvh = true;
	ret->pvh_entry = n->desc_len == 4 ? get_le32(n->desc) : get_le64(n->desc);
	return 0;
}

/* Each step is at least the 12 bytes of a note's header, so the walk ends. */
static int walk(const uint8_t *p, uint64_t len, uint64_t align, struct elf_notes *ret,
		struct error **errp)
{
	uint64_t at = 0;

	while (len - at >= 12) {
		struct note n = {
			.name_len = get_le32(p + at),
			.desc_len = get_le32(p + at + 4),
			.type = get_le32(p + at + 8),
		};
		/* 64-bit sums of 32-bit numbers do not wrap. */
		uint64_t desc = align_up(at + 12 + n.name_len, align);
		uint64_t end = desc + n.desc_len;
		int r;

		if (end > len)
			return err_set(errp, ENOEXEC,
				       "ELF note at %#" PRIx64
				       " of PT_NOTE: namesz %u and descsz %u reach past its end",
				       at, n.name_len, n.desc_len);
		n.name = p + at + 12;
		n.desc = p + desc;
		r = look_at(&n, ret, errp);
		if (r < 0)
			return r;
		at = min_u64(align_up(end, align), len);
	}
	return 0;
}

int elf_read_notes(const struct elf *e, const struct image *img, struct elf_notes *ret,
		   struct error **errp)
{
	struct elf_notes found = { 0 };

	for (unsigned i = 0; i < e->note_cnt; i++) {
		const struct elf_seg *s = &e->note[i];
		_cleanup_free_ uint8_t *buf = NULL;
		int r;

		if (!s->filesz)
			continue;
		if (s->off > img->size || s->filesz > img->size - s->off)
			return err_set(errp, ENOEXEC,
				       "PT_NOTE: p_offset %#" PRIx64 " + p_filesz %#" PRIx64
				       " reaches past the end of the file",
				       s->off, s->filesz);
		if (s->filesz > NOTES_MAX)
			return err_set(errp, ENOEXEC,
				       "PT_NOTE: p_filesz is %" PRIu64 ", more than %" PRIu64,
				       s->filesz, NOTES_MAX);
		buf = malloc(s->filesz);
		if (!buf)
			return err_set(errp, ENOMEM, "cannot allocate %" PRIu64 " bytes for notes",
				       s->filesz);
		r = image_read(img, s->off, buf, s->filesz, errp);
		if (r == 0)
			r = walk(buf, s->filesz, s->align == 8 ? 8 : 4, &found, errp);
		if (r < 0)
			return r;
	}
	*ret = found;
	return 0;
}
