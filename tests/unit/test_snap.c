/* SPDX-License-Identifier: MIT */
#include "vmm/snap.h"

#include <errno.h>
#include <string.h>

#include "core/snap_format.h"
#include "tests/lib/fake.h"
#include "vmm/crc32c.h"
#include "vmm/endian.h"

/* --- a chip through its versions ---------------------------------------------------------- */

struct chip {
	uint8_t reg;
	uint16_t count[3];
	uint32_t mask;
	uint64_t deadline;
	bool armed;
	uint8_t fifo[5];
	uint32_t old_mode; /* saved until version 2 */
	uint16_t mode;     /* since version 3 */
	/* not saved */
	unsigned pre_saves, post_loads, post_version;
	const char *refuse;
};

static void chip_pre_save(void *s)
{
	((struct chip *)s)->pre_saves++;
}

static int chip_post_load(void *s, unsigned version, struct error **errp)
{
	struct chip *c = s;

	c->post_loads++;
	c->post_version = version;
	if (version < 3)
		c->mode = (uint16_t)c->old_mode;
	return c->refuse ? err_set(errp, ERANGE, "%s", c->refuse) : 0;
}

static const struct snap_field v1_fields[] = {
	SNAP(struct chip, reg, 1),      SNAP_ARR(struct chip, count, 1),
	SNAP(struct chip, mask, 1),     SNAP(struct chip, deadline, 1),
	SNAP(struct chip, armed, 1),    SNAP_ARR(struct chip, fifo, 1),
	SNAP(struct chip, old_mode, 1),
};
static const struct snap_desc v1 = { .version = 1,
				     .min_version = 1,
				     .f = v1_fields,
				     .n = ARRAY_LEN(v1_fields),
				     .pre_save = chip_pre_save,
				     .post_load = chip_post_load };

/* Version 3: another order, old_mode gone, mode new. */
static const struct snap_field v3_fields[] = {
	SNAP(struct chip, mode, 3),
	{ "old_mode", offsetof(struct chip, old_mode), 1, SNAP_U32, 4, 1, 3, 0 },
	SNAP_ARR(struct chip, fifo, 1),
	SNAP(struct chip, armed, 1),
	SNAP(struct chip, deadline, 1),
	SNAP(struct chip, mask, 1),
	SNAP_ARR(struct chip, count, 1),
	SNAP(struct chip, reg, 1),
};
static const struct snap_desc v3 = { .version = 3,
				     .min_version = 1,
				     .f = v3_fields,
				     .n = ARRAY_LEN(v3_fields),
				     .post_load = chip_post_load };

static struct chip sample = {
	/* not const: pre_save counts in it */
	.reg = 0xa5,        .count = { 1, 0x8000, 0xfffe },
	.mask = 0xdeadbeef, .deadline = 0x0123456789abcdef,
	.armed = true,      .fifo = { 5, 4, 3, 2, 1 },
	.old_mode = 7,      .mode = 9,
};

/* --- helpers ------------------------------------------------------------------------------ */

static uint8_t *finish(struct snap_writer *w, size_t *len)
{
	struct error *e = NULL;
	uint8_t *buf = NULL;

	assert_int_equal(snap_writer_finish(w, &buf, len, &e), 0);
	assert_no_error(e);
	return buf;
}

static void save(struct snap_writer *w, const char *id, const struct snap_desc *d,
		 const struct chip *c)
{
	struct error *e = NULL;

	assert_int_equal(snap_save(w, id, d, c, &e), 0);
	assert_no_error(e);
}

static uint8_t *save_one(const struct snap_desc *d, const struct chip *c, size_t *len)
{
	struct snap_writer *w = snap_writer_new();

	assert_non_null(w);
	save(w, "chip0", d, c);
	return finish(w, len);
}

/* Opens and loads "chip0"; returns what failed, NULL if nothing did. */
static struct error *try_load(const uint8_t *buf, size_t len, const struct snap_desc *d,
			      struct chip *c)
{
	struct snap_reader *r = NULL;
	struct error *e = NULL;

	if (!snap_reader_new(buf, len, &r, &e)) {
		int rc = snap_load(r, "chip0", d, c, &e);

		assert_int_equal(rc, e ? -error_code(e) : 0);
	}
	snap_reader_free(r);
	return e;
}

/* Loading must fail saying @part and must not have touched the chip. */
static void assert_refused(const uint8_t *buf, size_t len, const struct snap_desc *d,
			   const char *part)
{
	struct chip c, before;

	memset(&c, 0x5a, sizeof(c));
	c.refuse = NULL;
	before = c;
	assert_error(try_load(buf, len, d, &c), part);
	assert_memory_equal(&c, &before, sizeof(c));
}

