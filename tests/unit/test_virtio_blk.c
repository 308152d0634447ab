/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_blk.c: the virtio block device against virtio 1.2, 5.2, over a fake disk: what it
 * says it is, and what requests do. Requests that are wrong are in test_virtio_blk_hostile.c, many
 * at once and what interrupts them in test_virtio_blk_queues.c. All three run over split and packed
 * rings.
 */
#include <string.h>

#include "tests/lib/blk_guest.h"
#include "tests/lib/fake.h"
#include "tests/lib/fake_blk_link.h"
#include "vmm/snap.h"

#define IN           VIRTIO_BLK_T_IN
#define OUT          VIRTIO_BLK_T_OUT
#define FLUSH        VIRTIO_BLK_T_FLUSH
#define GET_ID       VIRTIO_BLK_T_GET_ID
#define DISCARD      VIRTIO_BLK_T_DISCARD
#define WRITE_ZEROES VIRTIO_BLK_T_WRITE_ZEROES
#define OK           VIRTIO_BLK_S_OK
#define IOERR        VIRTIO_BLK_S_IOERR
#define UNSUPP       VIRTIO_BLK_S_UNSUPP

/* --- what it is ------------------------------------------------------------------------------- */

static void features_and_configuration(void **state)
{
	const uint64_t always = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE |
				VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_FLUSH |
				VIRTIO_BLK_F_CONFIG_WCE | VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX |
				VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_RESET | VIRTIO_F_RING_PACKED;
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	assert_int_equal(g.v->ops->device_type, 2);
	assert_int_equal(g.v->offered, always | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES);
	assert_int_equal(BG_CONFIG(&g, capacity), BG_SECTORS);
	assert_int_equal(BG_CONFIG(&g, seg_max), 126);
	assert_int_equal(BG_CONFIG(&g, blk_size), 512);
	assert_int_equal(BG_CONFIG(&g, physical_block_exp), 3); /* 4096 */
	assert_int_equal(BG_CONFIG(&g, alignment_offset), 0);
	assert_int_equal(BG_CONFIG(&g, min_io_size), 8);
	assert_int_equal(BG_CONFIG(&g, writeback), 1);
	assert_int_equal(BG_CONFIG(&g, unused0), 0);
	assert_int_equal(BG_CONFIG(&g, num_queues), 1);
	assert_int_equal(BG_CONFIG(&g, max_discard_seg), 1);
	assert_int_equal(BG_CONFIG(&g, discard_sector_alignment), 8);
	assert_int_equal(BG_CONFIG(&g, max_write_zeroes_seg), 1);
	assert_int_equal(BG_CONFIG(&g, write_zeroes_may_unmap), 1);
	assert_int_equal(bg_read_config(&g, VIRTIO_BLK_CONFIG_LEN, 4), 0);
	bg_end(&g);

	bg_up_with(&g, &(struct bg_config){ .readonly = true, .queues = 3, .ring = 256 }, BG_ALL);
	assert_int_equal(g.v->offered, always | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_MQ);
	assert_int_equal(BG_CONFIG(&g, num_queues), 3);
	/* A chain of so many data descriptors fits, even if a few of them cross between regions. */
	assert_true(BG_CONFIG(&g, seg_max) + 2 + 8 <= VQ_MAX_SEGS);
	bg_end(&g);

	bg_up_with(&g, &(struct bg_config){ .no_discard = true, .block_size = 4096, .ring = 4 },
		   BG_ALL);
	assert_int_equal(g.v->offered, always | VIRTIO_BLK_F_WRITE_ZEROES);
	assert_int_equal(BG_CONFIG(&g, blk_size), 4096);
	assert_int_equal(BG_CONFIG(&g, physical_block_exp), 0);
	assert_int_equal(BG_CONFIG(&g, min_io_size), 1);
	assert_int_equal(BG_CONFIG(&g, write_zeroes_may_unmap), 0);
	assert_int_equal(BG_CONFIG(&g, seg_max), 2);
	assert_int_equal(BG_CONFIG(&g, capacity), BG_SECTORS); /* in 512 bytes all the same */
	bg_end(&g);
}

