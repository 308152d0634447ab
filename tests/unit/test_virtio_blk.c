/* SPDX-License-Identifier: MIT */
/*
 * test_virtio_blk.c: the virtio block device against virtio 1.2, 5.2, over a fake disk. The whole
 * of it runs over split and over packed rings. Row numbers are those of docs/threat-model.md.
 */
#include <errno.h>
#include <sched.h>
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
#define NONE         0xeeu /* nobody has written a status */

#define SECTORS (MIB / 512)

/* The guest of callbacks. */
static struct blk_guest *endless;

/* Everything but what the second run of all tests adds. */
static uint64_t ring_features = BG_ALL & ~VIRTIO_F_RING_PACKED;

static void begin_with(struct blk_guest *g, const struct bg_config *c, uint64_t features)
{
	bg_create(g, c);
	bg_begin(g, features & ring_features);
}

static void begin(struct blk_guest *g)
{
	begin_with(g, &(struct bg_config){ 0 }, BG_ALL);
}

/* --- requests --------------------------------------------------------------------------------- */

/* One on its way: where its parts are in guest memory. */
struct req {
	gpa_t hdr, data, status;
};

static struct req put_header(struct blk_guest *g, unsigned q, uint32_t type, uint64_t sector,
			     uint64_t room)
{
	struct virtio_blk_req_hdr h = { le32_make(type), le32_make(0), le64_make(sector) };
	struct req r = { gd_alloc(&g->d[q], 16, 16), gd_alloc(&g->d[q], room ? room : 1, 512),
			 gd_alloc(&g->d[q], 1, 1) };
	uint8_t none = NONE;

	assert_true(gm_write(g->gm, r.hdr, &h, sizeof(h)));
	assert_true(gm_write(g->gm, r.status, &none, 1));
	return r;
}

static uint8_t status_of(struct blk_guest *g, struct req r)
{
	uint8_t s;

	assert_true(gm_read(g->gm, r.status, &s, 1));
	return s;
}

/* Header, @len bytes of data, status: the framing that drivers use. */
static struct req add(struct blk_guest *g, unsigned q, uint32_t type, uint64_t sector,
		      const void *data, uint32_t len)
{
	struct req r = put_header(g, q, type, sector, len);
	bool w = type == IN || type == GET_ID;

	if (data)
		assert_true(gm_write(g->gm, r.data, data, len));
	assert_true(gd_add(&g->d[q],
			   (struct gd_buf[]){ { r.hdr, 16, false },
					      { r.data, len, w },
					      { r.status, 1, GD_W } },
			   3, (void *)(uintptr_t)r.status) >= 0);
	return r;
}

static void kick(struct blk_guest *g, unsigned q)
{
	gd_kick(&g->d[q]);
	bg_kick(g, q);
}

/* The one chain that was used; its used.len. */
static uint32_t used_one(struct blk_guest *g, unsigned q)
{
	struct gd_used u, more;

	assert_true(gd_get_used(&g->d[q], &u));
	assert_false(gd_get_used(&g->d[q], &more));
	return u.len;
}

static unsigned used_all(struct blk_guest *g, unsigned q)
{
	struct gd_used u;
	unsigned n = 0;

	while (gd_get_used(&g->d[q], &u))
		n++;
	return n;
}

/* A whole request; its status. */
static uint8_t run(struct blk_guest *g, uint32_t type, uint64_t sector, void *data, uint32_t len)
{
	struct req r = add(g, 0, type, sector, data, len);

	kick(g, 0);
	used_one(g, 0);
	if (data && (type == IN || type == GET_ID))
		assert_true(gm_read(g->gm, r.data, data, len));
	return status_of(g, r);
}

/* The same of a chain of the test's own making; its status byte is the last byte of @b. */
static uint8_t run_chain(struct blk_guest *g, const struct gd_buf *b, unsigned n, uint32_t *len)
{
	struct req r = { .status = b[n - 1].addr + b[n - 1].len - 1 };

	assert_true(gd_add(&g->d[0], b, n, g) >= 0);
	kick(g, 0);
	*len = used_one(g, 0);
	return status_of(g, r);
}

/* Whatever happened before: the next request works. */
static void assert_healthy(struct blk_guest *g)
{
	uint8_t buf[512];
	int error = g->disk->error;

	g->disk->error = 0;
	assert_false(virtio_status(g->v) & VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(run(g, IN, 0, buf, sizeof(buf)), OK);
	assert_memory_equal(buf, g->disk->data, sizeof(buf));
	assert_int_equal(vq_outstanding(g->v->queue[0].vq), 0);
	g->disk->error = error;
}

static void fill(uint8_t *p, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + i / 256 + seed);
}

static struct virtio_blk_range range(uint64_t sector, uint32_t cnt, uint32_t flags)
{
	return (struct virtio_blk_range){ le64_make(sector), le32_make(cnt), le32_make(flags) };
}

static uint8_t run_range(struct blk_guest *g, uint32_t type, uint64_t sector, uint32_t cnt,
			 uint32_t flags)
{
	struct virtio_blk_range r = range(sector, cnt, flags);

	return run(g, type, 0, &r, sizeof(r));
}

static const struct fake_blk_entry *newest(const struct blk_guest *g)
{
	assert_true(g->disk->log_cnt > 0);
	return &g->disk->log[(g->disk->log_cnt - 1) % FAKE_BLK_LOG];
}

/* --- what it is ------------------------------------------------------------------------------- */

