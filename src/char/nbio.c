/* SPDX-License-Identifier: MIT */
/* nbio.c: non-blocking I/O on descriptors whose flags are not ours to change. */
#include "char/nbio.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/sockios.h>

/*
 * What one write(2) after poll(2) can hand over without waiting, as long as nobody else writes
 * there: a pipe that polls writable has a page free (pipe(7): PIPE_BUF), a terminal has a buffer
 * block of 256 bytes free, and output processing may double what we write.
 */
#define POLL_CHUNK 128u

/* Documentation/admin-guide/devices.txt: 1:3 null, 1:5 zero, 1:7 full; 5:2 ptmx. */
static bool never_waits(const struct stat *st)
{
	if (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode) || S_ISDIR(st->st_mode))
		return true;
	return S_ISCHR(st->st_mode) && major(st->st_rdev) == 1 &&
	       (minor(st->st_rdev) == 3 || minor(st->st_rdev) == 5 || minor(st->st_rdev) == 7);
}

/*
 * Only what is the same object when opened again: not /dev/ptmx, where each open makes a new pair,
 * and no unknown device, where an open may have any effect.
 */
static bool can_reopen(const struct nbio *io, const struct stat *st)
{
	return io->fifo || (io->tty && st->st_rdev != makedev(5, 2));
}

/*
 * Through /proc, a descriptor leads to the object itself, so this gives another open file
 * description of the same pipe or terminal. It fails if the object belongs to another user (after
 * su), if /proc is not mounted, or (ENXIO) on a pipe without a reader. An input terminal is opened
 * for writing too: the help text goes there.
 */
static int reopen(const struct nbio *io, int access, const struct stat *st)
{
	_cleanup_close_ int fd = -1;
	char path[32];
	struct stat now;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", io->fd);
	if (io->tty && access == O_RDONLY)
		fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		fd = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &now) < 0 || now.st_ino != st->st_ino || now.st_dev != st->st_dev)
		return -1;
	return take_fd(&fd);
}

void nbio_open(struct nbio *io, int fd, int access)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	*io = (struct nbio){ .fd = fd, .how = NBIO_NONE };
	/* Opening again could grant a direction we were not given: a pipe's other end. */
	if (flags < 0 || (flags & O_PATH) || fstat(fd, &st) < 0 ||
	    ((flags & O_ACCMODE) != access && (flags & O_ACCMODE) != O_RDWR))
		return;
	io->tty = isatty(fd);
	io->fifo = S_ISFIFO(st.st_mode);
	io->how = NBIO_POLL;
	if (S_ISSOCK(st.st_mode)) {
		io->how = NBIO_SOCKET;
	} else if (never_waits(&st)) {
		io->how = NBIO_PLAIN;
	} else if (can_reopen(io, &st)) {
		int own = reopen(io, access, &st);

		if (own >= 0) {
			io->fd = own;
			io->own = true;
			io->how = NBIO_OWN;
		}
	}
}

void nbio_adopt(struct nbio *io, int fd)
{
	struct stat st;

	*io = (struct nbio){ .fd = fd, .own = true, .how = NBIO_OWN, .tty = isatty(fd) };
	io->fifo = fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

void nbio_close(struct nbio *io)
{
	if (io->own)
		close(io->fd);
	*io = (struct nbio){ .fd = -1 };
}

static bool ready(const struct nbio *io, short events)
{
	struct pollfd p = { .fd = io->fd, .events = events };

	return poll(&p, 1, 0) > 0;
}

ssize_t nbio_read(struct nbio *io, void *buf, size_t len)
{
	ssize_t n;

	if (io->how == NBIO_NONE)
		return -EBADF;
	if (io->how == NBIO_POLL && !ready(io, POLLIN))
		return -EAGAIN;
	if (io->how == NBIO_SOCKET)
		n = recv(io->fd, buf, len, MSG_DONTWAIT);
	else
		n = read(io->fd, buf, len);
	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

ssize_t nbio_write(struct nbio *io, const void *buf, size_t len)
{
	ssize_t n;

	if (io->how == NBIO_NONE)
		return -EBADF;
	if (io->how == NBIO_POLL) {
		if (!ready(io, POLLOUT))
			return -EAGAIN;
		len = min_u64(len, POLL_CHUNK);
	}
	if (io->how == NBIO_SOCKET)
		n = send(io->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		n = write(io->fd, buf, len);
	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

int nbio_queued(const struct nbio *io)
{
	int n;

	if (io->how == NBIO_NONE || io->how == NBIO_PLAIN)
		return -1;
	if (ioctl(io->fd, io->fifo ? FIONREAD : TIOCOUTQ, &n) < 0)
		return -1;
	return n;
}
