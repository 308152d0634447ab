/* SPDX-License-Identifier: MIT */
/*
 * fuzz_snap.c: device state from a hostile file (libFuzzer).
 *
 * The file is tried as it is, and again with all checksums made right, since no fuzzer guesses
 * those. What is accepted must save to the same bytes as it was loaded from.
 */
#include <stdlib.h>
#include <string.h>

#include "core/snap_format.h"
#include "tests/fuzz/fuzz.h"
#include "vmm/crc32c.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/snap.h"

struct chip {
	uint8_t reg;
	uint16_t count[3];
	uint32_t mask;
	uint64_t deadline;
	bool armed;
	uint8_t fifo[5];
	uint32_t old_mode;
	uint16_t mode;
};

static const struct snap_field fields[] = {
	SNAP(struct chip, mode, 3),
	{ "old_mode", offsetof(struct chip, old_mode), 1, SNAP_U32, 4, 1, 3, 0 },
	SNAP_ARR(struct chip, fifo, 1),
	SNAP(struct chip, armed, 1),
	SNAP(struct chip, deadline, 1),
	SNAP(struct chip, mask, 2),
	SNAP_ARR(struct chip, count, 1),
	SNAP(struct chip, reg, 1),
};

static int post_load(void *s, unsigned version, struct error **errp)
{
	(void)version;
	return ((struct chip *)s)->reg == 0xff ? err_set(errp, 22, "register 0xff") : 0;
}

static const struct snap_desc desc = {
	.version = 3, .min_version = 1, .f = fields, .n = ARRAY_LEN(fields), .post_load = post_load
};

static void fix_sums(uint8_t *p, size_t len)
{
	size_t off = SNAP_HDR_SIZE;

	if (len < SNAP_HDR_SIZE)
		return;
	put_le64(p + SNAP_HDR_LEN, len);
	put_le32(p + SNAP_HDR_CRC, crc32c(0, p, SNAP_HDR_CRC));
	while (len - off >= SNAP_SEC_SIZE) {
		uint32_t n = get_le32(p + off + SNAP_SEC_LEN);

		if (n < SNAP_SEC_SIZE || n > len - off)
			return;
		put_le32(p + off, crc32c(0, p + off + SNAP_SEC_LEN, n - SNAP_SEC_LEN));
		off += n;
	}
}

/* save(load(save(x))) == save(x), or we have lost something. */
static void check_round_trip(const struct chip *c)
{
	struct chip again = { 0 };
	uint8_t *buf[2] = { NULL, NULL };
	size_t len[2] = { 0, 0 };
	const struct chip *src = c;

	for (int i = 0; i < 2; i++) {
		struct snap_writer *w = snap_writer_new();
		struct snap_reader *r = NULL;

		if (!w || snap_save(w, "chip0", &desc, src, NULL) < 0 ||
		    snap_writer_finish(w, &buf[i], &len[i], NULL) < 0)
			abort();
		if (i == 0 && (snap_reader_new(buf[0], len[0], &r, NULL) < 0 ||
			       snap_load(r, "chip0", &desc, &again, NULL) < 0 ||
			       snap_reader_check_used(r, NULL) < 0))
			abort();
		snap_reader_free(r);
		src = &again;
	}
	if (len[0] != len[1] || memcmp(buf[0], buf[1], len[0]) != 0)
		abort();
	free(buf[0]);
	free(buf[1]);
}

static void try_file(const uint8_t *data, size_t len)
{
	struct snap_reader *r = NULL;
	struct error *e = NULL;
	struct chip c = { 0 };

	if (!snap_reader_new(data, len, &r, &e)) {
		if (!snap_load(r, "chip0", &desc, &c, &e))
			check_round_trip(&c);
		(void)!snap_reader_check_used(r, NULL);
	}
	if (e && (error_code(e) <= 0 || !*error_msg(e)))
		abort();
	error_free(e);
	snap_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len + !len);

	if (!copy)
		return 0;
	try_file(data, len);
	memcpy(copy, data, len);
	fix_sums(copy, len);
	try_file(copy, len);
	free(copy);
	return 0;
}