static uint64_t config(struct blk_guest *g, size_t off, unsigned size)
{
	return virtio_read_config(g->v, (uint32_t)off, size);
}
#define CONFIG(g, f)                                                                               \
	config(g, offsetof(struct virtio_blk_config, f), sizeof(((struct virtio_blk_config *)0)->f))

static void features_and_configuration(void **state)
{
	const uint64_t always = VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE |
				VIRTIO_BLK_F_TOPOLOGY | VIRTIO_BLK_F_FLUSH |
				VIRTIO_BLK_F_CONFIG_WCE | VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX |
				VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_RESET | VIRTIO_F_RING_PACKED;
	struct blk_guest g;

	(void)state;
	begin(&g);
	assert_int_equal(g.v->ops->device_type, 2);
	assert_int_equal(g.v->offered, always | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES);
	assert_int_equal(CONFIG(&g, capacity), SECTORS);
	assert_int_equal(CONFIG(&g, seg_max), 126);
	assert_int_equal(CONFIG(&g, blk_size), 512);
	assert_int_equal(CONFIG(&g, physical_block_exp), 3); /* 4096 */
	assert_int_equal(CONFIG(&g, alignment_offset), 0);
	assert_int_equal(CONFIG(&g, min_io_size), 8);
	assert_int_equal(CONFIG(&g, writeback), 1);
	assert_int_equal(CONFIG(&g, unused0), 0);
	assert_int_equal(CONFIG(&g, num_queues), 1);
	assert_int_equal(CONFIG(&g, max_discard_seg), 1);
	assert_int_equal(CONFIG(&g, discard_sector_alignment), 8);
	assert_int_equal(CONFIG(&g, max_write_zeroes_seg), 1);
	assert_int_equal(CONFIG(&g, write_zeroes_may_unmap), 1);
	assert_int_equal(config(&g, VIRTIO_BLK_CONFIG_LEN, 4), 0);
	bg_end(&g);

	begin_with(&g, &(struct bg_config){ .readonly = true, .queues = 3, .ring = 256 }, BG_ALL);
	assert_int_equal(g.v->offered, always | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_MQ);
	assert_int_equal(CONFIG(&g, num_queues), 3);
	/* A chain of so many data descriptors fits, even if a few of them cross between regions. */
	assert_true(CONFIG(&g, seg_max) + 2 + 8 <= VQ_MAX_SEGS);
	bg_end(&g);

	begin_with(&g, &(struct bg_config){ .no_discard = true, .block_size = 4096, .ring = 4 },
		   BG_ALL);
	assert_int_equal(g.v->offered, always | VIRTIO_BLK_F_WRITE_ZEROES);
	assert_int_equal(CONFIG(&g, blk_size), 4096);
	assert_int_equal(CONFIG(&g, physical_block_exp), 0);
	assert_int_equal(CONFIG(&g, min_io_size), 1);
	assert_int_equal(CONFIG(&g, write_zeroes_may_unmap), 0);
	assert_int_equal(CONFIG(&g, seg_max), 2);
	assert_int_equal(CONFIG(&g, capacity), SECTORS); /* in 512 bytes all the same */
	bg_end(&g);
}

