/* SPDX-License-Identifier: MIT */
/* test_unpack.c: every format there and back; corrupt, truncated and endless input. */
#include "boot/unpack.h"

#include <lz4.h>
#include <string.h>

#include "tests/lib/bootkit.h"
#include "vmm/endian.h"

static const struct {
	enum unpack_format format;
	size_t (*pack)(uint8_t *dst, size_t cap, const void *src, size_t len);
	const char *name;
} formats[] = {
	{ UNPACK_GZIP, kit_gzip, "gzip" },
	{ UNPACK_LZ4, kit_lz4, "LZ4" },
	{ UNPACK_ZSTD, kit_zstd, "zstd" },
	{ UNPACK_XZ, kit_xz, "xz" },
};

#define PLAIN (3 * 256 * 1024 + 77)
static uint8_t plain[PLAIN], packed[2 * PLAIN];

struct collect {
	struct unpack_sink sink;
	size_t len, first;
	int fail; /* this piece fails */
};

static int collect(struct unpack_sink *s, const uint8_t *p, size_t len, struct error **errp)
{
	struct collect *c = container_of(s, struct collect, sink);

	if (c->fail && !--c->fail)
		return err_set(errp, 5, "the sink is full");
	assert_true(len <= PLAIN - c->len);
	assert_memory_equal(p, plain + c->len, len);
	if (!c->first)
		c->first = len;
	c->len += len;
	return 0;
}

static void make_plain(void)
{
	uint32_t r = 1;

	for (size_t i = 0; i < PLAIN; i++) {
		r = r * 1664525 + 1013904223;
		plain[i] = (uint8_t)(i % 3 ? r >> 28 : i >> 9);
	}
}

/* Packed input at an odd offset, as in a bzImage. */
static int run(struct kit *k, size_t len, enum unpack_format f, uint64_t max, struct collect *c,
	       struct error **e)
{
	static uint8_t file[sizeof(packed) + 17];
	struct image img;
	int r;

	memcpy(file + 13, packed, len);
	memset(file + 13 + len, 0xaa, 4);
	assert_int_equal(image_open(kit_file(k, "p", file, len + 17), GIB, &img, e), 0);
	c->sink.put = collect;
	r = unpack(&img, 13, len, f, max, &c->sink, e);
	image_close(&img);
	return r;
}

static void there_and_back(void **state)
{
	static const size_t sizes[] = { 1, 1000, 64 * 1024, 256 * 1024, 256 * 1024 + 1, PLAIN };
	struct kit *k = *state;

	make_plain();
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
			size_t n = formats[i].pack(packed, sizeof(packed), plain, sizes[s]);
			struct collect c = { 0 };
			struct error *e = NULL;
			const char *name;

			assert_int_equal(unpack_detect(packed, 8, &name), formats[i].format);
			assert_string_equal(name, formats[i].name);
			assert_int_equal(run(k, n, formats[i].format, sizes[s], &c, &e), 0);
			assert_no_error(e);
			assert_int_equal(c.len, sizes[s]);
			assert_true(c.first >= min_u64(sizes[s], UNPACK_FIRST_PIECE));
		}
	}
}

/* Bounded output: one byte more than allowed is refused, whatever the ratio. */
static void bombs(void **state)
{
	static uint8_t zeros[PLAIN];
	struct kit *k = *state;

	memset(plain, 0, PLAIN);
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		size_t n = formats[i].pack(packed, sizeof(packed), zeros, PLAIN);
		struct collect c = { 0 };
		struct error *e = NULL;

		assert_true(run(k, n, formats[i].format, PLAIN - 1, &c, &e) < 0);
		assert_error(e, "more than the 786508 bytes that init_size allows");
		assert_true(c.len < PLAIN);
	}
}

