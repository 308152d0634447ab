/* SPDX-License-Identifier: MIT */
/* file.c: a console that is written to a file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "char/console.h"
#include "vmm/error.h"

/*
 * O_APPEND: what a log rotation cuts off stays cut off, and two consoles may share a file.
 * O_NONBLOCK: the path may be a FIFO or a serial line; it is ours alone to set. A FIFO without a
 * reader gives ENXIO for O_WRONLY; opened for both directions it keeps what it can until one comes,
 * and outlives those that go.
 */
static int open_output(const char *path)
{
	const int flags = O_CREAT | O_TRUNC | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = open(path, O_WRONLY | flags, 0666);

	if (fd < 0 && errno == ENXIO)
		fd = open(path, O_RDWR | flags, 0666);
	return fd;
}

int console_open_file(struct console *c, const char *arg, struct error **errp)
{
	struct nbio io;
	int fd;

	c->path = strdup(arg);
	if (!c->path)
		return err_errno(errp, ENOMEM, "cannot open console file '%s'", arg);
	fd = open_output(arg);
	if (fd < 0)
		return err_errno(errp, errno, "cannot open console file '%s' for writing", arg);
	nbio_adopt(&io, fd);
	c->out = &c->own;
	return sink_init(c->out, c->path, c->loop, &io, errp);
}