/* 5.2.6: reading and writing, and what used.len says (2.7.8). */
static void reads_and_writes(void **state)
{
	uint8_t out[3072], in[3072];
	struct blk_guest g;
	struct req r;

	(void)state;
	begin(&g);
	fill(out, sizeof(out), 1);
	r = add(&g, 0, OUT, 5, out, sizeof(out));
	kick(&g, 0);
	assert_int_equal(used_one(&g, 0), 1); /* the status */
	assert_int_equal(status_of(&g, r), OK);
	assert_memory_equal(g.disk->data + 5 * 512, out, sizeof(out));

	r = add(&g, 0, IN, 5, NULL, sizeof(in));
	kick(&g, 0);
	assert_int_equal(used_one(&g, 0), sizeof(in) + 1);
	assert_int_equal(status_of(&g, r), OK);
	assert_true(gm_read(g.gm, r.data, in, sizeof(in)));
	assert_memory_equal(in, out, sizeof(in));

	/* To the last sector. */
	assert_int_equal(run(&g, OUT, SECTORS - 6, out, sizeof(out)), OK);
	assert_memory_equal(g.disk->data + (SECTORS - 6) * 512, out, sizeof(out));
	assert_int_equal(run(&g, FLUSH, 0, NULL, 0), OK);
	assert_int_equal(newest(&g)->op, BLK_FLUSH);
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
	begin(&g);
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

		fill(data, len, i);
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
		kick(&g, 0);
		used = used_one(&g, 0);
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
	begin(&g);
	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		struct req r = put_header(&g, 0, OUT, i, 0);
		uint32_t len;

		fill(out, sizeof(out), i);
		assert_true(gm_write(g.gm, places[i], out, sizeof(out)));
		assert_int_equal(run_chain(&g,
					   (struct gd_buf[]){ { r.hdr, 16, false },
							      { places[i], 1024, false },
							      { r.status, 1, GD_W } },
					   3, &len),
				 OK);
		assert_memory_equal(g.disk->data + i * 512, out, sizeof(out));
		memset(in, 0, sizeof(in));
		assert_true(gm_write(g.gm, places[i], in, sizeof(in)));
		r = put_header(&g, 0, IN, i, 0);
		assert_int_equal(run_chain(&g,
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
	begin_with(&g, &(struct bg_config){ .serial = "WD-1234" }, BG_ALL);
	memset(id, 'x', 20);
	assert_int_equal(run(&g, GET_ID, 0, id, 20), OK);
	assert_memory_equal(id, "WD-1234\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	assert_int_equal(g.disk->submits, 0);
	bg_end(&g);

	begin_with(&g, &(struct bg_config){ .serial = "abcdefghijklmnopqrst" }, BG_ALL);
	assert_int_equal(run(&g, GET_ID, 0, id, 20), OK);
	assert_string_equal(id, "abcdefghijklmnopqrst");
	bg_end(&g);

	begin(&g);
	memset(id, 'x', 20);
	assert_int_equal(run(&g, GET_ID, 0, id, 20), OK);
	assert_string_equal(id, "");
	bg_end(&g);
}

/* --- requests that are wrong ------------------------------------------------------------------ */

/* Sector and length that overflow or lie beyond the end, lengths that are no multiple of 512:
 * IOERR, and nothing reaches the disk. */
static void test_row26_out_of_range_or_misaligned(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} bad[] = {
		{ SECTORS, 512 },
		{ SECTORS - 1, 1024 },
		{ SECTORS + 1, 512 },
		{ SECTORS + 1, 0 },
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
		{ SECTORS - 1, 100 },
		{ SECTORS, 1 },
		{ 0, MIB + 512 },
	};
	static uint8_t before[MIB];
	struct blk_guest g;

	(void)state;
	begin(&g);
	fill(g.disk->data, MIB, 3);
	memcpy(before, g.disk->data, MIB);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(run(&g, IN, bad[i].sector, NULL, bad[i].len), IOERR);
		assert_int_equal(run(&g, OUT, bad[i].sector, NULL, bad[i].len), IOERR);
	}
	assert_int_equal(g.disk->submits, 0);
	assert_memory_equal(g.disk->data, before, MIB);
	assert_healthy(&g);
	bg_end(&g);
}

static void test_row26_ranges_out_of_range(void **state)
{
	struct blk_guest g;

	(void)state;
	begin_with(&g, &(struct bg_config){ .size = 2 * MIB }, BG_ALL);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t type = i ? DISCARD : WRITE_ZEROES;
		uint64_t max =
			i ? CONFIG(&g, max_discard_sectors) : CONFIG(&g, max_write_zeroes_sectors);

		assert_int_equal(run_range(&g, type, 2 * SECTORS, 1, 0), IOERR);
		assert_int_equal(run_range(&g, type, 2 * SECTORS - 1, 2, 0), IOERR);
		assert_int_equal(run_range(&g, type, UINT64_MAX, 2, 0), IOERR);
		assert_int_equal(run_range(&g, type, UINT64_C(1) << 55, 1, 0), IOERR);
		assert_int_equal(run_range(&g, type, 0, UINT32_MAX, 0), IOERR);
		assert_int_equal(run_range(&g, type, 0, (uint32_t)max + 1, 0), IOERR);
	}
	assert_int_equal(g.disk->submits, 0);
	assert_healthy(&g);
	bg_end(&g);
}

/* 5.2.6.1: num_sectors at most max_discard_sectors, max_write_zeroes_sectors, even where the disk
 * has more. */
static void ranges_at_the_limit(void **state)
{
	struct blk_guest g;

	(void)state;
	begin_with(&g, &(struct bg_config){ .size = 2 * GIB }, BG_ALL);
	g.disk->error = EIO; /* nothing is carried out */
	for (unsigned i = 0; i < 2; i++) {
		uint32_t type = i ? DISCARD : WRITE_ZEROES;
		uint32_t max = (uint32_t)(i ? CONFIG(&g, max_discard_sectors)
					    : CONFIG(&g, max_write_zeroes_sectors));

		assert_int_equal(run_range(&g, type, 8, max + 1, 0), IOERR);
		assert_int_equal(g.disk->submits, i);
		assert_int_equal(run_range(&g, type, 8, max, 0), IOERR);
		assert_int_equal(g.disk->submits, i + 1);
		assert_int_equal(newest(&g)->len, (uint64_t)max * 512);
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

		begin_with(&g, &(struct bg_config){ .readonly = true },
			   i ? BG_ALL : BG_ALL & ~VIRTIO_BLK_F_RO);
		assert_int_equal(run(&g, OUT, 0, buf, sizeof(buf)), IOERR);
		assert_int_equal(run(&g, OUT, 0, NULL, 0), IOERR);
		assert_true(run_range(&g, DISCARD, 0, 8, 0) != OK);
		assert_true(run_range(&g, WRITE_ZEROES, 0, 8, 0) != OK);
		assert_int_equal(g.disk->submits, 0);
		assert_int_equal(g.disk->data[0], 0);
		assert_healthy(&g);
		bg_end(&g);
	}
}

/* A flush that brings data along, either way round, is a flush. */
static void test_row29_flush_with_data(void **state)
{
	uint8_t buf[512] = { 0 };
	struct blk_guest g;
	struct req r;
	uint32_t len;

	(void)state;
	begin(&g);
	assert_int_equal(run(&g, FLUSH, 99, buf, sizeof(buf)), OK);
	assert_int_equal(newest(&g)->op, BLK_FLUSH);
	r = put_header(&g, 0, FLUSH, 0, 512);
	assert_int_equal(run_chain(&g,
				   (struct gd_buf[]){ { r.hdr, 16, false },
						      { r.data, 512, GD_W },
						      { r.status, 1, GD_W } },
				   3, &len),
			 OK);
	/* Of 512 bytes in front of it none was written: used.len must not claim them. */
	assert_int_equal(len, 0);
	assert_int_equal(g.disk->submits, 2);
	assert_healthy(&g);
	bg_end(&g);
}

