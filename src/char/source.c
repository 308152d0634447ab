/* SPDX-License-Identifier: MIT */
/* source.c: from a descriptor to a device that takes a few bytes at a time. */
#include "char/source.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "char/alarm.h"
#include "char/term.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* How often to look whether we are in the foreground now: `fg` on a running job sends no signal. */
#define LOOK_NS (250 * NSEC_PER_MSEC)
/* A guest that has taken nothing of a full buffer for so long is stuck. */
#define STUCK_NS (1000 * NSEC_PER_MSEC)

static size_t client_room(struct source *s)
{
	const struct chardev_client *c = s->chr->client;

	return c ? c->room(s->chr->client_dev) : 0;
}

/* --- towards the guest ------------------------------------------------------------------------ */

static void deliver(struct source *s)
{
	while (s->len) {
		size_t n = min_u64(client_room(s), s->len);

		if (!n)
			return;
		s->full = s->stuck = false;
		s->chr->client->receive(s->chr->client_dev, s->buf + s->off, n);
		s->off += n;
		s->len -= n;
	}
	s->off = 0;
}

static void append(struct source *s, const uint8_t *p, size_t n)
{
	if (s->off + s->len + n > sizeof(s->buf)) {
		memmove(s->buf, s->buf + s->off, s->len);
		s->off = 0;
	}
	n = min_u64(n, sizeof(s->buf) - s->len); /* less only when stuck */
	memcpy(s->buf + s->off + s->len, p, n);
	s->len += n;
}

/* An attention key: like INTR on a terminal it overtakes and discards what was typed before it. */
static void send_break(struct source *s)
{
	const struct chardev_client *c = s->chr->client;

	deliver(s);
	s->off = s->len = 0;
	if (c && c->brk)
		c->brk(s->chr->client_dev);
}

/* Text for the person at the terminal, not for whoever reads our output. */
static void say(struct source *s, const char *text)
{
	size_t len = strlen(text);

	while (s->terminal && len) {
		ssize_t n = nbio_write(&s->io, text, len);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void help(struct source *s)
{
	if (!s->terminal)
		return;
	say(s, "\r\n");
	say(s, keys_help);
	if (s->events.keys_help)
		say(s, s->events.keys_help);
}

static void act(struct source *s, enum key_action a, uint8_t c)
{
	switch (a) {
	case KEY_QUIT:
		if (s->events.quit)
			s->events.quit(s->events.opaque);
		break;
	case KEY_HELP:
		help(s);
		break;
	case KEY_BREAK:
		send_break(s);
		break;
	case KEY_OTHER:
		if (s->events.key)
			s->events.key(s->events.opaque, (char)c);
		break;
	case KEY_SEND:
	case KEY_NONE:
		break;
	}
}

static void take(struct source *s, const uint8_t *p, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; s->escapes && i < len; i++) {
		bool was_escaped = s->keys.escaped;
		enum key_action a = keys_feed(&s->keys, p[i]);

		if (a == KEY_SEND && !was_escaped)
			continue;
		append(s, p + from, i - from);
		from = a == KEY_SEND ? i : i + 1;
		act(s, a, p[i]);
	}
	append(s, p + from, len - from);
	deliver(s);
}

/* --- from the descriptor ---------------------------------------------------------------------- */

static void watch(struct source *s, bool on)
{
	if (on && !s->in.loop) {
		/* It was watched before, or found out to be unwatchable, in source_start(). */
		if (loop_add(s->loop, &s->in, NULL) < 0)
			s->ended = true;
	} else if (!on) {
		/* Not loop_mod(): a hang-up is reported whatever one asks for. */
		loop_del(&s->in);
	}
}

static size_t may_read(struct source *s)
{
	if (s->ended || s->away)
		return 0;
	if (s->terminal)
		return s->stuck ? sizeof(s->buf) : sizeof(s->buf) - s->len;
	return s->len ? 0 : min_u64(client_room(s), sizeof(s->buf));
}

/* Watches the descriptor if and only if a byte from it could be taken. The last thing a callback
 * does, as on_end() may take the input away. */
static void update(struct source *s)
{
	size_t n;

	/*
	 * parked is set before the last look at the room: room_changed() comes with the device's
	 * lock held, room() takes it, so either we see the room or the other side sees parked.
	 */
	atomic_store(&s->parked, true);
	deliver(s);
	n = may_read(s);
	if (!s->len && (n || s->ended))
		atomic_store(&s->parked, false);
	watch(s, n > 0);
	if (s->len == sizeof(s->buf) && !s->full && !s->stuck && !s->away) {
		s->full = true;
		alarm_set(&s->look, STUCK_NS);
	}
	if (s->ended && !s->len && s->on_end && !s->end_told) {
		s->end_told = true;
		s->on_end(s);
	}
}

static void end_input(struct source *s, ssize_t err)
{
	char words[128];

	s->ended = true;
	if (err < 0 && err != -EIO)
		log_msg(LOG_INFO, "console", "cannot read %s: %s; no more input", s->name,
			strerror_r((int)-err, words, sizeof(words)));
}

/* Whether the terminal, if it is one, is in our hands. If not, that is looked at again later. */
static bool in_hand(struct source *s)
{
	struct pollfd p = { .fd = s->io.fd };

	if (!s->terminal)
		return true;
	s->away = !term_make_raw();
	if (!s->away && !s->greeted) {
		s->greeted = true;
		say(s, "trapeze: Ctrl-A x leaves, Ctrl-A h helps\r\n");
	}
	if (!s->away)
		return true;
	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLNVAL)))
		s->ended = true;
	else
		alarm_set(&s->look, LOOK_NS);
	return false;
}

