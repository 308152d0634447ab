/* SPDX-License-Identifier: MIT */
/*
 * fd.c: a stream on a socket that is open already, "fd:N": how a process that made this one hands
 * over its end of a socket pair. The descriptor is borrowed; whoever is at the other end is there
 * from the beginning, and one who leaves ends both directions.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "char/console.h"
#include "vmm/error.h"
#include "vmm/parse.h"

/* epoll knows a descriptor once: input and output have one each. */
static int own_copy(int fd, struct nbio *ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (copy < 0)
		return -errno;
	nbio_open(ret, copy, O_RDWR);
	ret->own = true;
	return 0;
}

static int start(struct console *c, struct error **errp)
{
	struct nbio in;
	int r = own_copy(c->socket_fd, &in);

	if (r < 0)
		return err_errno(errp, -r, "cannot read '%s'", c->path);
	return source_start(&c->in, c->path, c->loop, &c->chr, &in, NULL, errp);
}

int console_open_fd(struct console *c, const char *arg, struct error **errp)
{
	struct nbio out;
	uint64_t fd;
	int r = parse_u64(arg, 0, INT_MAX, &fd, errp);

	if (r < 0)
		return err_wrap(errp, "console 'fd:%s'", arg);
	c->path = strdup(arg);
	if (!c->path)
		return err_errno(errp, ENOMEM, "cannot open console 'fd:%s'", arg);
	c->socket_fd = (int)fd;
	c->start = start;
	r = own_copy(c->socket_fd, &out);
	if (r < 0)
		return err_errno(errp, -r, "cannot open console 'fd:%s'", arg);
	c->out = &c->own;
	return sink_init(c->out, c->path, c->loop, &out, errp);
}
