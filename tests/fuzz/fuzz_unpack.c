/* SPDX-License-Identifier: MIT */
/* fuzz_unpack.c: compressed payloads; never more output than allowed. The first byte picks the
 * format. */
#include "boot/unpack.h"
#include "tests/fuzz/fuzz_boot.h"

#define OUT_MAX (256 * KIB)

struct count {
	struct unpack_sink sink;
	uint64_t len;
};

static int count(struct unpack_sink *s, const uint8_t *p, size_t len, struct error **errp)
{
	struct count *c = container_of(s, struct count, sink);
	volatile uint8_t last = p[len - 1]; /* reachable to the last byte */

	(void)last;
	(void)errp;
	c->len += len;
	if (c->len > OUT_MAX)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct count c = { .sink.put = count };
	struct error *e = NULL;
	struct image img;
	char path[32];

	if (len < 2)
		return 0;
	img.fd = fuzz_file(data + 1, len - 1, path);
	img.size = len - 1;
	if (unpack(&img, 0, len - 1, UNPACK_GZIP + data[0] % 4, OUT_MAX, &c.sink, &e) == 0 &&
	    !c.len)
		abort();
	error_free(e);
	close(img.fd);
	return 0;
}