static void test_row29_flush_on_a_read_only_disk(void **state)
{
	struct blk_guest g;

	(void)state;
	begin_with(&g, &(struct bg_config){ .readonly = true }, BG_ALL);
	assert_int_equal(run(&g, FLUSH, 0, NULL, 0), OK);
	assert_int_equal(g.disk->submits, 0);
	assert_healthy(&g);
	bg_end(&g);
}

/* No writable byte: nobody to tell the status. The chain comes back with length 0, and the rest of
 * the ring works on. */
static void test_row29_no_status_byte(void **state)
{
	static const uint32_t types[] = { IN, OUT, FLUSH, GET_ID, DISCARD, 77 };
	struct blk_guest g;

	(void)state;
	begin(&g);
	for (unsigned i = 0; i < ARRAY_LEN(types); i++) {
		struct req r = put_header(&g, 0, types[i], 0, 512);

		assert_true(
			gd_add(&g.d[0],
			       (struct gd_buf[]){ { r.hdr, 16, false }, { r.data, 512, false } }, 2,
			       &g) >= 0);
		kick(&g, 0);
		assert_int_equal(used_one(&g, 0), 0);
	}
	assert_int_equal(g.disk->submits, 0);
	assert_int_equal(g.v->dev.guest_errors, ARRAY_LEN(types));
	assert_healthy(&g);
	bg_end(&g);
}