/* 5.2.6: reading and writing, and what used.len says (2.7.8). */
static void reads_and_writes(void **state)
{
	uint8_t out[3072], in[3072];
	struct blk_guest g;
	struct bg_req r;

	(void)state;
	bg_up(&g);
	bg_fill(out, sizeof(out), 1);
	r = bg_add(&g, 0, OUT, 5, out, sizeof(out));
	bg_submit(&g, 0);
	assert_int_equal(bg_used_one(&g, 0), 1); /* the status */
	assert_int_equal(bg_status(&g, r), OK);
	assert_memory_equal(g.disk->data + 5 * 512, out, sizeof(out));

	r = bg_add(&g, 0, IN, 5, NULL, sizeof(in));
	bg_submit(&g, 0);
	assert_int_equal(bg_used_one(&g, 0), sizeof(in) + 1);
	assert_int_equal(bg_status(&g, r), OK);
	assert_true(gm_read(g.gm, r.data, in, sizeof(in)));
	assert_memory_equal(in, out, sizeof(in));

	/* To the last sector. */
	assert_int_equal(bg_run(&g, OUT, BG_SECTORS - 6, out, sizeof(out)), OK);
	assert_memory_equal(g.disk->data + (BG_SECTORS - 6) * 512, out, sizeof(out));
	assert_int_equal(bg_run(&g, FLUSH, 0, NULL, 0), OK);
	assert_int_equal(bg_newest(&g)->op, BLK_FLUSH);
	bg_end(&g);
}

/* Cuts [at, at + len) into pieces of pseudo-random length. */
static unsigned cut(struct gd_buf *b, gpa_t at, uint32_t len, bool w, uint32_t *seed)
{
	unsigned n = 0;

	while (len) {
		*seed = *seed * 1103515245 + 12345;
		b[n] = (struct gd_buf){ at, 1 + (*seed >> 16) % (len < 700 ? len : 700), w };
		at += b[n].len;
		len -= b[n].len;
		n++;
	}
	return n;
}

/* 2.7.4: "the device MUST NOT make assumptions about the particular arrangement of descriptors." */
static void any_framing(void **state)
{
	uint32_t seed = 1;
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	for (unsigned i = 0; i < 400; i++) {
		uint32_t len = 512 * (1 + i % 7), used;
		bool write = i & 1;
		/* Header and data of a write are next to each other, data and status of a read:
		 * pieces span both. */
		gpa_t base = gd_alloc(&g.d[0], 16 + len + 1, 1);
		struct virtio_blk_req_hdr h = { le32_make(write ? OUT : IN), le32_make(0),
						le64_make(i % 100) };
		uint8_t data[512 * 7], expect[512 * 7], status;
		struct gd_buf b[700];
		unsigned n;

		bg_fill(data, len, i);
		assert_true(gm_write(g.gm, base, &h, sizeof(h)));
		if (write) {
			assert_true(gm_write(g.gm, base + 16, data, len));
			n = cut(b, base, 16 + len, false, &seed);
			n += cut(b + n, base + 16 + len, 1, GD_W, &seed);
		} else {
			memcpy(expect, g.disk->data + i % 100 * 512, len);
			n = cut(b, base, 16, false, &seed);
			n += cut(b + n, base + 16, len + 1, GD_W, &seed);
		}
		assert_true(n <= 100);
		assert_true(gd_add(&g.d[0], b, n, &g) >= 0);
		bg_submit(&g, 0);
		used = bg_used_one(&g, 0);
		assert_true(gm_read(g.gm, base + 16 + len, &status, 1));
		assert_int_equal(status, OK);
		assert_int_equal(used, write ? 1 : len + 1);
		if (write) {
			assert_memory_equal(g.disk->data + i % 100 * 512, data, len);
			continue;
		}
		assert_true(gm_read(g.gm, base + 16, data, len));
		assert_memory_equal(data, expect, len);
	}
	bg_end(&g);
}

/* Buffers that lie across two regions of RAM, and beyond 4 GiB. */
static void buffers_across_regions(void **state)
{
	const gpa_t places[] = { GD_SEAM - 700, GD_SEAM - 512, GD_HIGH, GD_HIGH_END - 1024 };
	uint8_t out[1024], in[1024];
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		struct bg_req r = bg_put_header(&g, 0, OUT, i, 0);
		uint32_t len;

		bg_fill(out, sizeof(out), i);
		assert_true(gm_write(g.gm, places[i], out, sizeof(out)));
		assert_int_equal(bg_run_chain(&g,
					      (struct gd_buf[]){ { r.hdr, 16, false },
								 { places[i], 1024, false },
								 { r.status, 1, GD_W } },
					      3, &len),
				 OK);
		assert_memory_equal(g.disk->data + i * 512, out, sizeof(out));
		memset(in, 0, sizeof(in));
		assert_true(gm_write(g.gm, places[i], in, sizeof(in)));
		r = bg_put_header(&g, 0, IN, i, 0);
		assert_int_equal(bg_run_chain(&g,
					      (struct gd_buf[]){ { r.hdr, 16, false },
								 { places[i], 1024, GD_W },
								 { r.status, 1, GD_W } },
					      3, &len),
				 OK);
		assert_true(gm_read(g.gm, places[i], in, sizeof(in)));
		assert_memory_equal(in, out, sizeof(in));
	}
	bg_end(&g);
}

