/* SPDX-License-Identifier: MIT */
/*
 * snap.c: device state to bytes and back (the format: snap_format.h).
 *
 * What is read is hostile. snap_reader_new() walks every byte once and checks all structure, so
 * that what comes after can follow lengths blindly; snap_load() checks all of a section against the
 * device's table before it writes the first field.
 */
#include "vmm/snap.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/snap_format.h"
#include "vmm/crc32c.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/str.h"

static const struct {
	const char *name;
	uint8_t size;
} types[] = {
	[SNAP_U8] = { "u8", 1 },   [SNAP_U16] = { "u16", 2 },   [SNAP_U32] = { "u32", 4 },
	[SNAP_U64] = { "u64", 8 }, [SNAP_BOOL] = { "bool", 1 },
};
_Static_assert(ARRAY_LEN(types) == SNAP_BAD, "a row per type");
_Static_assert(sizeof(bool) == 1, "a bool is saved as one byte");

static bool in_version(const struct snap_field *f, unsigned version)
{
	return f->since <= version && version < f->gone;
}

bool snap_field_is_current(const struct snap_desc *d, const struct snap_field *f)
{
	return in_version(f, d->version);
}

/* --- names -------------------------------------------------------------------------------- */

/* Names go into messages and are compared as bytes: no blanks, no controls, not empty. */
static bool name_ok(const uint8_t *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] < 0x21 || s[i] > 0x7e)
			return false;
	}
	return len > 0;
}

static bool name_is(const uint8_t *s, size_t len, const char *name)
{
	return strlen(name) == len && !memcmp(s, name, len);
}

/* --- writing ------------------------------------------------------------------------------ */

struct snap_writer {
	struct str buf; /* the header is filled in by _finish() */
	uint32_t sections;
};

static void add(struct snap_writer *w, const void *p, size_t len)
{
	str_add_bytes(&w->buf, p, len);
}

static void add_le(struct snap_writer *w, uint64_t v, unsigned size)
{
	uint8_t b[8];

	put_le64(b, v);
	add(w, b, size);
}

struct snap_writer *snap_writer_new(void)
{
	static const uint8_t hdr[SNAP_HDR_SIZE];
	struct snap_writer *w = calloc(1, sizeof(*w));

	if (w)
		add(w, hdr, sizeof(hdr));
	return w;
}

struct snap_writer *snap_writer_free(struct snap_writer *w)
{
	if (w) {
		str_free(&w->buf);
		free(w);
	}
	return NULL;
}

static int no_memory(struct error **errp)
{
	return err_errno(errp, ENOMEM, "saving device state");
}

int snap_writer_finish(struct snap_writer *w, uint8_t **ret, size_t *ret_len, struct error **errp)
{
	size_t len = w->buf.len;
	uint8_t *p;

	if (!w->buf.failed) {
		p = (uint8_t *)w->buf.s;
		memcpy(p, SNAP_MAGIC, SNAP_MAGIC_LEN);
		put_le16(p + SNAP_HDR_FORMAT, SNAP_FORMAT);
		put_le16(p + SNAP_HDR_ARCH, SNAP_ARCH_X86_64);
		put_le32(p + SNAP_HDR_SECTIONS, w->sections);
		put_le64(p + SNAP_HDR_LEN, len);
		put_le32(p + SNAP_HDR_CRC, crc32c(0, p, SNAP_HDR_CRC));
	}
	p = (uint8_t *)str_take(&w->buf);
	snap_writer_free(w);
	if (!p)
		return no_memory(errp);
	*ret = p;
	*ret_len = len;
	return 0;
}

uint64_t snap_value(const struct snap_field *f, const void *s, uint32_t i)
{
	const uint8_t *p = (const uint8_t *)s + f->off + (size_t)i * f->size;
	uint64_t v = 0;

	switch (f->type) {
	case SNAP_U16:
		return *(const uint16_t *)(const void *)p;
	case SNAP_U32:
		return *(const uint32_t *)(const void *)p;
	case SNAP_U64:
		memcpy(&v, p, sizeof(v));
		return v;
	default: /* SNAP_U8, SNAP_BOOL */
		return *p;
	}
}

