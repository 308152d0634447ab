/* SPDX-License-Identifier: MIT */
/*
 * fuzz_virtio_blk.c: the virtio block device and a driver that is good at being evil (libFuzzer).
 *
 * The input is a list of acts: requests, well-formed and not, in any framing; stores to the ring;
 * kicks; completions in any order; resets of the device and of one queue; configuration. Behind the
 * device is a disk that aborts on a request it must never see (fake_blk.c); the device itself
 * asserts that no request is lost at each reset. At the end a fresh driver must find a device that
 * works.
 */
#include <errno.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/lib/blk_guest.h"
#include "tests/lib/fake_blk_link.h"
#include "vmm/log.h"

#define SIZE   (256 * KIB)
#define BUFFER (GD_SEAM - 64 * KIB) /* 128 KiB, half of it behind the seam */

static struct blk_guest g;

static struct guest_driver *driver(struct input *in)
{
	return &g.d[take(in, 1) % g.queues];
}

/* Rings and drivers start anew; what was in flight is drained. */
static void restart(struct input *in)
{
	uint64_t f = BG_ALL;

	if (take(in, 1) & 1)
		f &= ~VIRTIO_F_RING_PACKED;
	f &= ~(take(in, 2) << 5); /* some of virtio-blk's own */
	bg_begin(&g, f);
}

/* A sector near a border, or any. */
static uint64_t some_sector(struct input *in)
{
	uint64_t v = take(in, 1);

	switch (v >> 6) {
	case 0:
		return v;
	case 1:
		return SIZE / 512 - (v & 15);
	case 2:
		return UINT64_MAX / 512 + (v & 3);
	default:
		return take(in, 8);
	}
}

static void put_header(struct input *in, gpa_t at)
{
	struct virtio_blk_req_hdr h = { le32_make((uint32_t)take(in, 1) % 16), le32_make(0),
					le64_make(some_sector(in)) };
	struct virtio_blk_range r = { le64_make(some_sector(in)),
				      le32_make((uint32_t)take(in, 1) % 64),
				      le32_make((uint32_t)take(in, 1) % 4) };

	if (!gm_write(g.gm, at, &h, sizeof(h)) || !gm_write(g.gm, at + 16, &r, sizeof(r)))
		abort();
}

/* Up to 16 pieces of the buffer, in which a header may stand. */
static void request(struct input *in)
{
	static const uint32_t lens[] = { 0, 1, 15, 16, 17, 20, 511, 512, 513, 1024, 4096, 32768 };
	struct guest_driver *d = driver(in);
	unsigned n = 1 + (unsigned)take(in, 1) % (unsigned)min_u64(d->size, 16), w;
	gpa_t at = BUFFER + take(in, 2) % (64 * KIB - 32);
	struct gd_buf b[16];

	w = (unsigned)take(in, 1) % (n + 1);
	put_header(in, at);
	for (unsigned i = 0; i < n; i++) {
		b[i] = (struct gd_buf){ at, lens[take(in, 1) % ARRAY_LEN(lens)], i >= w };
		at += b[i].len;
		if (at > BUFFER + 64 * KIB)
			at = BUFFER + take(in, 2) % (64 * KIB);
	}
	if (take(in, 1) & 1)
		gd_add_indirect(d, b, n, d);
	else
		gd_add(d, b, n, d);
}

/* Header, data, status, as drivers do. */
static void good_request(struct input *in)
{
	struct guest_driver *d = driver(in);
	gpa_t at = BUFFER + take(in, 1) * 64;
	uint32_t len = (uint32_t)take(in, 1) % 65 * 512;
	struct gd_buf b[] = { { at, 16, false },
			      { at + 16, len, take(in, 1) & 1 },
			      { at + 16 + len, 1, GD_W } };

	put_header(in, at);
	gd_add(d, b, 3, d);
}

static void act(struct input *in)
{
	static const int errors[] = { 0, 0, EIO, ENOSPC, EOPNOTSUPP };
	unsigned q;

	switch (take(in, 1) % 16) {
	case 0:
	case 1:
		request(in);
		break;
	case 2:
	case 3:
	case 4:
		good_request(in);
		break;
	case 5:
		gd_evil(driver(in), take(in, 8));
		break;
	case 6:
	case 7:
		for (q = 0; q < g.queues; q++)
			gd_kick(&g.d[q]);
		bg_kick(&g, (unsigned)take(in, 1) % g.queues);
		break;
	case 8:
		bg_kick(&g, (unsigned)take(in, 1) % g.queues);
		break;
	case 9:
		fake_blk_release(g.disk, 1 + (unsigned)take(in, 1) % 32, take(in, 1) & 1);
		break;
	case 10:
		g.disk->hold = take(in, 1) & 1;
		g.disk->error = errors[take(in, 1) % ARRAY_LEN(errors)];
		break;
	case 11:
		virtio_write_config(g.v, (uint32_t)take(in, 1), 1u << take(in, 1) % 4, take(in, 1));
		virtio_read_config(g.v, (uint32_t)take(in, 1), 1u << take(in, 1) % 4);
		break;
	case 12:
		virtio_set_status(g.v, (uint8_t)take(in, 1));
		break;
	case 13:
		virtio_queue_reset(g.v, (uint32_t)take(in, 1) % (g.queues + 1));
		break;
	case 14:
		virtio_allow_dma(g.v, take(in, 1) & 1);
		break;
	case 15:
		restart(in);
		break;
	}
}

/* Whatever went on, after a reset a read is a read. */
static void check_healthy(void)
{
	struct virtio_blk_req_hdr h = { le32_make(VIRTIO_BLK_T_IN), le32_make(0), le64_make(1) };
	struct gd_buf b[] = { { BUFFER, 16, false },
			      { BUFFER + 512, 512, GD_W },
			      { BUFFER + 1024, 1, GD_W } };
	struct gd_used u;
	uint8_t status = 0xee;

	g.disk->hold = false;
	g.disk->error = 0;
	virtio_allow_dma(g.v, true);
	bg_begin(&g, BG_ALL);
	if (!gm_write(g.gm, BUFFER, &h, sizeof(h)) || gd_add(&g.d[0], b, 3, &g) < 0)
		abort();
	gd_kick(&g.d[0]);
	bg_kick(&g, 0);
	if (!gd_get_used(&g.d[0], &u) || u.len != 513 ||
	    !gm_read(g.gm, BUFFER + 1024, &status, 1) || status != VIRTIO_BLK_S_OK)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint64_t how = take(&in, 1);
	struct bg_config c = { .size = SIZE,
			       .queues = 1 + how % 2,
			       .ring = 4u << (how >> 1) % 4,
			       .readonly = (how >> 3) % 4 == 3,
			       .write_through = (how >> 5) & 1,
			       .no_discard = (how >> 6) & 1,
			       .serial = "fuzz" };

	log_set_level(LOG_ERR);
	bg_create(&g, &c);
	restart(&in);
	for (unsigned n = 0; in.left && n < 2000; n++)
		act(&in);
	check_healthy();
	bg_end(&g);
	return 0;
}
