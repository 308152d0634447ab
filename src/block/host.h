/* SPDX-License-Identifier: MIT */
/*
 * host.h: the system calls through which this room touches disks, in one table, so that tests can
 * make the n-th of a kind fail or fall short. Nobody else calls these directly.
 */
#ifndef BLOCK_HOST_H
#define BLOCK_HOST_H

#include <sys/types.h>
#include <sys/uio.h>

#include "vmm/base.h"

/* What a completion that the kernel delivers by itself (io_uring, libaio) was about. */
enum host_call {
	HOST_READ,
	HOST_WRITE,
	HOST_SYNC,
	HOST_FALLOCATE,
	HOST_TRUNCATE,
	HOST_IOCTL,
	HOST_LOCK,
	HOST_CALLS
};

/* As the system calls of the same names: -1 and errno. */
struct host_ops {
	/* preadv2(2), pwritev2(2) */
	ssize_t (*read)(int fd, const struct iovec *iov, int cnt, off_t off, int flags);
	ssize_t (*write)(int fd, const struct iovec *iov, int cnt, off_t off, int flags);
	int (*fdatasync)(int fd);
	int (*fallocate)(int fd, int mode, off_t off, off_t len);
	int (*ftruncate)(int fd, off_t size);
	int (*ioctl)(int fd, unsigned long request, void *arg);
	int (*lock)(int fd, int cmd, void *flock); /* fcntl(2) F_OFD_* */
	/* NULL, or sees each result (bytes, -errno) that the kernel delivers and says what it is
	 * taken to be. */
	int32_t (*completion)(enum host_call call, int32_t res);
};

extern const struct host_ops host_real;
/* The table in use; changed by tests only, while nothing is open. */
extern const struct host_ops *host;

#endif
