/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_blk_hostile.c: the virtio block device and requests that are wrong. Row numbers are
 * those of docs/threat-model.md.
 */
#include <errno.h>
#include <string.h>

#include "tests/lib/blk_guest.h"
#include "tests/lib/fake.h"
#include "tests/lib/fake_blk_link.h"

#define IN           VIRTIO_BLK_T_IN
#define OUT          VIRTIO_BLK_T_OUT
#define FLUSH        VIRTIO_BLK_T_FLUSH
#define GET_ID       VIRTIO_BLK_T_GET_ID
#define DISCARD      VIRTIO_BLK_T_DISCARD
#define WRITE_ZEROES VIRTIO_BLK_T_WRITE_ZEROES
#define OK           VIRTIO_BLK_S_OK
#define IOERR        VIRTIO_BLK_S_IOERR
#define UNSUPP       VIRTIO_BLK_S_UNSUPP

/* Sector and length that overflow or lie beyond the end, lengths that are no multiple of 512:
 * IOERR, and nothing reaches the disk. */
static void test_row26_out_of_range_or_misaligned(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} bad[] = {
		{ BG_SECTORS, 512 },
		{ BG_SECTORS - 1, 1024 },
		{ BG_SECTORS + 1, 512 },
		{ BG_SECTORS + 1, 0 },
		{ UINT64_MAX, 512 },
		{ UINT64_MAX, 0 },
		{ UINT64_MAX / 512, 512 },
		{ UINT64_MAX / 512 + 1, 512 }, /* times 512 is 0 */
		{ UINT64_C(1) << 55, 512 },
		{ INT64_MAX / 512, 512 },
		{ INT64_MAX, 512 },
		{ 0, 1 },
		{ 0, 511 },
		{ 0, 513 },
		{ BG_SECTORS - 1, 100 },
		{ BG_SECTORS, 1 },
		{ 0, MIB + 512 },
	};
	static uint8_t before[MIB];
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	bg_fill(g.disk->data, MIB, 3);
	memcpy(before, g.disk->data, MIB);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(bg_run(&g, IN, bad[i].sector, NULL, bad[i].len), IOERR);
		assert_int_equal(bg_run(&g, OUT, bad[i].sector, NULL, bad[i].len), IOERR);
	}
	assert_int_equal(g.disk->submits, 0);
	assert_memory_equal(g.disk->data, before, MIB);
	bg_assert_healthy(&g);
	bg_end(&g);
}

static void test_row26_ranges_out_of_range(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ .size = 2 * MIB }, BG_ALL);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t type = i ? DISCARD : WRITE_ZEROES;
		uint64_t max = i ? BG_CONFIG(&g, max_discard_sectors)
				 : BG_CONFIG(&g, max_write_zeroes_sectors);

		assert_int_equal(bg_run_range(&g, type, 2 * BG_SECTORS, 1, 0), IOERR);
		assert_int_equal(bg_run_range(&g, type, 2 * BG_SECTORS - 1, 2, 0), IOERR);
		assert_int_equal(bg_run_range(&g, type, UINT64_MAX, 2, 0), IOERR);
		assert_int_equal(bg_run_range(&g, type, UINT64_C(1) << 55, 1, 0), IOERR);
		assert_int_equal(bg_run_range(&g, type, 0, UINT32_MAX, 0), IOERR);
		assert_int_equal(bg_run_range(&g, type, 0, (uint32_t)max + 1, 0), IOERR);
	}
	assert_int_equal(g.disk->submits, 0);
	bg_assert_healthy(&g);
	bg_end(&g);
}

/* 5.2.6.1: num_sectors at most max_discard_sectors, max_write_zeroes_sectors, even where the disk
 * has more. */
static void ranges_at_the_limit(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ .size = 2 * GIB }, BG_ALL);
	g.disk->error = EIO; /* nothing is carried out */
	for (unsigned i = 0; i < 2; i++) {
		uint32_t type = i ? DISCARD : WRITE_ZEROES;
		uint32_t max = (uint32_t)(i ? BG_CONFIG(&g, max_discard_sectors)
					    : BG_CONFIG(&g, max_write_zeroes_sectors));

		assert_int_equal(bg_run_range(&g, type, 8, max + 1, 0), IOERR);
		assert_int_equal(g.disk->submits, i);
		assert_int_equal(bg_run_range(&g, type, 8, max, 0), IOERR);
		assert_int_equal(g.disk->submits, i + 1);
		assert_int_equal(bg_newest(&g)->len, (uint64_t)max * 512);
	}
	bg_end(&g);
}

