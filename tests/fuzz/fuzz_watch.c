/* SPDX-License-Identifier: MIT */
/*
 * fuzz_watch.c: whatever a guest prints, the panic watch passes it on unchanged, finds the same
 * however it is cut into writes, finds what is plainly there, and reports only clean text
 * (libFuzzer).
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/console_watch.h"

#define PANIC "Kernel panic - not syncing"

struct seen {
	struct console_watch w;
	struct chardev out;
	const uint8_t *expect; /* what must come out next */
	unsigned panics, ends;
	char line[CONSOLE_WATCH_LINE];
};

static void out_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct seen *s = container_of(c, struct seen, out);

	must(!memcmp(buf, s->expect, len));
	s->expect += len;
}

static void on_panic(struct console_watch *w, const char *line)
{
	struct seen *s = container_of(w, struct seen, w);
	size_t len = strlen(line);

	s->panics++;
	must(len < sizeof(s->line) && !strncmp(line, PANIC, strlen(PANIC)));
	for (size_t i = 0; i < len; i++)
		must((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
	memcpy(s->line, line, len + 1);
}

static void on_end(struct console_watch *w)
{
	struct seen *s = container_of(w, struct seen, w);

	must(s->panics == 1);
	s->ends++;
}

static void run(struct seen *s, const uint8_t *data, size_t len, size_t step)
{
	static const struct chardev_ops ops = { .write = out_write };

	memset(s, 0, sizeof(*s));
	s->out.ops = &ops;
	s->expect = data;
	console_watch_init(&s->w, &s->out, on_panic, on_end);
	for (size_t i = 0; i < len; i += step)
		chardev_write(&s->w.in, data + i, min_u64(step, len - i));
	must(s->expect == data + len);
	must(s->panics <= 1 && s->ends <= s->panics);
}

static bool ends_line(uint8_t c)
{
	return c == '\n' || c == '\r';
}

/* A line that begins with the words and nothing else, and is short enough to be looked at whole. */
static bool plainly_there(const uint8_t *data, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i < len; i++) {
		if (!ends_line(data[i]))
			continue;
		if (i - start >= strlen(PANIC) && i - start < CONSOLE_WATCH_LINE &&
		    !memcmp(data + start, PANIC, strlen(PANIC)))
			return true;
		start = i + 1;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct seen bytewise, at_once, pieces;

	if (!len)
		return 0;
	run(&bytewise, data, len, 1);
	run(&at_once, data, len, len);
	run(&pieces, data, len, 1 + data[0] % 64u);
	must(bytewise.panics == at_once.panics && bytewise.ends == at_once.ends);
	must(bytewise.panics == pieces.panics && bytewise.ends == pieces.ends);
	must(!strcmp(bytewise.line, at_once.line) && !strcmp(bytewise.line, pieces.line));
	must(bytewise.panics || !plainly_there(data, len));
	console_watch_reset(&bytewise.w);
	must(!bytewise.w.seen && !bytewise.w.len);
	return 0;
}