static void add_field(struct snap_writer *w, const struct snap_field *f, const void *s)
{
	size_t name_len = strlen(f->name);

	assert(f->type < SNAP_BAD && f->size == types[f->type].size);
	assert(name_len <= UINT8_MAX && name_ok((const uint8_t *)f->name, name_len));
	add_le(w, f->type, 1);
	add_le(w, name_len, 1);
	add_le(w, f->count, 4);
	add(w, f->name, name_len);
	if (f->size == 1) {
		add(w, (const uint8_t *)s + f->off, f->count);
		return;
	}
	for (uint32_t i = 0; i < f->count; i++)
		add_le(w, snap_value(f, s, i), f->size);
}

static bool writer_has(const struct snap_writer *w, const char *id)
{
	const uint8_t *p = (const uint8_t *)w->buf.s;

	for (size_t off = SNAP_HDR_SIZE; off < w->buf.len; off += get_le32(p + off + SNAP_SEC_LEN))
		if (name_is(p + off + SNAP_SEC_SIZE, p[off + SNAP_SEC_ID_LEN], id))
			return true;
	return false;
}

int snap_save(struct snap_writer *w, const char *id, const struct snap_desc *d, const void *s,
	      struct error **errp)
{
	size_t start = w->buf.len, len, id_len = strlen(id);
	unsigned cnt = 0;
	uint8_t *p;

	if (w->buf.failed)
		return no_memory(errp);
	if (id_len > UINT8_MAX || !name_ok((const uint8_t *)id, id_len))
		return err_set(errp, EINVAL,
			       "cannot save device '%s': its id must be 1 to 255 "
			       "printable characters without blanks",
			       id);
	if (w->sections == SNAP_MAX_SECTIONS)
		return err_set(errp, E2BIG, "cannot save device '%s': only %u devices fit", id,
			       SNAP_MAX_SECTIONS);
	if (writer_has(w, id))
		return err_set(errp, EEXIST, "cannot save device '%s': the id is used twice", id);
	if (d->pre_save)
		d->pre_save((void *)(uintptr_t)s);

	add_le(w, 0, SNAP_SEC_VERSION); /* CRC and length: below */
	add_le(w, d->version, 2);
	add_le(w, 0, 2);
	add_le(w, id_len, 1);
	add(w, id, id_len);
	for (unsigned i = 0; i < d->n; i++) {
		if (in_version(&d->f[i], d->version)) {
			add_field(w, &d->f[i], s);
			cnt++;
		}
	}
	if (w->buf.failed)
		return no_memory(errp);
	len = w->buf.len - start;
	assert(cnt <= UINT16_MAX && len <= UINT32_MAX); /* tables are ours, and small */
	p = (uint8_t *)w->buf.s + start;
	put_le32(p + SNAP_SEC_LEN, (uint32_t)len);
	put_le16(p + SNAP_SEC_FIELDS, (uint16_t)cnt);
	put_le32(p + SNAP_SEC_CRC, crc32c(0, p + SNAP_SEC_LEN, len - SNAP_SEC_LEN));
	w->sections++;
	return 0;
}

/* --- checking a file ---------------------------------------------------------------------- */

struct section {
	const uint8_t *p;
	uint32_t len;
	bool loaded;
};

struct snap_reader {
	struct section *sec; /* sorted by id */
	uint32_t cnt;
};

/* A field in a file whose structure has been checked. */
struct file_field {
	const uint8_t *name, *data;
	uint8_t type, name_len;
	uint32_t count;
};

static const uint8_t *section_id(const struct section *s, uint8_t *len)
{
	*len = s->p[SNAP_SEC_ID_LEN];
	return s->p + SNAP_SEC_SIZE;
}

/* Decodes the field at *p and moves *p behind it. */
static struct file_field next_field(const uint8_t **p)
{
	const uint8_t *b = *p;
	struct file_field f = {
		.type = b[SNAP_FLD_TYPE],
		.name_len = b[SNAP_FLD_NAME_LEN],
		.count = get_le32(b + SNAP_FLD_COUNT),
		.name = b + SNAP_FLD_SIZE,
	};