/* The serial number never goes past its buffer, and the status follows right behind it. */
static void test_row29_short_id_buffers(void **state)
{
	struct blk_guest g;

	(void)state;
	begin_with(&g, &(struct bg_config){ .serial = "abcdefghijklmnopqrst" }, BG_ALL);
	for (uint32_t n = 0; n <= 40; n++) {
		struct req r = put_header(&g, 0, GET_ID, 0, 64);
		char all[64], got[64];
		uint32_t len;

		memset(all, '?', sizeof(all));
		assert_true(gm_write(g.gm, r.data, all, sizeof(all)));
		assert_int_equal(run_chain(&g,
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
	assert_healthy(&g);
	bg_end(&g);
}

/* Chains that are nearly nothing: only a status; half a header; an empty descriptor among others.
 */
static void test_row10_little_or_nothing(void **state)
{
	struct blk_guest g;
	uint32_t len;
	struct req r;

	(void)state;
	begin(&g);
	r = put_header(&g, 0, IN, 0, 512);
	assert_int_equal(run_chain(&g, (struct gd_buf[]){ { r.status, 1, GD_W } }, 1, &len), IOERR);
	assert_int_equal(len, 1);
	for (uint32_t n = 1; n < 16; n++) {
		r = put_header(&g, 0, IN, 0, 512);
		assert_int_equal(run_chain(&g,
					   (struct gd_buf[]){ { r.hdr, n, false },
							      { r.data, 512, GD_W },
							      { r.status, 1, GD_W } },
					   3, &len),
				 IOERR);
	}
	/* Reads and writes of nothing. */
	assert_int_equal(run(&g, IN, 0, NULL, 0), OK);
	assert_int_equal(run(&g, OUT, SECTORS, NULL, 0), OK);
	assert_int_equal(g.disk->submits, 0);
	assert_healthy(&g);
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
	begin(&g);
	for (unsigned write = 0; write < 2; write++) {
		struct req r = put_header(&g, 0, write ? OUT : IN, 0, 0);

		b[0] = (struct gd_buf){ r.hdr, 16, false };
		for (unsigned i = 1; i <= 100; i++)
			b[i] = (struct gd_buf){ GD_SEAM, 8 * MIB, !write };
		b[101] = (struct gd_buf){ r.status, 1, GD_W };
		assert_int_equal(run_chain(&g, b, 102, &len), IOERR);
	}
	assert_int_equal(g.disk->submits, 0);
	assert_healthy(&g);
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
	begin(&g);
	for (unsigned i = 0; i < ARRAY_LEN(types); i++)
		assert_int_equal(run(&g, types[i], 0, buf, sizeof(buf)), UNSUPP);
	assert_int_equal(g.disk->submits, 0);
	assert_healthy(&g);
	bg_end(&g);
}

/* --- discard and write zeroes ----------------------------------------------------------------- */

static void discards(void **state)
{
	struct blk_guest g;

	(void)state;
	begin(&g);
	assert_int_equal(run_range(&g, DISCARD, 8, 16, 0), OK);
	assert_int_equal(newest(&g)->op, BLK_DISCARD);
	assert_int_equal(newest(&g)->off, 8 * 512);
	assert_int_equal(newest(&g)->len, 16 * 512);
	assert_int_equal(newest(&g)->flags, 0);
	assert_int_equal(run_range(&g, DISCARD, 0, SECTORS, 0), OK);
	assert_int_equal(run_range(&g, DISCARD, SECTORS, 0, 0), OK); /* nothing at all */
	assert_int_equal(g.disk->submits, 2);
	/* "MUST set the status byte to VIRTIO_BLK_S_UNSUPP for discard commands if the unmap flag
	 * is set", "if any unknown flag is set". */
	assert_int_equal(run_range(&g, DISCARD, 0, 8, VIRTIO_BLK_RANGE_UNMAP), UNSUPP);
	for (unsigned i = 1; i < 32; i++)
		assert_int_equal(run_range(&g, DISCARD, 0, 8, 1u << i), UNSUPP);
	assert_int_equal(g.disk->submits, 2);
	bg_end(&g);
}

static void write_zeroes(void **state)
{
	struct blk_guest g;

	(void)state;
	begin(&g);
	memset(g.disk->data, 0xff, MIB);
	assert_int_equal(run_range(&g, WRITE_ZEROES, 3, 2, 0), OK);
	assert_int_equal(newest(&g)->op, BLK_ZERO);
	assert_int_equal(newest(&g)->flags, 0);
	for (unsigned i = 2 * 512; i < 6 * 512; i++)
		assert_int_equal(g.disk->data[i], i >= 3 * 512 && i < 5 * 512 ? 0 : 0xff);
	assert_int_equal(run_range(&g, WRITE_ZEROES, 0, 1, VIRTIO_BLK_RANGE_UNMAP), OK);
	assert_int_equal(newest(&g)->flags, BLK_ZERO_UNMAP);
	for (unsigned i = 1; i < 32; i++)
		assert_int_equal(run_range(&g, WRITE_ZEROES, 0, 8, 1u << i), UNSUPP);
	assert_int_equal(g.disk->submits, 2);
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
	begin(&g);
	buf[8] = buf[24] = 1;
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
		assert_int_equal(run(&g, DISCARD, 0, buf, lens[i]), IOERR);
		assert_int_equal(run(&g, WRITE_ZEROES, 0, buf, lens[i]), IOERR);
	}
	assert_int_equal(g.disk->submits, 0);
	assert_healthy(&g);
	bg_end(&g);
}

static void ranges_that_were_not_negotiated(void **state)
{
	struct blk_guest g;

	(void)state;
	begin_with(&g, &(struct bg_config){ 0 },
		   BG_ALL & ~(VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES));
	assert_int_equal(run_range(&g, DISCARD, 0, 8, 0), UNSUPP);
	assert_int_equal(run_range(&g, WRITE_ZEROES, 0, 8, 0), UNSUPP);
	assert_int_equal(g.disk->submits, 0);
	bg_end(&g);
}

/* --- the write cache -------------------------------------------------------------------------- */

static unsigned write_flags(struct blk_guest *g)
{
	uint8_t buf[512] = { 0 };

	assert_int_equal(run(g, OUT, 0, buf, sizeof(buf)), OK);
	return newest(g)->flags;
}

#define WCE_AT offsetof(struct virtio_blk_config, writeback)

/* 5.2.6.2: a write is stable when it completes if "the VIRTIO_BLK_F_CONFIG_WCE feature was
 * negotiated and the writeback field in configuration space was 0 all the time". */
static void driver_chooses_the_cache_mode(void **state)
{
	struct blk_guest g;

	(void)state;
	begin(&g);
	assert_int_equal(write_flags(&g), 0);
	virtio_write_config(g.v, WCE_AT, 1, 0);
	assert_int_equal(CONFIG(&g, writeback), 0);
	assert_int_equal(write_flags(&g), BLK_SYNC);
	assert_int_equal(run_range(&g, WRITE_ZEROES, 0, 8, VIRTIO_BLK_RANGE_UNMAP), OK);
	assert_int_equal(newest(&g)->flags, BLK_SYNC | BLK_ZERO_UNMAP);
	virtio_write_config(g.v, WCE_AT, 1, 1);
	assert_int_equal(CONFIG(&g, writeback), 1);
	assert_int_equal(write_flags(&g), 0);
	/* Its neighbours are read-only, and a wider access is not one to this field. */
	virtio_write_config(g.v, WCE_AT + 1, 1, 0);
	virtio_write_config(g.v, WCE_AT - 1, 1, 0);
	virtio_write_config(g.v, WCE_AT, 4, 0);
	virtio_write_config(g.v, 0, 8, 0);
	assert_int_equal(CONFIG(&g, writeback), 1);
	assert_int_equal(CONFIG(&g, capacity), SECTORS);
	/* The next driver finds it as the first one did. */
	virtio_write_config(g.v, WCE_AT, 1, 0);
	bg_begin(&g, ring_features);
	assert_int_equal(CONFIG(&g, writeback), 1);
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

		begin_with(&g, &(struct bg_config){ .write_through = cases[i].write_through },
			   BG_ALL & ~cases[i].without);
		assert_int_equal(write_flags(&g), cases[i].flags);
		assert_int_equal(CONFIG(&g, writeback), !cases[i].flags);
		/* Who has not negotiated it cannot change it. */
		if (cases[i].without & wce) {
			virtio_write_config(g.v, WCE_AT, 1, cases[i].flags ? 1 : 0);
			assert_int_equal(write_flags(&g), cases[i].flags);
		}
		bg_end(&g);
	}
}

/* --- many at once ----------------------------------------------------------------------------- */

/* One kick: one batch, one look at what is done, one interrupt. */
static void one_batch_per_kick(void **state)
{
	struct blk_guest g;
	struct req r[40];

	(void)state;
	begin(&g);
	for (unsigned i = 0; i < 40; i++)
		r[i] = add(&g, 0, i % 3 ? IN : OUT, i, NULL, 512);
	kick(&g, 0);
	assert_int_equal(g.disk->submits, 1);
	assert_int_equal(g.disk->last_batch, 40);
	assert_int_equal(g.disk->reaps, 1);
	assert_int_equal(g.irqs[0], 1);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(status_of(&g, r[i]), OK);
		assert_int_equal(g.disk->log[i].off, i * 512); /* in order */
	}
	assert_int_equal(used_all(&g, 0), 40);
	bg_end(&g);
}

