/* SPDX-License-Identifier: MIT */
/* host.c: the system calls that touch disks, as they are. */
#include "block/host.h"

#include <fcntl.h>
#include <sys/ioctl.h>

static int real_fdatasync(int fd)
{
	return fdatasync(fd);
}

static int real_fallocate(int fd, int mode, off_t off, off_t len)
{
	return fallocate(fd, mode, off, len);
}

static int real_ftruncate(int fd, off_t size)
{
	return ftruncate(fd, size);
}

static int real_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg);
}

static int real_lock(int fd, int cmd, void *flock)
{
	return fcntl(fd, cmd, flock);
}

const struct host_ops host_real = {
	.read = preadv2,
	.write = pwritev2,
	.fdatasync = real_fdatasync,
	.fallocate = real_fallocate,
	.ftruncate = real_ftruncate,
	.ioctl = real_ioctl,
	.lock = real_lock,
};

const struct host_ops *host = &host_real;
