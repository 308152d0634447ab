/* SPDX-License-Identifier: MIT */
/*
 * pty.c: a console on a pseudo-terminal of its own, for screen(1), minicom(1) and their like.
 *
 * We keep the far side open ourselves. Without that, each time the last program there closes it the
 * kernel hangs it up (reading gives EIO, epoll reports nothing else) and sets its modes back to
 * cooked with echo, so that the next one who opens it echoes the guest's output to the guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>

#include "char/console.h"
#include "vmm/error.h"
#include "vmm/log.h"

static int start(struct console *c, struct error **errp)
{
	struct nbio io;
	int fd;

	if (c->in.loop)
		return 0;
	fd = fcntl(c->out->io.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(errp, errno, "cannot read console '%s'", c->path);
	nbio_adopt(&io, fd);
	return source_start(&c->in, c->path, c->loop, &c->chr, &io, NULL, errp);
}

/* What the guest sends passes unchanged and is not echoed, until the program there decides
 * otherwise. */
static int open_slave(struct console *c, int master)
{
	struct termios t;
	char path[64];

	if (grantpt(master) < 0 || unlockpt(master) < 0)
		return -errno;
	errno = ptsname_r(master, path, sizeof(path));
	if (errno)
		return -errno;
	c->path = strdup(path);
	if (!c->path)
		return -ENOMEM;
	c->slave_fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->slave_fd < 0 || tcgetattr(c->slave_fd, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	return tcsetattr(c->slave_fd, TCSANOW, &t) < 0 ? -errno : 0;
}

int console_open_pty(struct console *c, const char *arg, struct error **errp)
{
	_cleanup_close_ int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct nbio io;
	int r;

	(void)arg;
	if (master < 0)
		return err_errno(errp, errno, "cannot open a pseudo-terminal on '/dev/ptmx'");
	r = open_slave(c, master);
	if (r < 0)
		return err_errno(errp, -r, "cannot open the far side of a pseudo-terminal");
	c->start = start;
	nbio_adopt(&io, take_fd(&master));
	c->out = &c->own;
	r = sink_init(c->out, c->path, c->loop, &io, errp);
	c->tty_fd = c->out->io.fd;
	if (r == 0) /* said always: without it nobody can find the console */
		log_msg(LOG_WARN, "console", "the console is on %s", c->path);
	return r;
}
