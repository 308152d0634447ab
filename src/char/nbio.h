/* SPDX-License-Identifier: MIT */
/*
 * nbio.h: reading and writing descriptors we were given without ever blocking on them, and without
 * setting O_NONBLOCK on them: that flag belongs to the open file description, which the shell and
 * everything else on the same terminal or pipe shares with us.
 */
#ifndef CHAR_NBIO_H
#define CHAR_NBIO_H

#include <fcntl.h>

#include "vmm/base.h"

enum nbio_how {
	NBIO_NONE,   /* not open in the direction asked for: -EBADF */
	NBIO_OWN,    /* a description of our own, with O_NONBLOCK */
	NBIO_SOCKET, /* MSG_DONTWAIT says it per call */
	NBIO_POLL,   /* could not be opened again: poll(2) first, then little at a time */
	NBIO_PLAIN,  /* never waits for anybody: regular files, block devices, /dev/null */
};

struct nbio {
	int fd;
	bool own;  /* nbio_close() closes fd */
	bool tty;  /* a terminal */
	bool fifo; /* a pipe or FIFO */
	enum nbio_how how;
};

/* For I/O on @fd (borrowed) in direction @access: O_RDONLY or O_WRONLY. Any thread; cannot fail. */
void nbio_open(struct nbio *io, int fd, int access);

/* For I/O on @fd, which is opened with O_NONBLOCK by us; takes ownership. */
void nbio_adopt(struct nbio *io, int fd);

/* Closes what nbio_open() opened or nbio_adopt() took; fine on a zeroed @io and twice. */
void nbio_close(struct nbio *io);

/*
 * At most @len bytes, maybe fewer. Returns the count, 0 at end of file (read), -EAGAIN if it would
 * have to wait, another negative errno otherwise. Raises no SIGPIPE on sockets; elsewhere
 * console_sanitize_fds() has it ignored.
 */
ssize_t nbio_read(struct nbio *io, void *buf, size_t len);
ssize_t nbio_write(struct nbio *io, const void *buf, size_t len);

/* How many written bytes wait for the reader; -1: there is no telling. */
int nbio_queued(const struct nbio *io);

#endif
