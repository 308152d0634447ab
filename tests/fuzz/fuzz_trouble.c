/* SPDX-License-Identifier: MIT */
/*
 * fuzz_trouble.c: whatever a console says, the scanner finds the same however it is cut into reads,
 * keeps no more than it may, and tells a headline of what it has cut out (libFuzzer).
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "verdict/trouble.h"

struct found {
	struct test_text tail, block;
	char headline[TROUBLE_LINE], panic[TROUBLE_LINE];
	bool trouble, panicked, missing, forbidden;
};

static struct found scan(const uint8_t *data, size_t len, size_t step)
{
	static const struct test_expect x = { .console = { "log(in)?: $" },
					      .console_cnt = 1,
					      .fail_on = { "^FAIL" },
					      .fail_on_cnt = 1 };
	struct trouble *t = NULL;
	struct test_evidence e = { 0 };
	struct found f = { 0 };

	must(!trouble_create(&x, &t, NULL));
	for (size_t i = 0; i < len; i += step)
		trouble_feed(t, data + i, min_u64(step, len - i));
	trouble_finish(t);
	trouble_tell(t, &e);
	f.tail = trouble_tail(t);
	f.block = trouble_block(t);
	must(f.tail.text && f.tail.len <= TROUBLE_TAIL * (TROUBLE_LINE + 1));
	must(f.block.text && f.block.len <= TROUBLE_BLOCK);
	f.trouble = e.trouble;
	f.panicked = e.panicked;
	f.missing = e.missing_console;
	f.forbidden = e.forbidden;
	must(!e.panicked || (e.panic && strstr(e.panic, "Kernel panic")));
	must(!e.trouble || strlen(e.trouble) < TROUBLE_LINE);
	must(e.trouble || !f.block.len);
	if (e.trouble)
		memcpy(f.headline, e.trouble, strlen(e.trouble));
	if (e.panic)
		memcpy(f.panic, e.panic, strlen(e.panic));
	trouble_destroy(t);
	return f;
}

static bool same_text(const struct test_text *a, const struct test_text *b)
{
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct found whole, pieces;

	if (!len)
		return 0;
	whole = scan(data, len, len);
	pieces = scan(data, len, 1 + data[0] % 64u);
	must(same_text(&whole.tail, &pieces.tail) && same_text(&whole.block, &pieces.block));
	must(!strcmp(whole.headline, pieces.headline) && !strcmp(whole.panic, pieces.panic));
	must(whole.trouble == pieces.trouble && whole.panicked == pieces.panicked);
	must(whole.missing == pieces.missing && whole.forbidden == pieces.forbidden);
	free(whole.tail.text);
	free(whole.block.text);
	free(pieces.tail.text);
	free(pieces.block.text);
	return 0;
}