/* 5.2.6: "the device ID string ... a NUL-padded ASCII string up to 20 bytes long." */
static void serial_number(void **state)
{
	char id[21] = { 0 };
	struct blk_guest g;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ .serial = "WD-1234" }, BG_ALL);
	memset(id, 'x', 20);
	assert_int_equal(bg_run(&g, GET_ID, 0, id, 20), OK);
	assert_memory_equal(id, "WD-1234\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	assert_int_equal(g.disk->submits, 0);
	bg_end(&g);

	bg_up_with(&g, &(struct bg_config){ .serial = "abcdefghijklmnopqrst" }, BG_ALL);
	assert_int_equal(bg_run(&g, GET_ID, 0, id, 20), OK);
	assert_string_equal(id, "abcdefghijklmnopqrst");
	bg_end(&g);

	bg_up(&g);
	memset(id, 'x', 20);
	assert_int_equal(bg_run(&g, GET_ID, 0, id, 20), OK);
	assert_string_equal(id, "");
	bg_end(&g);
}

/* --- discard and write zeroes ----------------------------------------------------------------- */

static void discards(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	assert_int_equal(bg_run_range(&g, DISCARD, 8, 16, 0), OK);
	assert_int_equal(bg_newest(&g)->op, BLK_DISCARD);
	assert_int_equal(bg_newest(&g)->off, 8 * 512);
	assert_int_equal(bg_newest(&g)->len, 16 * 512);
	assert_int_equal(bg_newest(&g)->flags, 0);
	assert_int_equal(bg_run_range(&g, DISCARD, 0, BG_SECTORS, 0), OK);
	assert_int_equal(bg_run_range(&g, DISCARD, BG_SECTORS, 0, 0), OK); /* nothing at all */
	assert_int_equal(g.disk->submits, 2);
	/* "MUST set the status byte to VIRTIO_BLK_S_UNSUPP for discard commands if the unmap flag
	 * is set", "if any unknown flag is set". */
	assert_int_equal(bg_run_range(&g, DISCARD, 0, 8, VIRTIO_BLK_RANGE_UNMAP), UNSUPP);
	for (unsigned i = 1; i < 32; i++)
		assert_int_equal(bg_run_range(&g, DISCARD, 0, 8, 1u << i), UNSUPP);
	assert_int_equal(g.disk->submits, 2);
	bg_end(&g);
}

static void write_zeroes(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	memset(g.disk->data, 0xff, MIB);
	assert_int_equal(bg_run_range(&g, WRITE_ZEROES, 3, 2, 0), OK);
	assert_int_equal(bg_newest(&g)->op, BLK_ZERO);
	assert_int_equal(bg_newest(&g)->flags, 0);
	for (unsigned i = 2 * 512; i < 6 * 512; i++)
		assert_int_equal(g.disk->data[i], i >= 3 * 512 && i < 5 * 512 ? 0 : 0xff);
	assert_int_equal(bg_run_range(&g, WRITE_ZEROES, 0, 1, VIRTIO_BLK_RANGE_UNMAP), OK);
	assert_int_equal(bg_newest(&g)->flags, BLK_ZERO_UNMAP);
	for (unsigned i = 1; i < 32; i++)
		assert_int_equal(bg_run_range(&g, WRITE_ZEROES, 0, 8, 1u << i), UNSUPP);
	assert_int_equal(g.disk->submits, 2);
	bg_end(&g);
}

static void ranges_that_were_not_negotiated(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up_with(&g, &(struct bg_config){ 0 },
		   BG_ALL & ~(VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES));
	assert_int_equal(bg_run_range(&g, DISCARD, 0, 8, 0), UNSUPP);
	assert_int_equal(bg_run_range(&g, WRITE_ZEROES, 0, 8, 0), UNSUPP);
	assert_int_equal(g.disk->submits, 0);
	bg_end(&g);
}