/* Makes all checksums right again after a change, so that what lies behind them is tested. */
static void fix_sums(uint8_t *buf, size_t len)
{
	size_t off = SNAP_HDR_SIZE;

	put_le64(buf + SNAP_HDR_LEN, len);
	put_le32(buf + SNAP_HDR_CRC, crc32c(0, buf, SNAP_HDR_CRC));
	while (len - off >= SNAP_SEC_SIZE) {
		uint32_t n = get_le32(buf + off + SNAP_SEC_LEN);

		if (n < SNAP_SEC_SIZE || n > len - off)
			return;
		put_le32(buf + off + SNAP_SEC_CRC,
			 crc32c(0, buf + off + SNAP_SEC_LEN, n - SNAP_SEC_LEN));
		off += n;
	}
}

static uint8_t *find(uint8_t *buf, size_t len, const char *name)
{
	uint8_t *p = memmem(buf, len, name, strlen(name));

	assert_non_null(p);
	return p;
}

/* --- round trips -------------------------------------------------------------------------- */

static void round_trip_of_every_type(void **state)
{
	struct chip c = { 0 }, src = sample;
	size_t len, len2;
	uint8_t *buf = save_one(&v1, &src, &len), *buf2;

	(void)state;
	assert_int_equal(src.pre_saves, 1);
	assert_no_error(try_load(buf, len, &v1, &c));
	assert_int_equal(c.reg, sample.reg);
	assert_memory_equal(c.count, sample.count, sizeof(c.count));
	assert_int_equal(c.mask, sample.mask);
	assert_true(c.deadline == sample.deadline);
	assert_true(c.armed);
	assert_memory_equal(c.fifo, sample.fifo, sizeof(c.fifo));
	assert_int_equal(c.post_loads, 1);
	assert_int_equal(c.post_version, 1);
	buf2 = save_one(&v1, &c, &len2);
	assert_int_equal(len, len2);
	assert_memory_equal(buf, buf2, len);
	free(buf);
	free(buf2);
}

/* The bytes are a promise to files already written: this is format 1, byte by byte. */
static void bytes_of_format_1(void **state)
{
	static const struct snap_field f[] = { SNAP(struct chip, mask, 1) };
	static const struct snap_desc d = { .version = 5, .min_version = 1, .f = f, .n = 1 };
	static const uint8_t want[] = {
		/* header */
		'T', 'R', 'A', 'P', 'E', 'Z', 'E', 0x1a, 1, 0, 62, 0, 1, 0, 0, 0, 60, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0 /* CRC */,
		/* section */
		0, 0, 0, 0 /* CRC */, 32, 0, 0, 0, 5, 0, 1, 0, 5, 'c', 'h', 'i', 'p', '0',
		/* field */
		SNAP_U32, 4, 1, 0, 0, 0, 'm', 'a', 's', 'k', 0xef, 0xbe, 0xad, 0xde
	};
	uint8_t copy[sizeof(want)];
	size_t len;
	uint8_t *buf = save_one(&d, &sample, &len);

	(void)state;
	assert_int_equal(len, sizeof(want));
	memcpy(copy, want, sizeof(want));
	fix_sums(copy, sizeof(copy));
	assert_memory_equal(buf, copy, len);
	free(buf);
}

static void many_devices_in_any_order(void **state)
{
	struct snap_writer *w = snap_writer_new();
	struct snap_reader *r = NULL;
	struct error *e = NULL;
	char id[24];
	size_t len;
	uint8_t *buf;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		struct chip c = { .mask = i };

		snprintf(id, sizeof(id), "dev%u", (i * 7) % 300);
		save(w, id, &v1, &c);
	}
	buf = finish(w, &len);
	assert_int_equal(snap_reader_new(buf, len, &r, &e), 0);
	for (unsigned i = 300; i-- > 0;) {
		struct chip c = { 0 };

		assert_int_equal(snap_reader_check_used(r, &e), -ENOENT);
		assert_error(take_ptr(e), "which this machine lacks");
		snprintf(id, sizeof(id), "dev%u", (i * 7) % 300);
		assert_int_equal(snap_load(r, id, &v1, &c, &e), 0);
		assert_int_equal(c.mask, i);
	}
	assert_int_equal(snap_reader_check_used(r, &e), 0);
	assert_int_equal(snap_load(r, "dev300", &v1, &(struct chip){ 0 }, &e), -ENOENT);
	assert_error(e, "lacks device 'dev300'");
	snap_reader_free(r);
	free(buf);
}

