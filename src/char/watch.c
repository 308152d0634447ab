/* SPDX-License-Identifier: MIT */
/*
 * watch.c: finds the panic line among everything else a console shows.
 *
 * Linux prints (kernel/panic.c)
 *	Kernel panic - not syncing: <reason>
 *	---[ end Kernel panic - not syncing: <reason> ]---
 * and its console puts in front of a line, each only if configured (kernel/printk/printk.c,
 * print_prefix): "<N>", "[   12.345678]", "[    T1]" or "[    C0]" after it, and a space.
 *
 * Only what stands where the kernel would put it counts: at the start of a line, or after text that
 * did not end its line if there is a time stamp in between (an init that writes "done" and exits).
 * So `grep -r "Kernel panic" /var/log` in the guest ends nothing.
 */
#include "vmm/console_watch.h"

#include <string.h>

#include "vmm/str.h"

static const char panic_text[] = "Kernel panic - not syncing";
static const char end_text[] = "---[ end ";

/* Of a line that is cut: more than prefix, end_text and panic_text have together. */
#define KEEP 128u

/* --- one line --------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Steps back over @lit if it ends at *end. */
static bool back_over(const char *line, size_t *end, const char *lit)
{
	size_t n = strlen(lit);

	if (*end < n || memcmp(line + *end - n, lit, n) != 0)
		return false;
	*end -= n;
	return true;
}

static size_t back_over_digits(const char *line, size_t *end)
{
	size_t n = 0;

	while (*end && is_digit(line[*end - 1])) {
		(*end)--;
		n++;
	}
	return n;
}

static void back_over_spaces(const char *line, size_t *end)
{
	while (*end && line[*end - 1] == ' ')
		(*end)--;
}

/* "[    T123]" or "[    C0]": CONFIG_PRINTK_CALLER. */
static bool back_over_caller(const char *line, size_t *end)
{
	size_t at = *end;

	if (!back_over(line, &at, "]") || !back_over_digits(line, &at) ||
	    !(back_over(line, &at, "T") || back_over(line, &at, "C")))
		return false;
	back_over_spaces(line, &at);
	if (!back_over(line, &at, "["))
		return false;
	*end = at;
	return true;
}

/* "[   12.345678]": CONFIG_PRINTK_TIME, always six decimals. */
static bool back_over_time(const char *line, size_t *end)
{
	size_t at = *end;

	if (!back_over(line, &at, "]") || back_over_digits(line, &at) != 6 ||
	    !back_over(line, &at, ".") || !back_over_digits(line, &at))
		return false;
	back_over_spaces(line, &at);
	if (!back_over(line, &at, "["))
		return false;
	*end = at;
	return true;
}

/* "<4>": console_msg_format=syslog. */
static bool back_over_level(const char *line, size_t *end)
{
	size_t at = *end, digits;

	if (!back_over(line, &at, ">"))
		return false;
	digits = back_over_digits(line, &at);
	if (!digits || digits > 3 || !back_over(line, &at, "<"))
		return false;
	*end = at;
	return true;
}

/* Whether the kernel would start a message at @at. */
static bool starts_message(const struct console_watch *w, size_t at)
{
	const char *line = w->line;
	size_t before = at;
	bool timed = false, called;

	if (back_over(line, &at, " ")) {
		called = back_over_caller(line, &at);
		timed = back_over_time(line, &at);
		if (!called && !timed)
			at = before; /* the space is not the kernel's */
	}
	back_over_level(line, &at);
	if (at == 0)
		return timed || !w->cut;
	/* What grep -H, journalctl and the like print in front of a line ends in a colon. */
	back_over_spaces(line, &at);
	return timed && (at == 0 || line[at - 1] != ':');
}

