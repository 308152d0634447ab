/* SPDX-License-Identifier: MIT */
/*
 * test_qcow2_header.c: headers as qcow2.txt ("Header", "Header extensions") describes them, and
 * everything that can be wrong with one: the message names the field.
 */
#include <errno.h>
#include <string.h>

#include "block/qcow2_header.h"
#include "tests/lib/fake.h"

#define CLUSTER  65536u
#define FILE_LEN (10 * CLUSTER)

/* A sound header of a 64 MiB disk. */
static void make(uint8_t *buf, unsigned version)
{
	struct q2_header h = {
		.version = version,
		.cluster_bits = 16,
		.refcount_order = 4,
		.size = 64 * MIB,
		.l1_off = 3 * CLUSTER,
		.l1_cnt = 1,
		.rt_off = CLUSTER,
		.rt_clusters = 1,
		.backing = (char[]){ "base.raw" },
		.backing_format = (char[]){ "raw" },
	};
	struct error *err = NULL;

	memset(buf, 0, CLUSTER);
	assert_int_equal(q2_header_write(&h, buf, &err), 0);
	assert_no_error(err);
}

static void put(uint8_t *buf, unsigned off, unsigned size, uint64_t val)
{
	for (unsigned i = 0; i < size; i++)
		buf[off + i] = (uint8_t)(val >> 8 * (size - 1 - i));
}

static void refused(const uint8_t *buf, size_t len, const char *want)
{
	struct q2_header h = { 0 };
	struct error *err = NULL;

	if (q2_header_parse(buf, len, FILE_LEN, &h, &err) == 0)
		fail_msg("accepted, although %s", want);
	if (!strstr(error_msg(err), want))
		fail_msg("'%s' does not say '%s'", error_msg(err), want);
	assert_null(h.backing);
	error_free(err);
}

static void test_what_is_written_is_read(void **state)
{
	static uint8_t buf[CLUSTER];

	(void)state;
	for (unsigned version = 2; version <= 3; version++) {
		struct q2_header h = { 0 };
		struct error *err = NULL;

		make(buf, version);
		assert_int_equal(q2_header_parse(buf, CLUSTER, FILE_LEN, &h, &err), 0);
		assert_int_equal(h.version, version);
		assert_int_equal(h.cluster_bits, 16);
		assert_int_equal(h.refcount_order, 4);
		assert_int_equal(h.size, 64 * MIB);
		assert_int_equal(h.l1_off, 3 * CLUSTER);
		assert_int_equal(h.l1_cnt, 1);
		assert_int_equal(h.rt_off, CLUSTER);
		assert_int_equal(h.rt_clusters, 1);
		assert_string_equal(h.backing, "base.raw");
		assert_string_equal(h.backing_format, "raw");
		q2_header_free(&h);
	}
}

/* One field at a time. */
static const struct {
	unsigned off, size;
	uint64_t val;
	const char *message;
} damages[] = {
	{ 0, 4, 0x514649fa, "is no qcow2 image" },
	{ 4, 4, 0, "version is 0, not 2 or 3" },
	{ 4, 4, 1, "version is 1, not 2 or 3" },
	{ 4, 4, 4, "version is 4, not 2 or 3" },
	{ 8, 8, 104, "backing_file_offset 0x68" },
	{ 8, 8, CLUSTER - 4, "backing_file_offset 0xfffc and backing_file_size 8 reach outside" },
	{ 8, 8, UINT64_MAX - 3, "reach outside of the first cluster" },
	{ 16, 4, 1024, "backing_file_size is 1024; 1023 is the most" },
	{ 16, 4, UINT32_MAX, "backing_file_size is 4294967295" },
	{ 20, 4, 0, "cluster_bits is 0; 9 to 21 are possible" },
	{ 20, 4, 8, "cluster_bits is 8;" },
	{ 20, 4, 22, "cluster_bits is 22;" },
	{ 20, 4, 63, "cluster_bits is 63;" },
	{ 20, 4, UINT32_MAX, "cluster_bits is 4294967295" },
	{ 24, 8, UINT64_MAX, "size is 18446744073709551615 bytes" },
	{ 24, 8, GIB, "l1_size is 1, too small for a disk of 1073741824 bytes, which needs 2" },
	{ 24, 8, INT64_MAX, "l1_size is 1, too small" },
	{ 32, 4, 1, "encrypted (crypt_method 1, AES)" },
	{ 32, 4, 2, "encrypted (crypt_method 2, LUKS)" },
	{ 36, 4, 0, "l1_size is 0, too small" },
	{ 36, 4, UINT32_MAX, "the L1 table would have 34359738360 bytes" },
	{ 36, 4, 4194304, "l1_table_offset 0x30000 puts 33554432 bytes of the L1 table past" },
	{ 40, 8, 0, "l1_table_offset 0x0 is not at a cluster's start" },
	{ 40, 8, 3 * CLUSTER + 512, "l1_table_offset 0x30200 is not at a cluster's start" },
	{ 40, 8, 11 * CLUSTER, "past the end of the file" },
	{ 40, 8, UINT64_MAX - 65535, "past the end of the file" },
	{ 48, 8, 0, "refcount_table_offset 0x0 is not at a cluster's start" },
	{ 48, 8, CLUSTER + 1, "refcount_table_offset 0x10001 is not" },
	{ 48, 8, 10 * CLUSTER, "refcount_table_offset 0xa0000 puts 65536 bytes" },
	{ 48, 8, UINT64_C(1) << 63, "past the end of the file" },
	{ 56, 4, 0, "refcount_table_clusters is 0" },
	{ 56, 4, 100, "of the refcount table past the end" },
	{ 56, 4, UINT32_MAX, "the refcount table would have" },
	{ 60, 4, 65537, "nb_snapshots is 65537; 65536 are possible" },
	{ 60, 4, UINT32_MAX, "nb_snapshots is 4294967295" },
	{ 60, 4, 1, "snapshots_offset 0x0 is not at a cluster's start" },
	{ 72, 8, 4, "'external data file' (incompatible bit 2)" },
	{ 72, 8, 16, "'extended L2 entries' (incompatible bit 4)" },
	{ 72, 8, 32, "incompatible bit 5" },
	{ 72, 8, UINT64_C(1) << 63 | 64, "incompatible bit 6, incompatible bit 63" },
	{ 72, 8, 8, "compression_type is 0, but incompatible bit 3" },
	{ 96, 4, 7, "refcount_order is 7; 0 to 6 are possible" },
	{ 96, 4, UINT32_MAX, "refcount_order is 4294967295" },
	{ 100, 4, 0, "header_length is 0;" },
	{ 100, 4, 103, "header_length is 103;" },
	{ 100, 4, CLUSTER + 8, "header_length is 65544;" },
	{ 100, 4, UINT32_MAX, "header_length is 4294967295" },
	{ 104, 1, 1, "compression_type is 1, but incompatible bit 3, which goes with it, is not" },
	{ 104, 1, 2, "compression_type is 2, not 0 (zlib) or 1 (zstd)" },
	{ 112, 4, Q2_EXT_DATA_FILE, "external data file without incompatible bit 2" },
	{ 116, 4, UINT32_MAX, "the extension 0xe2792aca has 4294967295 bytes" },
	{ 116, 4, CLUSTER, "the extension 0xe2792aca has 65536 bytes" },
	{ 120, 1, 0, "there is a NUL in the backing format" },
};

