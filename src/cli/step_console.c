/* SPDX-License-Identifier: MIT */
/*
 * step_console.c: the guest's console beside a prompt. What it writes is kept, whole lines are
 * handed on with the port's name in front, and standard input is not its own: `key` types for it.
 */
#include <stdio.h>
#include <string.h>

#include "cli/step.h"
#include "cli/step_console.h"

#define KEEP_MAX (1u << 20)

/* vCPU threads, device lock held: nothing here waits but for a copy. */
static void console_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
	struct step_console *c = container_of(chr, struct step_console, chr);

	mutex_lock(&c->lock);
	if (c->got.len + len > KEEP_MAX)
		c->lost += len;
	else
		str_add_bytes(&c->got, (const char *)buf, len);
	mutex_unlock(&c->lock);
	if (c->wrote)
		c->wrote(c->opaque);
}

static const struct chardev_ops console_ops = { .write = console_write };

struct step_console *step_console_new(const char *name)
{
	struct step_console *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->chr.ops = &console_ops;
	snprintf(c->name, sizeof(c->name), "%s", name);
	mutex_init(&c->lock);
	return c;
}

struct step_console *step_console_free(struct step_console *c)
{
	if (!c)
		return NULL;
	str_free(&c->got);
	mutex_destroy(&c->lock);
	free(c);
	return NULL;
}

/* One line of the guest's, without what a terminal would act on. */
static void add_line(const struct step_console *c, const char *p, size_t len, char mark,
		     struct str *out)
{
	char *text;

	while (len && (p[len - 1] == '\r' || p[len - 1] == '\n'))
		len--;
	text = malloc(4 * len + 4);
	if (text)
		str_add(out, "%s%c %s\n", c->name, mark, str_escape(p, len, text, 4 * len + 4));
	free(text);
}

void step_console_take(struct step_console *c, bool all, struct str *out)
{
	size_t at = 0;
	char *nl;

	mutex_lock(&c->lock);
	while (at < c->got.len && (nl = memchr(c->got.s + at, '\n', c->got.len - at))) {
		size_t len = (size_t)(nl - (c->got.s + at)) + 1;

		add_line(c, c->got.s + at, len, '|', out);
		at += len;
		c->shown = 0;
	}
	/* Its beginning stays: the line is shown as a whole when it is one. */
	if (at && at < c->got.len)
		memmove(c->got.s, c->got.s + at, c->got.len - at);
	c->got.len -= at;
	if (all && c->got.len && c->got.len != c->shown) {
		add_line(c, c->got.s, c->got.len, '>', out);
		c->shown = c->got.len;
	}
	if (c->lost)
		str_add(out, "%s! %llu bytes were lost: too long a line\n", c->name,
			(unsigned long long)c->lost);
	if (c->lost) {
		c->got.len = 0;
		c->shown = 0;
	}
	c->lost = 0;
	mutex_unlock(&c->lock);
}

size_t step_console_feed(struct step_console *c, const uint8_t *buf, size_t len)
{
	const struct chardev_client *client = c->chr.client;
	size_t done = 0;

	while (client && client->room && client->receive && done < len) {
		size_t n = min_u64(len - done, client->room(c->chr.client_dev));

		if (!n)
			break;
		client->receive(c->chr.client_dev, buf + done, n);
		done += n;
	}
	return done;
}