static bool kick_wanted;

static void add_while_it_looks(struct fake_blk *f)
{
	f->on_submit = NULL;
	add(endless, 0, IN, 0, NULL, 512);
	kick_wanted = gd_kick(&endless->d[0]);
}

/* While it looks at a queue anyway, the device asks for no kicks (2.7.10); what comes meanwhile is
 * found, and afterwards a kick is wanted again. */
static void no_kicks_while_it_looks(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct blk_guest g;

		begin_with(&g, &(struct bg_config){ 0 }, i ? BG_ALL : BG_ALL & ~VIRTIO_F_EVENT_IDX);
		endless = &g;
		run(&g, IN, 0, NULL, 512); /* before the first one it has asked for nothing yet */
		for (unsigned round = 0; round < 3; round++) {
			g.disk->on_submit = add_while_it_looks;
			kick_wanted = true;
			add(&g, 0, IN, 0, NULL, 512);
			assert_true(gd_kick(&g.d[0]));
			bg_kick(&g, 0);
			assert_false(kick_wanted);
			assert_int_equal(used_all(&g, 0), 2);
		}
		bg_end(&g);
	}
}

/* What needs no disk is completed on the way and told with the rest. */
static void refused_among_others(void **state)
{
	struct blk_guest g;
	struct req r[30];

	(void)state;
	begin(&g);
	g.disk->hold = true;
	for (unsigned i = 0; i < 30; i++)
		r[i] = add(&g, 0, i % 3 ? IN : 99, i, NULL, 512);
	kick(&g, 0);
	assert_int_equal(g.disk->last_batch, 20);
	assert_int_equal(g.irqs[0], 1);
	assert_int_equal(used_all(&g, 0), 10);
	assert_int_equal(fake_blk_release(g.disk, 20, true), 20);
	assert_int_equal(used_all(&g, 0), 20);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(status_of(&g, r[i]), i % 3 ? OK : UNSUPP);
	bg_end(&g);
}

/* Completions that come later, in any order: one interrupt per wake-up of the loop. */
static void late_completions(void **state)
{
	struct blk_guest g;
	struct req r[24];
	unsigned irqs;

	(void)state;
	begin(&g);
	g.disk->hold = true;
	for (unsigned i = 0; i < 24; i++)
		r[i] = add(&g, 0, IN, i, NULL, 512);
	kick(&g, 0);
	assert_int_equal(g.irqs[0], 0);
	for (unsigned i = 0; i < 24; i++)
		assert_int_equal(status_of(&g, r[i]), NONE);
	for (unsigned i = 0; i < 3; i++) {
		gd_irqs_on(&g.d[0]);
		irqs = g.irqs[0];
		assert_int_equal(fake_blk_release(g.disk, 8, i & 1), 8);
		assert_int_equal(g.irqs[0], irqs + 1);
		assert_int_equal(used_all(&g, 0), 8);
	}
	for (unsigned i = 0; i < 24; i++)
		assert_int_equal(status_of(&g, r[i]), OK);
	assert_int_equal(vq_outstanding(g.v->queue[0].vq), 0);
	bg_end(&g);
}

/* As many as the ring is long, over and over: the pool is neither short nor leaking. */
static void full_rings(void **state)
{
	struct blk_guest g;

	(void)state;
	begin_with(&g, &(struct bg_config){ .ring = 16 }, BG_ALL);
	g.disk->hold = true;
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 16; i++) {
			struct req r = put_header(&g, 0, IN, i, 512);
			struct gd_buf b[] = { { r.hdr, 16, false },
					      { r.data, 512, GD_W },
					      { r.status, 1, GD_W } };

			assert_true(gd_add_indirect(&g.d[0], b, 3, &g) >= 0);
		}
		kick(&g, 0);
		assert_int_equal(g.disk->in_flight, 16);
		assert_int_equal(fake_blk_release(g.disk, 16, round & 1), 16);
		assert_int_equal(used_all(&g, 0), 16);
	}
	bg_end(&g);
}

static void errors_of_the_host(void **state)
{
	struct blk_guest g;
	uint8_t buf[512] = { 0 };

	(void)state;
	begin(&g);
	g.disk->error = EIO;
	assert_int_equal(run(&g, IN, 0, buf, sizeof(buf)), IOERR);
	assert_int_equal(run(&g, OUT, 0, buf, sizeof(buf)), IOERR);
	assert_int_equal(run(&g, FLUSH, 0, NULL, 0), IOERR);
	g.disk->error = ENOSPC;
	assert_int_equal(run(&g, OUT, 0, buf, sizeof(buf)), IOERR);
	g.disk->error = EOPNOTSUPP;
	assert_int_equal(run_range(&g, DISCARD, 0, 8, 0), UNSUPP);
	assert_healthy(&g);
	bg_end(&g);
}

/* A read that failed has put nothing into the buffer, and says so. */
static void failed_reads_claim_nothing(void **state)
{
	struct blk_guest g;

	(void)state;
	begin(&g);
	g.disk->error = EIO;
	add(&g, 0, IN, 0, NULL, 1024);
	kick(&g, 0);
	assert_int_equal(used_one(&g, 0), 0);
	bg_end(&g);
}

