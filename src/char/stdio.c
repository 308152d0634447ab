/* SPDX-License-Identifier: MIT */
/*
 * stdio.c: the console on standard input and output, whatever they are, and the care a process
 * takes of the descriptors and signals it was started with.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "char/console.h"

/*
 * There is one standard input and one standard output, so that bytes of two consoles come out in
 * the order in which the guest wrote them. Opening, starting and closing happen on one thread.
 */
static struct console *stdin_taker;
static struct {
	struct sink sink;
	unsigned users;
} shared_out;

static int start(struct console *c, struct error **errp)
{
	struct nbio io;

	if (stdin_taker)
		return 0;
	stdin_taker = c;
	nbio_open(&io, STDIN_FILENO, O_RDONLY);
	return source_start(&c->in, "standard input", c->loop, &c->chr, &io,
			    c->events.terminal_only && !io.tty ? NULL : &c->events, errp);
}

uint64_t console_release_stdio(struct console *c, unsigned patience_ms)
{
	if (stdin_taker == c)
		stdin_taker = NULL;
	if (c->out != &shared_out.sink || --shared_out.users)
		return 0;
	return sink_close(&shared_out.sink, patience_ms);
}

int console_open_stdio(struct console *c, const char *arg, struct error **errp)
{
	struct nbio io;
	int r;

	(void)arg;
	c->start = start;
	if (!shared_out.users) {
		nbio_open(&io, STDOUT_FILENO, O_WRONLY);
		r = sink_init(&shared_out.sink, "standard output", c->loop, &io, errp);
		if (r < 0)
			return r;
	}
	shared_out.users++;
	c->tty_fd = STDIN_FILENO;
	c->out = &shared_out.sink;
	return 0;
}

void console_sanitize_fds(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		/* open() takes the lowest free number, which is fd. In a chroot without /dev an
		 * O_PATH descriptor keeps the number: I/O on it fails like on a closed one. */
		if (open("/dev/null", O_RDWR) < 0)
			(void)!open("/", O_PATH);
	}
}