/* 5.2.6.2: "MUST set the status byte to VIRTIO_BLK_S_IOERR for a write request if the
 * VIRTIO_BLK_F_RO feature if offered, and MUST NOT write any data": whether the driver has accepted
 * the feature or not. */
static void test_row27_writes_to_a_read_only_disk(void **state)
{
	uint8_t buf[512] = { 1 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct blk_guest g;

		bg_up_with(&g, &(struct bg_config){ .readonly = true },
			   i ? BG_ALL : BG_ALL & ~VIRTIO_BLK_F_RO);
		assert_int_equal(bg_run(&g, OUT, 0, buf, sizeof(buf)), IOERR);
		assert_int_equal(bg_run(&g, OUT, 0, NULL, 0), IOERR);
		assert_true(bg_run_range(&g, DISCARD, 0, 8, 0) != OK);
		assert_true(bg_run_range(&g, WRITE_ZEROES, 0, 8, 0) != OK);
		assert_int_equal(g.disk->submits, 0);
		assert_int_equal(g.disk->data[0], 0);
		bg_assert_healthy(&g);
		bg_end(&g);
	}
}

/* A flush that brings data along, either way round, is a flush. */
static void test_row29_flush_with_data(void **state)
{
	uint8_t buf[512] = { 0 };
	struct blk_guest g;
	struct bg_req r;
	uint32_t len;

	(void)state;
	bg_up(&g);
	assert_int_equal(bg_run(&g, FLUSH, 99, buf, sizeof(buf)), OK);
	assert_int_equal(bg_newest(&g)->op, BLK_FLUSH);
	r = bg_put_header(&g, 0, FLUSH, 0, 512);
	assert_int_equal(bg_run_chain(&g,
				      (struct gd_buf[]){ { r.hdr, 16, false },
							 { r.data, 512, GD_W },
							 { r.status, 1, GD_W } },
				      3, &len),
			 OK);
	/* Of 512 bytes in front of it none was written: used.len must not claim them. */
	assert_int_equal(len, 0);
	assert_int_equal(g.disk->submits, 2);
	bg_assert_healthy(&g);
	bg_end(&g);
}

static void test_row29_flush_on_a_read_only_disk(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ .readonly = true }, BG_ALL);
	assert_int_equal(bg_run(&g, FLUSH, 0, NULL, 0), OK);
	assert_int_equal(g.disk->submits, 0);
	bg_assert_healthy(&g);
	bg_end(&g);
}

/* No writable byte: nobody to tell the status. The chain comes back with length 0, and the rest of
 * the ring works on. */
static void test_row29_no_status_byte(void **state)
{
	static const uint32_t types[] = { IN, OUT, FLUSH, GET_ID, DISCARD, 77 };
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		struct bg_req r = bg_put_header(&g, 0, types[i], 0, 512);

		assert_true(
			gd_add(&g.d[0],
			       (struct gd_buf[]){ { r.hdr, 16, false }, { r.data, 512, false } }, 2,
			       &g) >= 0);
		bg_submit(&g, 0);
		assert_int_equal(bg_used_one(&g, 0), 0);
	}
	assert_int_equal(g.disk->submits, 0);
	assert_int_equal(g.v->dev.guest_errors, ARRAY_LEN(types));
	bg_assert_healthy(&g);
	bg_end(&g);
}

/* The serial number never goes past its buffer, and the status follows right behind it. */
static void test_row29_short_id_buffers(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ .serial = "abcdefghijklmnopqrst" }, BG_ALL);
	for (uint32_t n = 0; n <= 40; n++) {
		struct bg_req r = bg_put_header(&g, 0, GET_ID, 0, 64);
		char all[64], got[64];
		uint32_t len;

		memset(all, '?', sizeof(all));
		assert_true(gm_write(g.gm, r.data, all, sizeof(all)));
		assert_int_equal(bg_run_chain(&g,
					      (struct gd_buf[]){ { r.hdr, 16, false },
								 { r.data, n + 1, GD_W } },
					      2, &len),
				 OK);
		memcpy(all, "abcdefghijklmnopqrst", n < 20 ? n : 20);
		all[n] = OK;
		assert_true(gm_read(g.gm, r.data, got, sizeof(got)));
		assert_memory_equal(got, all, sizeof(got));
		assert_int_equal(len, n < 20 ? n + 1 : n == 20 ? 21 : 20);
	}
	bg_assert_healthy(&g);
	bg_end(&g);
}