static void several_queues(void **state)
{
	struct blk_guest g;

	(void)state;
	begin_with(&g, &(struct bg_config){ .queues = 4 }, BG_ALL);
	for (unsigned q = 0; q < 4; q++) {
		add(&g, q, IN, q, NULL, 512);
		kick(&g, q);
		assert_int_equal(g.irqs[q], 1);
		used_one(&g, q);
	}
	/* What another queue's kick finds done is told to the queue whose it is. */
	g.disk->hold = true;
	for (unsigned q = 0; q < 3; q++) {
		gd_irqs_on(&g.d[q]);
		add(&g, q, IN, q, NULL, 512);
		kick(&g, q);
	}
	g.disk->hold = false;
	add(&g, 3, IN, 3, NULL, 512);
	gd_irqs_on(&g.d[3]);
	kick(&g, 3);
	for (unsigned q = 0; q < 4; q++) {
		assert_int_equal(g.irqs[q], 2);
		used_one(&g, q);
	}
	bg_end(&g);
}

static void add_one_more(struct fake_blk *f)
{
	struct gd_used u;

	(void)f;
	while (gd_get_used(&endless->d[0], &u))
		;
	endless->d[0].next = GD_RINGS + MIB / 2; /* the same memory again */
	add(endless, 0, IN, 0, NULL, 512);
	gd_kick(&endless->d[0]);
}

/* A queue that is never empty lets others have their turn, and comes back by itself. */
static void fair_to_other_queues(void **state)
{
	struct blk_guest g;
	uint64_t rung = 0;

	(void)state;
	begin(&g);
	endless = &g;
	g.disk->on_submit = add_one_more;
	if (read(g.v->queue[0].kick.fd, &rung, sizeof(rung)) < 0)
		assert_int_equal(errno, EAGAIN);
	add(&g, 0, IN, 0, NULL, 512);
	kick(&g, 0);
	assert_true(g.disk->submits <= 16);
	assert_int_equal(read(g.v->queue[0].kick.fd, &rung, sizeof(rung)), sizeof(rung));
	assert_int_equal(rung, 1);
	/* The kick it gave itself does the rest. */
	g.disk->on_submit = NULL;
	bg_kick(&g, 0);
	assert_int_equal(read(g.v->queue[0].kick.fd, &rung, sizeof(rung)), -1);
	assert_int_equal(vq_outstanding(g.v->queue[0].vq), 0);
	bg_end(&g);
}

/* --- resets ----------------------------------------------------------------------------------- */

/* 2.1.2 and docs/threat-model.md, row 21: a reset waits for what is in flight. */
static void reset_with_requests_in_flight(void **state)
{
	struct blk_guest g;

	(void)state;
	begin(&g);
	for (unsigned round = 0; round < 3; round++) {
		g.disk->hold = true;
		for (unsigned i = 0; i < 20; i++)
			add(&g, 0, OUT, i, NULL, 512);
		kick(&g, 0);
		assert_int_equal(g.disk->in_flight, 20);
		if (round == 2)
			device_reset(&g.v->dev);
		else
			virtio_set_status(g.v, 0);
		assert_int_equal(g.disk->in_flight, 0);
		assert_int_equal(virtio_status(g.v), 0);
		g.disk->hold = false;
		bg_begin(&g, ring_features);
		assert_healthy(&g);
	}
	bg_end(&g);
}

/* 2.6.1: one queue starts anew, the other goes on. */
static void queue_reset(void **state)
{
	struct blk_guest g;
	struct virtio_queue *q;

	(void)state;
	begin_with(&g, &(struct bg_config){ .queues = 2 }, BG_ALL);
	g.disk->hold = true;
	add(&g, 0, OUT, 0, NULL, 512);
	kick(&g, 0);
	add(&g, 1, OUT, 1, NULL, 512);
	kick(&g, 1);
	virtio_queue_reset(g.v, 1);
	assert_int_equal(g.disk->in_flight, 0);
	used_one(&g, 0); /* was not reset: got its completion */
	g.disk->hold = false;
	q = virtio_get_queue(g.v, 1);
	gd_init(&g.d[1], g.gm, GD_RINGS + 3 * MIB, 64, g.v->acked);
	q->addr = g.d[1].ring;
	virtio_queue_enable(g.v, 1);
	add(&g, 1, IN, 1, NULL, 512);
	kick(&g, 1);
	used_one(&g, 1);
	assert_healthy(&g);
	bg_end(&g);
}

/* A ring that is broken: the device wants a reset, requests on their way end, and after the reset
 * all is well. */