/* Rows 34 and 35: tables that are nowhere, numbers that are none, features that are not known. */
static void test_row34_row35_damaged_fields(void **state)
{
	static uint8_t buf[CLUSTER];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		make(buf, 3);
		put(buf, damages[i].off, damages[i].size, damages[i].val);
		refused(buf, CLUSTER, damages[i].message);
	}
}

static void test_cut_at_every_length(void **state)
{
	static uint8_t buf[CLUSTER];

	(void)state;
	make(buf, 3);
	for (size_t len = 0; len < 4; len++)
		refused(buf, len, "is no qcow2 image");
	for (size_t len = 4; len < 104; len++)
		refused(buf, len, "the file ends after");
	for (size_t len = 104; len < 112; len++)
		refused(buf, len, "header_length is 112");
}

/* "Feature name table": the image's own word for a bit that we do not know. */
static void test_unknown_feature_by_its_name(void **state)
{
	static uint8_t buf[CLUSTER];
	struct q2_disk_feature f = { .type = 0, .bit = 17, .name = "time travel" };

	(void)state;
	make(buf, 3);
	put(buf, 72, 8, UINT64_C(1) << 17);
	memset(buf + 112, 0, 1024);
	put(buf, 112, 4, Q2_EXT_FEATURE_NAMES);
	put(buf, 116, 4, sizeof(f));
	memcpy(buf + 120, &f, sizeof(f));
	refused(buf, CLUSTER, "'time travel' (incompatible bit 17)");
	/* A name that fills its place has no NUL. */
	memset(buf + 122, 'x', 46);
	refused(buf, CLUSTER, "xxxx' (incompatible bit 17)");
}

/* "Any incompatible bit ... dirty, corrupt": are known, and no reason not to look. */
static void test_known_bits(void **state)
{
	static uint8_t buf[CLUSTER];
	struct q2_header h = { 0 };

	(void)state;
	make(buf, 3);
	put(buf, 72, 8, 3);
	put(buf, 80, 8, UINT64_MAX);
	put(buf, 88, 8, UINT64_MAX);
	assert_int_equal(q2_header_parse(buf, CLUSTER, FILE_LEN, &h, NULL), 0);
	assert_int_equal(h.incompat, Q2_INCOMPAT_DIRTY | Q2_INCOMPAT_CORRUPT);
	q2_header_free(&h);
}

/* "header_length 104: compression_type is not there, and means zlib." */
static void test_short_version_3_header(void **state)
{
	static uint8_t buf[CLUSTER];
	struct q2_header h = { 0 };

	(void)state;
	make(buf, 3);
	put(buf, 8, 8, 0);
	put(buf, 100, 4, 104);
	memset(buf + 104, 0, 100);
	assert_int_equal(q2_header_parse(buf, CLUSTER, FILE_LEN, &h, NULL), 0);
	assert_int_equal(h.compression, Q2_ZLIB);
	q2_header_free(&h);
}

static void test_names_that_do_not_fit(void **state)
{
	static uint8_t buf[CLUSTER];
	struct q2_header h = { .version = 3, .cluster_bits = 9, .backing = malloc(1100) };
	struct error *err = NULL;

	(void)state;
	memset(h.backing, 'x', 1099);
	h.backing[1099] = '\0';
	assert_int_equal(q2_header_write(&h, buf, &err), -ENAMETOOLONG);
	err = error_free(err);
	h.cluster_bits = 16;
	assert_int_equal(q2_header_write(&h, buf, &err), -ENAMETOOLONG);
	error_free(err);
	free(h.backing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_row34_row35_damaged_fields),
		cmocka_unit_test(test_cut_at_every_length),
		cmocka_unit_test(test_unknown_feature_by_its_name),
		cmocka_unit_test(test_known_bits),
		cmocka_unit_test(test_short_version_3_header),
		cmocka_unit_test(test_names_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
