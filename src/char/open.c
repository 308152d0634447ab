/* SPDX-License-Identifier: MIT */
/* open.c: from a console's name in the configuration to its backend, and the life they share. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "char/console.h"
#include "vmm/error.h"

static const struct backend {
	const char *name;
	bool has_arg;
	int (*open)(struct console *c, const char *arg, struct error **errp); /* NULL: null */
} backends[] = {
	{ "stdio", false, console_open_stdio }, { "null", false, NULL },
	{ "file", true, console_open_file },    { "pty", false, console_open_pty },
	{ "unix", true, console_open_unix },    { "fd", true, console_open_fd },
};

static void console_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
	sink_write(container_of(chr, struct console, chr)->out, buf, len);
}

static void console_room_changed(struct chardev *chr)
{
	source_room_changed(&container_of(chr, struct console, chr)->in);
}

static size_t console_offer(struct chardev *chr, const uint8_t *buf, size_t len)
{
	struct console *c = container_of(chr, struct console, chr);

	return sink_offer(c->out, &c->waiter, buf, len);
}

static void on_output_room(struct sink_waiter *w)
{
	struct console *c = container_of(w, struct console, waiter);

	if (c->chr.client && c->chr.client->output_ready)
		c->chr.client->output_ready(c->chr.client_dev);
}

static bool console_connected(struct chardev *chr)
{
	return console_unix_connected(container_of(chr, struct console, chr));
}

/* A terminal that has not been told its size says 0 by 0. */
static bool console_window(struct chardev *chr, struct chardev_window *ret)
{
	struct console *c = container_of(chr, struct console, chr);
	struct winsize w;

	if (c->tty_fd < 0 || ioctl(c->tty_fd, TIOCGWINSZ, &w) < 0 || !w.ws_col || !w.ws_row)
		return false;
	*ret = (struct chardev_window){ w.ws_col, w.ws_row };
	return true;
}

static size_t console_offer_rest(struct chardev *chr, const uint8_t *buf, size_t len)
{
	return sink_offer_rest(container_of(chr, struct console, chr)->out, buf, len);
}

static const struct chardev_ops console_ops = {
	.write = console_write,
	.room_changed = console_room_changed,
	.offer = console_offer,
	.connected = console_connected,
	.window = console_window,
	.offer_rest = console_offer_rest,
};

static const struct backend *find(const char *spec, struct error **errp)
{
	size_t len = strcspn(spec, ":");

	for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
		const struct backend *b = &backends[i];

		if (strlen(b->name) != len || memcmp(b->name, spec, len) != 0)
			continue;
		if (b->has_arg && (!spec[len] || !spec[len + 1])) {
			err_set(errp, EINVAL, "console '%s' lacks a path", spec);
			err_hint(errp, "write it as %s:PATH", b->name);
			return NULL;
		}
		if (!b->has_arg && spec[len]) {
			err_set(errp, EINVAL, "console '%s': '%s' takes no argument", spec,
				b->name);
			return NULL;
		}
		return b;
	}
	err_set(errp, EINVAL, "there is no console '%s'", spec);
	err_hint(errp, "choose one of stdio, null, file:PATH, pty, unix:PATH");
	return NULL;
}

int console_open(const char *spec, struct loop *loop, const struct console_events *ev,
		 struct chardev **ret, struct error **errp)
{
	const struct backend *b = find(spec, errp);
	const char *colon = strchr(spec, ':');
	struct console *c;
	int r;

	if (!b)
		return -EINVAL;
	if (!b->open) {
		*ret = &chardev_null;
		return 0;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_errno(errp, ENOMEM, "cannot open console '%s'", spec);
	c->chr.ops = &console_ops;
	c->loop = loop;
	c->slave_fd = c->tty_fd = -1;
	c->waiter.ready = on_output_room;
	if (ev)
		c->events = *ev;
	r = b->open(c, colon ? colon + 1 : NULL, errp);
	if (r < 0)
		console_close(&c->chr, 0, NULL);
	else
		*ret = &c->chr;
	return r;
}

int console_start(struct chardev *chr, struct error **errp)
{
	struct console *c = container_of(chr, struct console, chr);

	if (chr->ops != &console_ops || !chr->client || !c->start)
		return 0;
	return c->start(c, errp);
}

const char *console_pty_path(const struct chardev *chr)
{
	const struct console *c = container_of(chr, const struct console, chr);

	return chr->ops == &console_ops && c->slave_fd >= 0 ? c->path : NULL;
}

struct chardev *console_close(struct chardev *chr, unsigned patience_ms, uint64_t *ret_dropped)
{
	struct console *c = container_of(chr, struct console, chr);
	uint64_t lost;

	if (ret_dropped)
		*ret_dropped = 0;
	if (!chr || chr->ops != &console_ops)
		return NULL;
	if (c->out && c->out->loop)
		sink_forget(c->out, &c->waiter);
	if (c->out == &c->own)
		lost = sink_close(c->out, patience_ms);
	else
		lost = console_release_stdio(c, patience_ms);
	source_close(&c->in);
	if (c->stop)
		c->stop(c);
	base_closep(&c->slave_fd);
	free(c->path);
	free(c);
	if (ret_dropped)
		*ret_dropped = lost;
	return NULL;
}