	f.data = f.name + f.name_len;
	*p = f.data + (size_t)f.count * types[f.type].size;
	return f;
}

static int damaged(struct error **errp, uint32_t sec, const char *what)
{
	return err_set(errp, EINVAL, "snapshot is damaged: section %u %s", sec, what);
}

/* Checks that a whole field is at @p and that it fits in @left bytes. Returns its size,
 * 0 if not. */
static uint64_t check_field(const uint8_t *p, uint64_t left, const char **why)
{
	uint64_t size;
	uint8_t type;

	*why = "ends inside a field";
	if (left < SNAP_FLD_SIZE)
		return 0;
	size = SNAP_FLD_SIZE + (uint64_t)p[SNAP_FLD_NAME_LEN];
	if (left < size)
		return 0;
	*why = "has a field of unknown type";
	type = p[SNAP_FLD_TYPE];
	if (type >= SNAP_BAD)
		return 0;
	*why = "has a field with an unprintable name";
	if (!name_ok(p + SNAP_FLD_SIZE, p[SNAP_FLD_NAME_LEN]))
		return 0;
	*why = "ends inside a field";
	size += (uint64_t)get_le32(p + SNAP_FLD_COUNT) * types[type].size; /* < 2^36 */
	return left < size ? 0 : size;
}

/* Checks section @idx at @p of at most @left bytes and describes it in *ret. */
static int check_section(const uint8_t *p, uint64_t left, uint32_t idx, struct section *ret,
			 struct error **errp)
{
	const char *why;
	uint32_t len;
	uint64_t off;

	if (left < SNAP_SEC_SIZE)
		return damaged(errp, idx, "is cut off");
	len = get_le32(p + SNAP_SEC_LEN);
	off = SNAP_SEC_SIZE + (uint64_t)p[SNAP_SEC_ID_LEN];
	if (len > left || len < off)
		return damaged(errp, idx, "has a length that cannot be");
	if (get_le32(p + SNAP_SEC_CRC) != crc32c(0, p + SNAP_SEC_LEN, len - SNAP_SEC_LEN))
		return damaged(errp, idx, "does not match its checksum");
	if (!name_ok(p + SNAP_SEC_SIZE, p[SNAP_SEC_ID_LEN]))
		return damaged(errp, idx, "has an unprintable device id");
	for (unsigned n = get_le16(p + SNAP_SEC_FIELDS); n; n--) {
		uint64_t size = check_field(p + off, len - off, &why);

		if (!size)
			return damaged(errp, idx, why);
		off += size;
	}
	if (off != len)
		return damaged(errp, idx, "has bytes after its last field");
	*ret = (struct section){ .p = p, .len = len };
	return 0;
}

static int check_header(const uint8_t *p, size_t len, struct error **errp)
{
	if (len < SNAP_MAGIC_LEN || memcmp(p, SNAP_MAGIC, SNAP_MAGIC_LEN))
		return err_set(errp, EINVAL, "is not a trapeze snapshot");
	if (len < SNAP_HDR_SIZE)
		return err_set(errp, EINVAL, "snapshot is damaged: it ends inside its header");
	if (get_le16(p + SNAP_HDR_FORMAT) != SNAP_FORMAT)
		return err_set(errp, EINVAL, "snapshot has format %u, this trapeze reads format %u",
			       get_le16(p + SNAP_HDR_FORMAT), SNAP_FORMAT);
	if (get_le16(p + SNAP_HDR_ARCH) != SNAP_ARCH_X86_64)
		return err_set(errp, EINVAL,
			       "snapshot is of a machine of architecture %u, not x86-64",
			       get_le16(p + SNAP_HDR_ARCH));
	if (get_le32(p + SNAP_HDR_CRC) != crc32c(0, p, SNAP_HDR_CRC))
		return err_set(errp, EINVAL,
			       "snapshot is damaged: its header does not match its checksum");
	if (get_le64(p + SNAP_HDR_LEN) != len)
		return err_set(errp, EINVAL,
			       "snapshot is damaged: it has %zu bytes where there should be %llu",
			       len, (unsigned long long)get_le64(p + SNAP_HDR_LEN));
	if (get_le32(p + SNAP_HDR_SECTIONS) > SNAP_MAX_SECTIONS)
		return err_set(errp, EINVAL, "snapshot has %u sections, at most %u can be",
			       get_le32(p + SNAP_HDR_SECTIONS), SNAP_MAX_SECTIONS);
	return 0;
}