static void truncated(void **state)
{
	struct kit *k = *state;

	make_plain();
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		size_t n = formats[i].pack(packed, sizeof(packed), plain, 70000);

		for (size_t cut = 1; cut < n - 30; cut += 997) {
			struct collect c = { 0 };
			struct error *e = NULL;

			/* LZ4's legacy frame has no end mark: cut between blocks it is shorter. */
			if (run(k, cut, formats[i].format, GIB, &c, &e) == 0)
				fail_msg("%s cut to %zu bytes unpacks", formats[i].name, cut);
			assert_error(e, "payload is corrupt");
		}
	}
}

/* A damaged byte never crashes, never yields more than allowed. It may go unseen in LZ4, which has
 * no check sum. */
static void damaged(void **state)
{
	struct kit *k = *state;

	make_plain();
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		size_t n = formats[i].pack(packed, sizeof(packed), plain, 3000);

		if (formats[i].format == UNPACK_LZ4)
			continue; /* its output would not be the plain text */
		for (size_t at = 0; at < n - 4; at += 7) {
			struct collect c = { .fail = 0 };
			struct error *e = NULL;

			packed[at] ^= 0x10;
			c.fail = 1; /* do not compare the output */
			assert_true(run(k, n, formats[i].format, 4000, &c, &e) < 0);
			error_free(e);
			packed[at] ^= 0x10;
		}
	}
}

static void lz4_blocks(void **state)
{
	struct kit *k = *state;
	struct collect c = { 0 };
	struct error *e = NULL;
	size_t n = 0;

	/* Several blocks, then a second frame behind the first. */
	make_plain();
	for (size_t at = 0; at < 4; at++) {
		int m;

		if (at % 2 == 0) {
			put_le32(packed + n, 0x184c2102);
			n += 4;
		}
		m = LZ4_compress_default((char *)plain + at * 1000, (char *)packed + n + 4, 1000,
					 5000);
		assert_true(m > 0);
		put_le32(packed + n, (uint32_t)m);
		n += 4 + (size_t)m;
	}
	assert_int_equal(run(k, n, UNPACK_LZ4, GIB, &c, &e), 0);
	assert_no_error(e);
	assert_int_equal(c.len, 4000);

	c = (struct collect){ 0 };
	put_le32(packed + 4, 0);
	assert_true(run(k, n, UNPACK_LZ4, GIB, &c, &e) < 0);
	assert_error(e, "a block's size is impossible");
	e = NULL;
	put_le32(packed + 4, UINT32_MAX);
	assert_true(run(k, n, UNPACK_LZ4, GIB, &c, &e) < 0);
	assert_error(e, "a block's size is impossible");
}

static void sink_can_stop_it(void **state)
{
	struct kit *k = *state;

	make_plain();
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		size_t n = formats[i].pack(packed, sizeof(packed), plain, PLAIN);
		struct collect c = { .fail = formats[i].format == UNPACK_LZ4 ? 1 : 2 };
		struct error *e = NULL;

		assert_true(run(k, n, formats[i].format, GIB, &c, &e) < 0);
		assert_error(e, "the sink is full");
	}
}

static void names_what_it_cannot_do(void **state)
{
	static const struct {
		const char *magic, *name;
	} rows[] = {
		{ "BZh91AY&", "bzip2" },
		{ "\x5d\0\0\0\4\0\0\0", "LZMA" },
		{ "\x89LZO\0\r\n\x1a", "LZO" },
		{ "\x7f"
		  "ELF\2\1\1",
		  "uncompressed" },
		{ "whatever", NULL },
	};
	struct kit *k = *state;
	struct collect c = { 0 };
	struct error *e = NULL;
	const char *name;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(unpack_detect((const uint8_t *)rows[i].magic, 8, &name),
				 UNPACK_NONE);
		if (rows[i].name)
			assert_string_equal(name, rows[i].name);
		else
			assert_null(name);
	}
	assert_true(run(k, 100, UNPACK_NONE, GIB, &c, &e) < 0);
	assert_error(e, "not supported");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_and_back, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(bombs, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(truncated, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(damaged, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(lz4_blocks, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(sink_can_stop_it, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(names_what_it_cannot_do, kit_setup, kit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