/* --- the write cache -------------------------------------------------------------------------- */

static unsigned write_flags(struct blk_guest *g)
{
	uint8_t buf[512] = { 0 };

	assert_int_equal(bg_run(g, OUT, 0, buf, sizeof(buf)), OK);
	return bg_newest(g)->flags;
}

#define WCE_AT offsetof(struct virtio_blk_config, writeback)

/* 5.2.6.2: a write is stable when it completes if "the VIRTIO_BLK_F_CONFIG_WCE feature was
 * negotiated and the writeback field in configuration space was 0 all the time". */
static void driver_chooses_the_cache_mode(void **state)
{
	struct blk_guest g;

	(void)state;
	bg_up(&g);
	assert_int_equal(write_flags(&g), 0);
	virtio_write_config(g.v, WCE_AT, 1, 0);
	assert_int_equal(BG_CONFIG(&g, writeback), 0);
	assert_int_equal(write_flags(&g), BLK_SYNC);
	assert_int_equal(bg_run_range(&g, WRITE_ZEROES, 0, 8, VIRTIO_BLK_RANGE_UNMAP), OK);
	assert_int_equal(bg_newest(&g)->flags, BLK_SYNC | BLK_ZERO_UNMAP);
	virtio_write_config(g.v, WCE_AT, 1, 1);
	assert_int_equal(BG_CONFIG(&g, writeback), 1);
	assert_int_equal(write_flags(&g), 0);
	/* Its neighbours are read-only, and a wider access is not one to this field. */
	virtio_write_config(g.v, WCE_AT + 1, 1, 0);
	virtio_write_config(g.v, WCE_AT - 1, 1, 0);
	virtio_write_config(g.v, WCE_AT, 4, 0);
	virtio_write_config(g.v, 0, 8, 0);
	assert_int_equal(BG_CONFIG(&g, writeback), 1);
	assert_int_equal(BG_CONFIG(&g, capacity), BG_SECTORS);
	/* The next driver finds it as the first one did. */
	virtio_write_config(g.v, WCE_AT, 1, 0);
	bg_begin(&g, bg_ring_features);
	assert_int_equal(BG_CONFIG(&g, writeback), 1);
	assert_int_equal(write_flags(&g), 0);
	bg_end(&g);
}

static void cache_modes(void **state)
{
	const uint64_t flush = VIRTIO_BLK_F_FLUSH, wce = VIRTIO_BLK_F_CONFIG_WCE;
	const struct {
		bool write_through;
		uint64_t without;
		unsigned flags;
	} cases[] = {
		{ false, 0, 0 },
		{ true, 0, BLK_SYNC },
		/* "If VIRTIO_BLK_F_CONFIG_WCE was not negotiated but VIRTIO_BLK_F_FLUSH was, the
		 * driver SHOULD assume presence of a writeback cache": it may be less. */
		{ false, wce, 0 },
		{ true, wce, BLK_SYNC },
		/* "neither VIRTIO_BLK_F_CONFIG_WCE nor VIRTIO_BLK_F_FLUSH feature were negotiated"
		 */
		{ false, wce | flush, BLK_SYNC },
		{ true, wce | flush, BLK_SYNC },
		/* "If VIRTIO_BLK_F_CONFIG_WCE is negotiated but VIRTIO_BLK_F_FLUSH is not, the
		 * device MUST initialize writeback to 0." */
		{ false, flush, BLK_SYNC },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct blk_guest g;

		bg_up_with(&g, &(struct bg_config){ .write_through = cases[i].write_through },
			   BG_ALL & ~cases[i].without);
		assert_int_equal(write_flags(&g), cases[i].flags);
		assert_int_equal(BG_CONFIG(&g, writeback), !cases[i].flags);
		/* Who has not negotiated it cannot change it. */
		if (cases[i].without & wce) {
			virtio_write_config(g.v, WCE_AT, 1, cases[i].flags ? 1 : 0);
			assert_int_equal(write_flags(&g), cases[i].flags);
		}
		bg_end(&g);
	}
}

/* --- size ------------------------------------------------------------------------------------- */

static void nothing(void *arg)
{
	(void)arg;
}