static int id_cmp(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return c ? c : (a_len > b_len) - (a_len < b_len);
}

static int section_cmp(const void *pa, const void *pb)
{
	uint8_t la, lb;
	const uint8_t *a = section_id(pa, &la), *b = section_id(pb, &lb);

	return id_cmp(a, la, b, lb);
}

static int section_key_cmp(const void *key, const void *ps)
{
	uint8_t len;
	const uint8_t *id = section_id(ps, &len);

	return id_cmp(key, strlen(key), id, len);
}

struct snap_reader *snap_reader_free(struct snap_reader *r)
{
	if (r) {
		free(r->sec);
		free(r);
	}
	return NULL;
}

static void reader_freep(struct snap_reader **r)
{
	*r = snap_reader_free(*r);
}

int snap_reader_new(const uint8_t *buf, size_t len, struct snap_reader **ret, struct error **errp)
{
	_cleanup_(reader_freep) struct snap_reader *r = NULL;
	size_t off = SNAP_HDR_SIZE;
	int rc;

	rc = check_header(buf, len, errp);
	if (rc < 0)
		return rc;
	r = calloc(1, sizeof(*r));
	if (r) {
		r->cnt = get_le32(buf + SNAP_HDR_SECTIONS);
		r->sec = calloc(r->cnt + 1u, sizeof(*r->sec));
	}
	if (!r || !r->sec)
		return err_errno(errp, ENOMEM, "reading a snapshot");
	for (uint32_t i = 0; i < r->cnt; i++) {
		rc = check_section(buf + off, len - off, i, &r->sec[i], errp);
		if (rc < 0)
			return rc;
		off += r->sec[i].len;
	}
	if (off != len)
		return err_set(errp, EINVAL,
			       "snapshot is damaged: it has bytes after its last section");
	qsort(r->sec, r->cnt, sizeof(*r->sec), section_cmp);
	for (uint32_t i = 1; i < r->cnt; i++) {
		uint8_t id_len;
		const uint8_t *id = section_id(&r->sec[i], &id_len);

		if (!section_cmp(&r->sec[i - 1], &r->sec[i]))
			return err_set(errp, EINVAL, "snapshot has device '%.*s' twice", id_len,
				       id);
	}
	*ret = take_ptr(r);
	return 0;
}

int snap_reader_check_used(const struct snap_reader *r, struct error **errp)
{
	for (uint32_t i = 0; i < r->cnt; i++) {
		uint8_t len;
		const uint8_t *id = section_id(&r->sec[i], &len);

		if (!r->sec[i].loaded)
			return err_set(errp, ENOENT,
				       "snapshot has a device '%.*s', which this machine lacks",
				       len, id);
	}
	return 0;
}

/* --- loading ------------------------------------------------------------------------------ */

static int check_version(const char *id, const struct snap_desc *d, unsigned version,
			 struct error **errp)
{
	int rc;

	if (version >= d->min_version && version <= d->version)
		return 0;
	rc = err_set(errp, EINVAL,
		     "snapshot has version %u of device '%s', this trapeze reads "
		     "versions %u to %u",
		     version, id, d->min_version, d->version);
	err_hint(errp, "use %s trapeze, or save the machine again with this one",
		 version > d->version ? "a newer" : "an older");
	return rc;
}

/* The table's row for a field of the file; d->n if there is none in that version. */
static unsigned find_row(const struct snap_desc *d, const struct file_field *f, unsigned version)
{
	unsigned i;

	for (i = 0; i < d->n; i++)
		if (in_version(&d->f[i], version) && name_is(f->name, f->name_len, d->f[i].name))
			break;
	return i;
}