static void on_in(struct ev_fd *e, uint32_t revents)
{
	struct source *s = container_of(e, struct source, in);
	uint8_t chunk[SOURCE_AHEAD];
	size_t max;
	ssize_t n;

	(void)revents;
	max = in_hand(s) ? min_u64(may_read(s), sizeof(chunk)) : 0;
	if (max) {
		n = nbio_read(&s->io, chunk, max);
		if (n > 0) {
			take(s, chunk, (size_t)n);
		} else if (n == -EIO && s->terminal) {
			/* In the background since a moment ago (SIGTTIN is blocked here),
			 * or gone. */
			s->away = true;
			alarm_set(&s->look, LOOK_NS);
		} else if (n != -EAGAIN) {
			end_input(s, n);
		}
	}
	update(s);
}

static void on_wake(struct ev_fd *e, uint32_t revents)
{
	(void)revents;
	alarm_taken(e);
	update(container_of(e, struct source, wake));
}

static void look_at_window(struct source *s)
{
	const struct chardev_client *c = s->chr->client;
	struct winsize w;

	if (!s->terminal || ioctl(s->io.fd, TIOCGWINSZ, &w) < 0 ||
	    (w.ws_col == s->cols && w.ws_row == s->rows))
		return;
	s->cols = w.ws_col;
	s->rows = w.ws_row;
	if (c && c->changed)
		c->changed(s->chr->client_dev);
}

/* The foreground or the size may have changed, or a full buffer has had its time. */
static void on_look(struct ev_fd *e, uint32_t revents)
{
	struct source *s = container_of(e, struct source, look);

	(void)revents;
	alarm_taken(e);
	if (s->ended)
		return;
	if (s->full)
		s->stuck = true; /* deliver() would have cleared it */
	s->full = false;
	look_at_window(s);
	(void)in_hand(s);
	update(s);
}

void source_room_changed(struct source *s)
{
	if (atomic_exchange(&s->parked, false))
		alarm_set(&s->wake, 0);
}

/* --- life ------------------------------------------------------------------------------------- */

/* Regular files and /dev/null are always readable, and epoll refuses them (EPERM). */
static int watch_always(struct source *s, struct error **errp)
{
	s->always_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->always_fd < 0)
		return err_errno(errp, errno, "cannot read %s", s->name);
	s->in.fd = s->always_fd;
	return loop_add(s->loop, &s->in, errp);
}

static int watch_first(struct source *s, struct error **errp)
{
	struct error *e = NULL;
	int r;

	s->in = (struct ev_fd){ .fd = s->io.fd, .events = EV_IN, .cb = on_in };
	if (s->io.how == NBIO_PLAIN)
		return watch_always(s, errp);
	r = loop_add(s->loop, &s->in, &e);
	error_free(e);
	return r == -EPERM ? watch_always(s, errp) : r;
}

int source_open(struct source *s, const char *name, struct loop *loop, struct chardev *chr,
		struct error **errp)
{
	s->name = name;
	s->loop = loop;
	s->chr = chr;
	s->always_fd = s->wake.fd = s->look.fd = s->io.fd = -1;
	s->ended = true;
	return alarm_init(&s->wake, loop, on_wake, errp);
}

int source_attach(struct source *s, struct nbio *io, struct error **errp)
{
	int r;

	s->io = *io;
	*io = (struct nbio){ .fd = -1 };
	s->ended = s->end_told = false;
	r = watch_first(s, errp);
	if (r < 0)
		source_detach(s);
	else
		update(s);
	return r;
}

void source_detach(struct source *s)
{
	loop_del(&s->in);
	base_closep(&s->always_fd);
	nbio_close(&s->io);
	s->always_fd = -1;
	s->ended = s->end_told = true;
	s->off = s->len = 0;
}

int source_start(struct source *s, const char *name, struct loop *loop, struct chardev *chr,
		 struct nbio *io, const struct console_events *events, struct error **errp)
{
	int r = source_open(s, name, loop, chr, errp);

	s->io = *io;
	*io = (struct nbio){ .fd = -1 };
	s->escapes = events;
	if (events)
		s->events = *events;
	if (r == 0 && s->io.how == NBIO_NONE) {
		end_input(s, -EBADF);
		return 0;
	}
	s->ended = false;
	s->terminal = events && s->io.tty;
	if (r == 0 && s->terminal)
		r = alarm_init(&s->look, loop, on_look, errp);
	if (r == 0)
		r = watch_first(s, errp);
	if (r < 0) {
		s->terminal = false;
		source_close(s);
		return r;
	}
	if (s->terminal) {
		look_at_window(s);
		term_open(s->io.fd, s->look.fd);
		(void)in_hand(s);
	}
	update(s);
	return 0;
}

void source_close(struct source *s)
{
	if (!s->loop)
		return;
	if (s->terminal)
		term_close();
	atomic_store(&s->parked, false);
	source_detach(s);
	alarm_destroy(&s->wake);
	alarm_destroy(&s->look);
	s->loop = NULL;
}