static void no_devices_at_all(void **state)
{
	struct snap_reader *r = NULL;
	struct error *e = NULL;
	size_t len;
	uint8_t *buf = finish(snap_writer_new(), &len);

	(void)state;
	assert_int_equal(len, SNAP_HDR_SIZE);
	assert_int_equal(snap_reader_new(buf, len, &r, &e), 0);
	assert_int_equal(snap_reader_check_used(r, &e), 0);
	snap_reader_free(r);
	free(buf);
}

/* --- versions ----------------------------------------------------------------------------- */

/* A field newer than the file keeps its reset value;
 * one that is gone is still read from old files. */
static void old_file_into_new_chip(void **state)
{
	struct chip c = { .mode = 0x1234 };
	size_t len;
	uint8_t *buf = save_one(&v1, &sample, &len);

	(void)state;
	assert_no_error(try_load(buf, len, &v3, &c));
	assert_int_equal(c.post_version, 1);
	assert_int_equal(c.old_mode, 7);
	assert_int_equal(c.mode, 7); /* post_load's work */
	assert_int_equal(c.mask, sample.mask);
	free(buf);
}

static void gone_field_is_not_saved(void **state)
{
	struct chip c = { .old_mode = 0x77 };
	size_t len;
	uint8_t *buf = save_one(&v3, &sample, &len);

	(void)state;
	assert_null(memmem(buf, len, "old_mode", 8));
	assert_no_error(try_load(buf, len, &v3, &c));
	assert_int_equal(c.mode, 9);
	assert_int_equal(c.old_mode, 0x77);
	free(buf);
}

static void gone_field_in_a_new_file_is_refused(void **state)
{
	struct snap_field f[ARRAY_LEN(v3_fields)];
	struct snap_desc d = v3;
	size_t len;
	uint8_t *buf;

	(void)state;
	memcpy(f, v3_fields, sizeof(f));
	f[1].gone = UINT16_MAX; /* a writer that never learnt that old_mode is gone */
	d.f = f;
	buf = save_one(&d, &sample, &len);
	assert_refused(buf, len, &v3, "'old_mode'");
	free(buf);
}

static void version_out_of_range(void **state)
{
	struct snap_desc d = v3;
	struct chip c = { 0 };
	struct error *e;
	size_t len;
	uint8_t *buf = save_one(&v3, &sample, &len);

	(void)state;
	assert_refused(buf, len, &v1,
		       "version 3 of device 'chip0', this trapeze reads versions "
		       "1 to 1");
	d.version = 9;
	d.min_version = 4;
	e = try_load(buf, len, &d, &c);
	assert_string_equal(error_hint(e), "use an older trapeze, or save the machine again with "
					   "this one");
	assert_error(e, "reads versions 4 to 9");
	free(buf);
}

static void unknown_and_missing_fields_are_named(void **state)
{
	struct snap_desc d = v1;
	size_t len;
	uint8_t *buf = save_one(&v1, &sample, &len);

	(void)state;
	d.n--; /* the reader knows no old_mode */
	assert_refused(buf, len, &d, "'old_mode' of device 'chip0'");
	free(buf);
	buf = save_one(&d, &sample, &len);
	assert_refused(buf, len, &v1, "lacks field 'old_mode' of device 'chip0'");
	free(buf);
}

static void type_and_count_must_match(void **state)
{
	struct snap_field f[ARRAY_LEN(v1_fields)];
	struct snap_desc d = v1;
	size_t len;
	uint8_t *buf;

	(void)state;
	memcpy(f, v1_fields, sizeof(f));
	d.f = f;
	f[1].count = 2;
	buf = save_one(&d, &sample, &len);
	assert_refused(buf, len, &v1,
		       "field 'count' of device 'chip0' is u16[2] in the snapshot, "
		       "u16[3] in this trapeze");
	free(buf);
	f[1].count = 3;
	f[4].type = SNAP_U8; /* armed: same size, another type */
	buf = save_one(&d, &sample, &len);
	assert_refused(buf, len, &v1, "'armed' of device 'chip0' is u8[1]");
	free(buf);
}

static void same_field_twice(void **state)
{
	struct snap_field f[ARRAY_LEN(v1_fields) + 1];
	struct snap_desc d = v1;
	size_t len;
	uint8_t *buf;

	(void)state;
	memcpy(f, v1_fields, sizeof(v1_fields));
	f[d.n] = f[0];
	d.f = f;
	d.n++;
	buf = save_one(&d, &sample, &len);
	assert_refused(buf, len, &v1, "field 'reg' of device 'chip0' twice");
	free(buf);
}