/* Chains that are nearly nothing: only a status; half a header; an empty descriptor among others.
 */
static void test_row10_little_or_nothing(void **state)
{
	struct blk_guest g;
	uint32_t len;
	struct bg_req r;

	(void)state;
	bg_up(&g);
	r = bg_put_header(&g, 0, IN, 0, 512);
	assert_int_equal(bg_run_chain(&g, (struct gd_buf[]){ { r.status, 1, GD_W } }, 1, &len),
			 IOERR);
	assert_int_equal(len, 1);
	for (uint32_t n = 1; n < 16; n++) {
		r = bg_put_header(&g, 0, IN, 0, 512);
		assert_int_equal(bg_run_chain(&g,
					      (struct gd_buf[]){ { r.hdr, n, false },
								 { r.data, 512, GD_W },
								 { r.status, 1, GD_W } },
					      3, &len),
				 IOERR);
	}
	/* Reads and writes of nothing. */
	assert_int_equal(bg_run(&g, IN, 0, NULL, 0), OK);
	assert_int_equal(bg_run(&g, OUT, BG_SECTORS, NULL, 0), OK);
	assert_int_equal(g.disk->submits, 0);
	bg_assert_healthy(&g);
	bg_end(&g);
}

/* Lengths that the guest makes up cost no memory: nothing is allocated for them, and what is longer
 * than the disk is refused before anything is done. */
static void test_row18_huge_requests(void **state)
{
	static struct gd_buf b[102];
	struct blk_guest g;
	uint32_t len;

	(void)state;
	bg_up(&g);
	for (unsigned write = 0; write < 2; write++) {
		struct bg_req r = bg_put_header(&g, 0, write ? OUT : IN, 0, 0);

		b[0] = (struct gd_buf){ r.hdr, 16, false };
		for (unsigned i = 1; i <= 100; i++)
			b[i] = (struct gd_buf){ GD_SEAM, 8 * MIB, !write };
		b[101] = (struct gd_buf){ r.status, 1, GD_W };
		assert_int_equal(bg_run_chain(&g, b, 102, &len), IOERR);
	}
	assert_int_equal(g.disk->submits, 0);
	bg_assert_healthy(&g);
	bg_end(&g);
}

/* 5.2.6.2? No: what is not known is not supported. */
static void unknown_types(void **state)
{
	static const uint32_t types[] = { 2,  3,  5,  6,   7,          9,         10,        12,
					  14, 15, 16, 100, UINT32_MAX, INT32_MAX, 0x80000000 };
	struct blk_guest g;
	uint8_t buf[64] = { 0 };

	(void)state;
	bg_up(&g);
	for (unsigned i = 0; i < ARRAY_LEN(types); i++)
		assert_int_equal(bg_run(&g, types[i], 0, buf, sizeof(buf)), UNSUPP);
	assert_int_equal(g.disk->submits, 0);
	bg_assert_healthy(&g);
	bg_end(&g);
}

/* 5.2.6.1: "The length of data MUST be a multiple of the size of struct
 * virtio_blk_discard_write_zeroes" and at most max_discard_seg of them, which is one. */
static void odd_ranges(void **state)
{
	static const uint32_t lens[] = { 0, 1, 8, 15, 17, 31, 32, 48, 512 };
	uint8_t buf[512] = { 0 };
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	buf[8] = buf[24] = 1;
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
		assert_int_equal(bg_run(&g, DISCARD, 0, buf, lens[i]), IOERR);
		assert_int_equal(bg_run(&g, WRITE_ZEROES, 0, buf, lens[i]), IOERR);
	}
	assert_int_equal(g.disk->submits, 0);
	bg_assert_healthy(&g);
	bg_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_row26_out_of_range_or_misaligned),
		cmocka_unit_test(test_row26_ranges_out_of_range),
		cmocka_unit_test(ranges_at_the_limit),
		cmocka_unit_test(test_row27_writes_to_a_read_only_disk),
		cmocka_unit_test(test_row29_flush_with_data),
		cmocka_unit_test(test_row29_flush_on_a_read_only_disk),
		cmocka_unit_test(test_row29_no_status_byte),
		cmocka_unit_test(test_row29_short_id_buffers),
		cmocka_unit_test(test_row10_little_or_nothing),
		cmocka_unit_test(test_row18_huge_requests),
		cmocka_unit_test(unknown_types),
		cmocka_unit_test(odd_ranges),
	};

	return BG_RUN_TESTS(tests);
}