static void broken_rings(void **state)
{
	struct blk_guest g;

	(void)state;
	begin_with(&g, &(struct bg_config){ .queues = 2 }, BG_ALL);
	g.disk->hold = true;
	add(&g, 1, OUT, 1, NULL, 512);
	kick(&g, 1);
	assert_true(gd_add(&g.d[0], (struct gd_buf[]){ { GD_LOW_END, 16, false } }, 1, &g) >= 0);
	kick(&g, 0);
	assert_true(virtio_status(g.v) & VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(g.config_irqs, 1);
	add(&g, 1, OUT, 1, NULL, 512);
	kick(&g, 1);
	assert_int_equal(g.disk->in_flight, 1); /* kicks are not heard any more */
	fake_blk_release(g.disk, 1, false);
	g.disk->hold = false;
	bg_begin(&g, ring_features);
	assert_healthy(&g);
	bg_end(&g);
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
	begin(&g);
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
	assert_int_equal(CONFIG(&g, capacity), 2 * SECTORS);
	assert_true(virtio_config_generation(g.v) != generation);
	loop_stop(g.loop);
	assert_int_equal(run(&g, OUT, 2 * SECTORS - 1, NULL, 512), OK);
	assert_int_equal(run(&g, OUT, 2 * SECTORS, NULL, 512), IOERR);
	bg_end(&g);
}

static void image_that_shrinks(void **state)
{
	struct blk_guest g;
	struct error *e = NULL;

	(void)state;
	begin(&g);
	if (loop_start_thread(g.loop, &e) < 0)
		assert_no_error(e);
	g.disk->next_size = MIB / 2;
	virtio_blk_look_again(g.b);
	loop_run_sync(g.loop, nothing, NULL);
	loop_stop(g.loop);
	assert_int_equal(CONFIG(&g, capacity), SECTORS / 2);
	assert_int_equal(run(&g, IN, SECTORS / 2 - 1, NULL, 512), OK);
	assert_int_equal(run(&g, IN, SECTORS / 2, NULL, 512), IOERR);
	bg_end(&g);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void survives_a_snapshot(void **state)
{
	struct blk_guest g, fresh;

	(void)state;
	begin(&g);
	virtio_write_config(g.v, WCE_AT, 1, 0);
	add(&g, 0, OUT, 3, NULL, 512);
	kick(&g, 0);
	used_one(&g, 0);
	g.v->dev.ops->stop(&g.v->dev);
	bg_create(&fresh, &(struct bg_config){ 0 });
	fresh.v->dev.ops->stop(&fresh.v->dev);
	/* Its rings are mapped from its own memory, where nothing is written yet. */
	assert_snapshot_round_trip(&g.v->dev, &fresh.v->dev);
	assert_int_equal(CONFIG(&fresh, writeback), 0);
	assert_int_equal(CONFIG(&g, writeback), 0);
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

		begin_with(&g, &other[i], BG_ALL);
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
		bg_begin(&fresh, ring_features);
		assert_healthy(&fresh);
		bg_end(&g);
		bg_end(&fresh);
	}
}

/* --- threads ---------------------------------------------------------------------------------- */

/* The driver on this thread, the device on its own: every request comes back once, and a kick that
 * the device did not want is never missed. */
static void driver_and_device_in_two_threads(void **state)
{
	struct blk_guest g;
	struct error *e = NULL;
	unsigned added = 0, used = 0;
	gpa_t memory;

	(void)state;
	begin_with(&g, &(struct bg_config){ .queues = 2, .ring = 64 }, BG_ALL);
	/* The queues were enabled while no loop ran: the thread takes them over with this start. */
	if (loop_start_thread(g.loop, &e) < 0)
		assert_no_error(e);
	memory = g.d[0].next;
	while (used < 20000) {
		struct gd_used u;

		while (added < 20000 && added - used < 16) {
			g.d[0].next = memory + added % 64 * 2048;
			add(&g, 0, added % 2 ? IN : OUT, added % SECTORS, NULL, 512);
			added++;
			if (added % 3 == 0 && gd_kick(&g.d[0]))
				virtio_ring(g.v, 0);
		}
		if (gd_kick(&g.d[0]))
			virtio_ring(g.v, 0);
		while (gd_get_used(&g.d[0], &u))
			used++;
		sched_yield();
	}
	assert_true(g.disk->submits < 20000 + 1);
	virtio_set_status(g.v, 0); /* waits for the loop */
	loop_stop(g.loop);
	bg_end(&g);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void stops_twice_and_closes_once(void **state)
{
	struct blk_guest g;

	(void)state;
	begin(&g);
	g.disk->hold = true;
	add(&g, 0, OUT, 0, NULL, 512);
	kick(&g, 0);
	g.v->dev.ops->stop(&g.v->dev); /* the fake sees to it that nothing is in flight */
	assert_true(g.disk_closed);
	used_one(&g, 0);
	g.v->dev.ops->stop(&g.v->dev);
	bg_end(&g);
	/* Never started, never attached to a driver. */
	bg_create(&g, &(struct bg_config){ 0 });
	g.v->dev.ops->destroy(NULL);
	bg_end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_and_configuration),
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(any_framing),
		cmocka_unit_test(buffers_across_regions),
		cmocka_unit_test(serial_number),
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
		cmocka_unit_test(discards),
		cmocka_unit_test(write_zeroes),
		cmocka_unit_test(odd_ranges),
		cmocka_unit_test(ranges_that_were_not_negotiated),
		cmocka_unit_test(driver_chooses_the_cache_mode),
		cmocka_unit_test(cache_modes),
		cmocka_unit_test(one_batch_per_kick),
		cmocka_unit_test(no_kicks_while_it_looks),
		cmocka_unit_test(refused_among_others),
		cmocka_unit_test(late_completions),
		cmocka_unit_test(full_rings),
		cmocka_unit_test(errors_of_the_host),
		cmocka_unit_test(failed_reads_claim_nothing),
		cmocka_unit_test(several_queues),
		cmocka_unit_test(fair_to_other_queues),
		cmocka_unit_test(reset_with_requests_in_flight),
		cmocka_unit_test(queue_reset),
		cmocka_unit_test(broken_rings),
		cmocka_unit_test(image_that_grows),
		cmocka_unit_test(image_that_shrinks),
		cmocka_unit_test(survives_a_snapshot),
		cmocka_unit_test(snapshots_of_other_devices),
		cmocka_unit_test(driver_and_device_in_two_threads),
		cmocka_unit_test(stops_twice_and_closes_once),
	};
	int failed = cmocka_run_group_tests_name("split rings", tests, NULL, NULL);

	ring_features = BG_ALL;
	return failed + cmocka_run_group_tests_name("packed rings", tests, NULL, NULL);
}