static void report(struct console_watch *w, const char *text, bool end)
{
	char safe[CONSOLE_WATCH_LINE];

	if (!w->seen) {
		w->seen = true;
		w->panic(w,
			 str_escape(text, w->len - (size_t)(text - w->line), safe, sizeof(safe)));
	}
	if (end && !w->end_seen) {
		w->end_seen = true;
		if (w->panic_end)
			w->panic_end(w);
	}
}

static void check_line(struct console_watch *w)
{
	const char *stop = w->line + w->len, *p = w->line;

	while ((p = memmem(p, (size_t)(stop - p), panic_text, sizeof(panic_text) - 1))) {
		size_t at = (size_t)(p - w->line);
		bool end = back_over(w->line, &at, end_text);

		if (starts_message(w, at)) {
			report(w, p, end);
			return;
		}
		p += sizeof(panic_text) - 1;
	}
}

/* --- the stream ------------------------------------------------------------------------------- */

/*
 * The line is longer than what we look at. A panic line has shown its beginning by now; in any
 * other one the kernel may still interrupt, so keep enough for the prefix of a message.
 */
static void shift(struct console_watch *w)
{
	check_line(w);
	w->len = KEEP;
	memmove(w->line, w->line + sizeof(w->line) - KEEP, KEEP);
	w->cut = true;
}

static void scan(struct console_watch *w, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		/* A carriage return alone starts the line anew, too. */
		if (buf[i] == '\n' || buf[i] == '\r') {
			if (w->len >= sizeof(panic_text) - 1)
				check_line(w);
			w->len = 0;
			w->cut = false;
			continue;
		}
		w->line[w->len++] = (char)buf[i];
		if (w->len == sizeof(w->line))
			shift(w);
	}
}

static void watch_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct console_watch *w = container_of(c, struct console_watch, in);

	/* First the byte, then what we think of it:
	 * the console shows the line that ends the run. */
	chardev_write(w->out, buf, len);
	scan(w, buf, len);
}

static void watch_room_changed(struct chardev *c)
{
	chardev_room_changed(container_of(c, struct console_watch, in)->out);
}

static bool watch_connected(struct chardev *c)
{
	return chardev_connected(container_of(c, struct console_watch, in)->out);
}

static bool watch_window(struct chardev *c, struct chardev_window *ret)
{
	return chardev_window(container_of(c, struct console_watch, in)->out, ret);
}

/* No offer(): what a guest's console shows does not wait for its reader. */
static const struct chardev_ops watch_ops = {
	.write = watch_write,
	.room_changed = watch_room_changed,
	.connected = watch_connected,
	.window = watch_window,
};

/* --- input passes through --------------------------------------------------------------------- */

static size_t watch_room(void *dev)
{
	struct console_watch *w = dev;

	return w->in.client ? w->in.client->room(w->in.client_dev) : 0;
}

static void watch_receive(void *dev, const uint8_t *buf, size_t len)
{
	struct console_watch *w = dev;

	w->in.client->receive(w->in.client_dev, buf, len);
}

static void watch_brk(void *dev)
{
	struct console_watch *w = dev;

	if (w->in.client && w->in.client->brk)
		w->in.client->brk(w->in.client_dev);
}

static void watch_changed(void *dev)
{
	struct console_watch *w = dev;

	if (w->in.client && w->in.client->changed)
		w->in.client->changed(w->in.client_dev);
}

static const struct chardev_client watch_client = {
	.room = watch_room,
	.receive = watch_receive,
	.brk = watch_brk,
	.changed = watch_changed,
};

void console_watch_init(struct console_watch *w, struct chardev *out,
			void (*panic)(struct console_watch *, const char *),
			void (*panic_end)(struct console_watch *))
{
	*w = (struct console_watch){
		.in.ops = &watch_ops,
		.out = out,
		.panic = panic,
		.panic_end = panic_end,
	};
	if (out != &chardev_null)
		chardev_attach(out, &watch_client, w);
}

void console_watch_reset(struct console_watch *w)
{
	w->len = 0;
	w->seen = w->end_seen = w->cut = false;
}