/* Any byte but 0 and 1 in a bool is undefined behaviour for whoever reads it. */
static void a_bool_is_0_or_1(void **state)
{
	size_t len;
	uint8_t *buf = save_one(&v1, &sample, &len);

	(void)state;
	find(buf, len, "armed")[5] = 2;
	fix_sums(buf, len);
	assert_refused(buf, len, &v1, "'armed' of device 'chip0' is a truth value but holds 2");
	free(buf);
}

static void post_load_has_the_last_word(void **state)
{
	struct chip c = { .refuse = "index 99 is past the FIFO" };
	size_t len;
	uint8_t *buf = save_one(&v1, &sample, &len);

	(void)state;
	assert_error(try_load(buf, len, &v1, &c),
		     "snapshot of device 'chip0': index 99 is past the FIFO");
	assert_int_equal(c.post_loads, 1);
	free(buf);
}

/* --- the writer's own mistakes ------------------------------------------------------------ */

static void ids_are_unique_and_printable(void **state)
{
	struct snap_writer *w = snap_writer_new();
	struct error *e = NULL;
	char big[257];
	size_t len;

	(void)state;
	save(w, "chip0", &v1, &sample);
	save(w, "chip", &v1, &sample);
	assert_int_equal(snap_save(w, "chip0", &v1, &sample, &e), -EEXIST);
	assert_error(take_ptr(e), "'chip0': the id is used twice");
	assert_int_equal(snap_save(w, "", &v1, &sample, &e), -EINVAL);
	assert_error(take_ptr(e), "id must be");
	assert_int_equal(snap_save(w, "a b", &v1, &sample, &e), -EINVAL);
	assert_error(take_ptr(e), "id must be");
	memset(big, 'x', sizeof(big));
	big[256] = '\0';
	assert_int_equal(snap_save(w, big, &v1, &sample, &e), -EINVAL);
	assert_error(take_ptr(e), "id must be");
	big[255] = '\0';
	save(w, big, &v1, &sample);
	free(finish(w, &len));
	assert_null(snap_writer_free(snap_writer_new()));
	assert_null(snap_writer_free(NULL));
	assert_null(snap_reader_free(NULL));
}

/* --- hostile bytes ------------------------------------------------------------------------ */

static void every_truncation_is_refused(void **state)
{
	size_t len;
	uint8_t *buf = save_one(&v1, &sample, &len);

	(void)state;
	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n + !n); /* of exactly that size, for the sanitizers */

		memcpy(cut, buf, n);
		assert_refused(cut, n, &v1, "snapshot");
		if (n >= SNAP_HDR_SIZE) { /* and when the header has been made to agree */
			fix_sums(cut, n);
			assert_refused(cut, n, &v1, "is damaged");
		}
		free(cut);
	}
	free(buf);
}

static void trailing_bytes_are_refused(void **state)
{
	size_t len;
	uint8_t *buf = save_one(&v1, &sample, &len);

	(void)state;
	buf = realloc(buf, len + 1);
	buf[len] = 0;
	assert_refused(buf, len + 1, &v1, "bytes where there should be");
	fix_sums(buf, len + 1);
	assert_refused(buf, len + 1, &v1, "bytes after its last section");
	free(buf);
}

