/* SPDX-License-Identifier: MIT */
/* tail.c: the last bytes of a stream of any length. */
#include "verdict/tail.h"

#include <string.h>

void tail_feed(struct tail *t, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	if (!t->buf && len)
		t->buf = malloc((size_t)2 * TAIL_MAX);
	if (!t->buf)
		return;
	if (len > TAIL_MAX) {
		p += len - TAIL_MAX;
		len = TAIL_MAX;
	}
	if (t->len + len > (size_t)2 * TAIL_MAX) {
		memmove(t->buf, t->buf + t->len - TAIL_MAX, TAIL_MAX);
		t->len = TAIL_MAX;
	}
	memcpy(t->buf + t->len, p, len);
	t->len += len;
}

struct test_text tail_text(const struct tail *t)
{
	size_t len = min_u64(t->len, TAIL_MAX);
	struct test_text r = { .text = malloc(len + 1), .len = len };

	if (!r.text)
		return (struct test_text){ 0 };
	if (len)
		memcpy(r.text, t->buf + t->len - len, len);
	r.text[len] = '\0';
	return r;
}

void tail_free(struct tail *t)
{
	free(t->buf);
	*t = (struct tail){ 0 };
}