static int check_against_row(const char *id, const struct file_field *f,
			     const struct snap_field *row, struct error **errp)
{
	if (f->type != row->type || f->count != row->count)
		return err_set(errp, EINVAL,
			       "field '%s' of device '%s' is %s[%u] in the snapshot, "
			       "%s[%u] in this trapeze",
			       row->name, id, types[f->type].name, f->count, types[row->type].name,
			       row->count);
	if (f->type != SNAP_BOOL)
		return 0;
	for (uint32_t i = 0; i < f->count; i++)
		if (f->data[i] > 1)
			return err_set(errp, EINVAL,
				       "field '%s' of device '%s' is a truth value "
				       "but holds %u in the snapshot",
				       row->name, id, f->data[i]);
	return 0;
}

/*
 * Pairs each field of the file with its row: found[i] is row i's, .data NULL where the file's
 * version has none. Ends after at most d->n + 1 fields, however many there are: by then one is
 * unknown or double.
 */
static int match_fields(const struct section *sec, const char *id, const struct snap_desc *d,
			struct file_field *found, struct error **errp)
{
	unsigned version = get_le16(sec->p + SNAP_SEC_VERSION);
	const uint8_t *p = sec->p + SNAP_SEC_SIZE + sec->p[SNAP_SEC_ID_LEN];

	for (unsigned n = get_le16(sec->p + SNAP_SEC_FIELDS); n; n--) {
		struct file_field f = next_field(&p);
		unsigned row = find_row(d, &f, version);
		int rc;

		if (row == d->n)
			return err_set(errp, EINVAL,
				       "snapshot has a field '%.*s' of device '%s' "
				       "that version %u of it does not have",
				       f.name_len, f.name, id, version);
		if (found[row].data)
			return err_set(errp, EINVAL, "snapshot has field '%s' of device '%s' twice",
				       d->f[row].name, id);
		rc = check_against_row(id, &f, &d->f[row], errp);
		if (rc < 0)
			return rc;
		found[row] = f;
	}
	for (unsigned i = 0; i < d->n; i++)
		if (in_version(&d->f[i], version) && !found[i].data)
			return err_set(errp, EINVAL, "snapshot lacks field '%s' of device '%s'",
				       d->f[i].name, id);
	return 0;
}

static void copy_field(const struct snap_field *row, const uint8_t *data, void *s)
{
	uint8_t *p = (uint8_t *)s + row->off;

	if (row->size == 1)
		memcpy(p, data, row->count);
	for (uint32_t i = 0; row->size != 1 && i < row->count; i++) {
		const uint8_t *v = data + (size_t)i * row->size;

		if (row->type == SNAP_U16)
			((uint16_t *)(void *)p)[i] = get_le16(v);
		else if (row->type == SNAP_U32)
			((uint32_t *)(void *)p)[i] = get_le32(v);
		else
			((uint64_t *)(void *)p)[i] = get_le64(v);
	}
}

int snap_load(struct snap_reader *r, const char *id, const struct snap_desc *d, void *s,
	      struct error **errp)
{
	_cleanup_free_ struct file_field *found = NULL;
	struct section *sec;
	unsigned version;
	int rc;

	sec = bsearch(id, r->sec, r->cnt, sizeof(*r->sec), section_key_cmp);
	if (!sec)
		return err_set(errp, ENOENT, "snapshot lacks device '%s'", id);
	version = get_le16(sec->p + SNAP_SEC_VERSION);
	rc = check_version(id, d, version, errp);
	if (rc < 0)
		return rc;
	found = calloc(d->n + 1u, sizeof(*found));
	if (!found)
		return err_errno(errp, ENOMEM, "loading device '%s'", id);
	rc = match_fields(sec, id, d, found, errp);
	if (rc < 0)
		return rc;
	/* From here on only post_load can fail. */
	for (unsigned i = 0; i < d->n; i++)
		if (found[i].data)
			copy_field(&d->f[i], found[i].data, s);
	sec->loaded = true;
	if (!d->post_load)
		return 0;
	rc = d->post_load(s, version, errp);
	return rc < 0 ? err_wrap(errp, "snapshot of device '%s'", id) : 0;
}