static void every_bit_flip_is_refused(void **state)
{
	size_t len;
	uint8_t *buf = save_one(&v1, &sample, &len);

	(void)state;
	for (size_t i = 0; i < len * 8; i++) {
		buf[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_refused(buf, len, &v1, "snapshot");
		buf[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	free(buf);
}

/* With the checksums made right again, a flip in a payload is just another value; one anywhere else
 * is refused. Either way nothing is read or written out of bounds (the sanitizers watch). */
static void bit_flips_behind_the_checksums(void **state)
{
	size_t len, payload = 1 + 6 + 4 + 8 + 1 + 5 + 4, accepted = 0;
	uint8_t *buf = save_one(&v1, &sample, &len);

	(void)state;
	for (size_t i = 0; i < len * 8; i++) {
		uint8_t *copy = malloc(len);
		struct chip c = { 0 };
		struct error *e;

		memcpy(copy, buf, len);
		copy[i / 8] ^= (uint8_t)(1u << i % 8);
		fix_sums(copy, len);
		e = try_load(copy, len, &v1, &c);
		accepted += !e;
		error_free(e);
		free(copy);
	}
	/* The sums' and the length's own bits were repaired: 4 + 4 + 8 bytes. Of armed, one bit. */
	assert_int_equal(accepted, (payload - 1 + 4 + 4 + 8) * 8 + 1);
	free(buf);
}

static void wrong_kind_of_file(void **state)
{
	size_t len;
	uint8_t *buf = save_one(&v1, &sample, &len);

	(void)state;
	assert_refused((const uint8_t *)"\x7f"
					"ELF, or anything else of this length",
		       40, &v1, "is not a trapeze snapshot");
	buf[SNAP_HDR_FORMAT] = 2;
	fix_sums(buf, len);
	assert_refused(buf, len, &v1, "format 2, this trapeze reads format 1");
	buf[SNAP_HDR_FORMAT] = 1;
	buf[SNAP_HDR_ARCH] = 183;
	fix_sums(buf, len);
	assert_refused(buf, len, &v1, "architecture 183, not x86-64");
	free(buf);
}

static void lengths_that_lie(void **state)
{
	static const uint32_t lies[] = { 0, 1, 12, 13, 17, 0x7fffffff, 0x80000000, 0xffffffff };
	size_t len;
	uint8_t *buf = save_one(&v1, &sample, &len), *sec = buf + SNAP_HDR_SIZE, *count;
	uint32_t was = get_le32(sec + SNAP_SEC_LEN);

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(lies); i++) {
		put_le32(sec + SNAP_SEC_LEN, lies[i]);
		fix_sums(buf, len);
		assert_refused(buf, len, &v1, "is damaged: section 0");
	}
	put_le32(sec + SNAP_SEC_LEN, was);

	count = find(buf, len, "deadline") - 4; /* of 8-byte elements: 2^32 * 8 and near */
	for (unsigned i = 0; i < ARRAY_LEN(lies); i++) {
		if (lies[i] == 1)
			continue;
		put_le32(count, lies[i]);
		fix_sums(buf, len);
		assert_refused(buf, len, &v1, "snapshot");
	}
	put_le32(count, 1);

	put_le32(buf + SNAP_HDR_SECTIONS, 0xffffffff);
	fix_sums(buf, len);
	assert_refused(buf, len, &v1, "4294967295 sections");
	put_le32(buf + SNAP_HDR_SECTIONS, 2);
	fix_sums(buf, len);
	assert_refused(buf, len, &v1, "section 1 is cut off");
	put_le32(buf + SNAP_HDR_SECTIONS, 0);
	fix_sums(buf, len);
	assert_refused(buf, len, &v1, "bytes after its last section");
	free(buf);
}

static void same_device_twice(void **state)
{
	struct snap_writer *w = snap_writer_new();
	size_t len;
	uint8_t *buf;

	(void)state;
	save(w, "chip0", &v1, &sample);
	save(w, "other", &v1, &sample);
	save(w, "chip1", &v1, &sample);
	buf = finish(w, &len);
	find(buf, len, "chip1")[4] = '0';
	fix_sums(buf, len);
	assert_refused(buf, len, &v1, "device 'chip0' twice");
	free(buf);
}

static void unprintable_names(void **state)
{
	size_t len;
	uint8_t *buf = save_one(&v1, &sample, &len);

	(void)state;
	*find(buf, len, "mask") = 0x1b;
	fix_sums(buf, len);
	assert_refused(buf, len, &v1, "a field with an unprintable name");
	*find(buf, len, "chip0") = '\n';
	fix_sums(buf, len);
	assert_refused(buf, len, &v1, "an unprintable device id");
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip_of_every_type),
		cmocka_unit_test(bytes_of_format_1),
		cmocka_unit_test(many_devices_in_any_order),
		cmocka_unit_test(no_devices_at_all),
		cmocka_unit_test(old_file_into_new_chip),
		cmocka_unit_test(gone_field_is_not_saved),
		cmocka_unit_test(gone_field_in_a_new_file_is_refused),
		cmocka_unit_test(version_out_of_range),
		cmocka_unit_test(unknown_and_missing_fields_are_named),
		cmocka_unit_test(type_and_count_must_match),
		cmocka_unit_test(same_field_twice),
		cmocka_unit_test(a_bool_is_0_or_1),
		cmocka_unit_test(post_load_has_the_last_word),
		cmocka_unit_test(ids_are_unique_and_printable),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(trailing_bytes_are_refused),
		cmocka_unit_test(every_bit_flip_is_refused),
		cmocka_unit_test(bit_flips_behind_the_checksums),
		cmocka_unit_test(wrong_kind_of_file),
		cmocka_unit_test(lengths_that_lie),
		cmocka_unit_test(same_device_twice),
		cmocka_unit_test(unprintable_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