static void image_that_grows(void **state)
{
	struct blk_guest g;
	struct error *e = NULL;
	uint32_t generation;

	(void)state;
	bg_up(&g);
	generation = virtio_config_generation(g.v);
	if (loop_start_thread(g.loop, &e) < 0)
		assert_no_error(e);
	virtio_blk_look_again(g.b);
	loop_run_sync(g.loop, nothing, NULL);
	assert_int_equal(g.config_irqs, 0); /* as it was */
	g.disk->next_size = 2 * MIB;
	virtio_blk_look_again(g.b);
	loop_run_sync(g.loop, nothing, NULL);
	assert_int_equal(g.config_irqs, 1);
	assert_int_equal(BG_CONFIG(&g, capacity), 2 * BG_SECTORS);
	assert_true(virtio_config_generation(g.v) != generation);
	loop_stop(g.loop);
	assert_int_equal(bg_run(&g, OUT, 2 * BG_SECTORS - 1, NULL, 512), OK);
	assert_int_equal(bg_run(&g, OUT, 2 * BG_SECTORS, NULL, 512), IOERR);
	bg_end(&g);
}

static void image_that_shrinks(void **state)
{
	struct blk_guest g;
	struct error *e = NULL;

	(void)state;
	bg_up(&g);
	if (loop_start_thread(g.loop, &e) < 0)
		assert_no_error(e);
	g.disk->next_size = MIB / 2;
	virtio_blk_look_again(g.b);
	loop_run_sync(g.loop, nothing, NULL);
	loop_stop(g.loop);
	assert_int_equal(BG_CONFIG(&g, capacity), BG_SECTORS / 2);
	assert_int_equal(bg_run(&g, IN, BG_SECTORS / 2 - 1, NULL, 512), OK);
	assert_int_equal(bg_run(&g, IN, BG_SECTORS / 2, NULL, 512), IOERR);
	bg_end(&g);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void survives_a_snapshot(void **state)
{
	struct blk_guest g, fresh;

	(void)state;
	bg_up(&g);
	virtio_write_config(g.v, WCE_AT, 1, 0);
	bg_add(&g, 0, OUT, 3, NULL, 512);
	bg_submit(&g, 0);
	bg_used_one(&g, 0);
	g.v->dev.ops->stop(&g.v->dev);
	bg_create(&fresh, &(struct bg_config){ 0 });
	fresh.v->dev.ops->stop(&fresh.v->dev);
	/* Its rings are mapped from its own memory, where nothing is written yet. */
	assert_snapshot_round_trip(&g.v->dev, &fresh.v->dev);
	assert_int_equal(BG_CONFIG(&fresh, writeback), 0);
	assert_int_equal(BG_CONFIG(&g, writeback), 0);
	bg_end(&g);
	bg_end(&fresh);
}

/* A snapshot is hostile input: of a device with more queues, or with features this one lacks. */
static void snapshots_of_other_devices(void **state)
{
	static const struct bg_config other[] = { { .queues = 2 }, { .readonly = true } };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(other); i++) {
		struct snap_writer *w = snap_writer_new();
		struct snap_reader *r = NULL;
		struct blk_guest g, fresh;
		struct error *e = NULL;
		uint8_t *buf = NULL;
		size_t len = 0;

		bg_up_with(&g, &other[i], BG_ALL);
		bg_create(&fresh, &(struct bg_config){ 0 });
		assert_int_equal(snap_save(w, "disk0", g.v->dev.ops->state, g.v, &e), 0);
		assert_int_equal(snap_writer_finish(w, &buf, &len, &e), 0);
		assert_int_equal(snap_reader_new(buf, len, &r, &e), 0);
		assert_true(snap_load(r, "disk0", fresh.v->dev.ops->state, fresh.v, &e) < 0);
		assert_error(e, "disk0");
		snap_reader_free(r);
		free(buf);
		/* "is not to be used before its next reset" */
		device_reset(&fresh.v->dev);
		bg_begin(&fresh, bg_ring_features);
		bg_assert_healthy(&fresh);
		bg_end(&g);
		bg_end(&fresh);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_and_configuration),
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(any_framing),
		cmocka_unit_test(buffers_across_regions),
		cmocka_unit_test(serial_number),
		cmocka_unit_test(discards),
		cmocka_unit_test(write_zeroes),
		cmocka_unit_test(ranges_that_were_not_negotiated),
		cmocka_unit_test(driver_chooses_the_cache_mode),
		cmocka_unit_test(cache_modes),
		cmocka_unit_test(image_that_grows),
		cmocka_unit_test(image_that_shrinks),
		cmocka_unit_test(survives_a_snapshot),
		cmocka_unit_test(snapshots_of_other_devices),
	};

	return BG_RUN_TESTS(tests);
}
