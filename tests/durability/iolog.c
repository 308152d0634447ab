/* SPDX-License-Identifier: MIT */
/*
 * iolog.so: writes down everything a program does to one file, and when it did it.
 *
 *   LD_PRELOAD=iolog.so IOLOG_IMAGE=FILE IOLOG=LOG program ...
 *
 * A write is in the log twice: before it is made, with its bytes, and after it has succeeded; a
 * sync, too. So the log knows what a sync promised: the writes that had ended when it began. Of all
 * others a loss of power may leave any part. What goes to standard output is in it as well, so that
 * what was promised to the one who watches can be compared with what is there.
 *
 * One lock orders the events. The program must do its I/O through the C library's functions below,
 * none of which io_uring or libaio would use.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/durability/iolog.h"

#define EXPORT __attribute__((visibility("default")))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static struct stat image;
static uint32_t last_id;

static void die(const char *what)
{
	dprintf(2, "iolog: %s: %s\n", what, strerror(errno));
	_exit(99);
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("IOLOG_IMAGE"), *log = getenv("IOLOG");

	if (!path || !log)
		return;
	if (stat(path, &image) < 0)
		die(path);
	log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log_fd < 0)
		die(log);
	/* Out of the way of programs that count their descriptors. */
	log_fd = fcntl(log_fd, F_DUPFD_CLOEXEC, 900);
	if (log_fd < 0)
		die(log);
}

static bool is_image(int fd)
{
	struct stat st;
	int saved = errno;
	bool yes = log_fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == image.st_dev &&
		   st.st_ino == image.st_ino;

	errno = saved;
	return yes;
}

/* One event, whole; the system call itself, because write() is one of ours. */
static void put(struct iolog_event e, const struct iovec *iov, int cnt)
{
	struct iovec v[1025] = { { &e, sizeof(e) } };
	uint64_t all = sizeof(e);

	if (cnt > 1024) {
		errno = E2BIG;
		die("a write in more pieces than the kernel takes");
	}
	for (int i = 0; i < cnt; i++) {
		v[i + 1] = iov[i];
		e.data_len += iov[i].iov_len;
	}
	all += e.data_len;
	if (cnt == 1024) { /* one too many for a single call */
		if (syscall(SYS_writev, log_fd, v, 1) < 0 ||
		    (uint64_t)syscall(SYS_writev, log_fd, v + 1, cnt) != all - sizeof(e))
			die("the log");
		return;
	}
	if ((uint64_t)syscall(SYS_writev, log_fd, v, cnt + 1) != all)
		die("the log");
}

static uint32_t log_begin(enum iolog_type type, uint64_t off, uint64_t len, const struct iovec *iov,
			  int cnt)
{
	uint32_t id;

	pthread_mutex_lock(&lock);
	id = ++last_id;
	put((struct iolog_event){ .type = type, .id = id, .off = off, .len = len }, iov, cnt);
	pthread_mutex_unlock(&lock);
	return id;
}

static void log_end(uint32_t id, bool durable, uint64_t len)
{
	int saved = errno;

	pthread_mutex_lock(&lock);
	put((struct iolog_event){ .type = durable ? IOLOG_END_SYNC : IOLOG_END,
				  .id = id,
				  .len = len },
	    NULL, 0);
	pthread_mutex_unlock(&lock);
	errno = saved;
}

static bool fd_is_durable(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && flags & O_DSYNC;
}

static ssize_t logged_writev(int fd, const struct iovec *iov, int cnt, off_t off, int flags)
{
	uint32_t id = log_begin(IOLOG_WRITE, (uint64_t)off, 0, iov, cnt);
	ssize_t n = syscall(SYS_pwritev2, fd, iov, (long)cnt, (long)off, 0L, flags);

	if (n > 0)
		log_end(id, flags & (RWF_DSYNC | RWF_SYNC) || fd_is_durable(fd), (uint64_t)n);
	return n;
}

/* The system calls instead of dlsym(RTLD_NEXT): there is nothing else in the C library's wrappers.
 */
EXPORT ssize_t pwritev2(int fd, const struct iovec *iov, int cnt, off_t off, int flags)
{
	if (is_image(fd))
		return logged_writev(fd, iov, cnt, off, flags);
	return syscall(SYS_pwritev2, fd, iov, (long)cnt, (long)off, 0L, flags);
}
EXPORT ssize_t pwritev64v2(int fd, const struct iovec *iov, int cnt, off_t off, int flags)
	__attribute__((alias("pwritev2")));

EXPORT ssize_t pwritev(int fd, const struct iovec *iov, int cnt, off_t off)
{
	if (is_image(fd))
		return logged_writev(fd, iov, cnt, off, 0);
	return syscall(SYS_pwritev, fd, iov, (long)cnt, (long)off, 0L);
}
EXPORT ssize_t pwritev64(int fd, const struct iovec *iov, int cnt, off_t off)
	__attribute__((alias("pwritev")));

EXPORT ssize_t pwrite(int fd, const void *buf, size_t n, off_t off)
{
	struct iovec iov = { (void *)(uintptr_t)buf, n };

	if (is_image(fd))
		return logged_writev(fd, &iov, 1, off, 0);
	return syscall(SYS_pwrite64, fd, buf, n, (long)off);
}
EXPORT ssize_t pwrite64(int fd, const void *buf, size_t n, off_t off)
	__attribute__((alias("pwrite")));

static ssize_t plain_writev(int fd, const struct iovec *iov, int cnt)
{
	ssize_t n;

	if (is_image(fd))
		die("write() at the image's file position: not understood");
	if (fd == STDOUT_FILENO && log_fd >= 0)
		log_begin(IOLOG_CONSOLE, 0, 0, iov, cnt);
	n = syscall(SYS_writev, fd, iov, (long)cnt);
	return n;
}
EXPORT ssize_t writev(int fd, const struct iovec *iov, int cnt)
{
	return plain_writev(fd, iov, cnt);
}
EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)buf, n };

	return plain_writev(fd, &iov, 1);
}

static int logged_sync(int fd, long nr)
{
	uint32_t id;
	int r;

	if (!is_image(fd))
		return (int)syscall(nr, fd);
	id = log_begin(IOLOG_SYNC, 0, 0, NULL, 0);
	r = (int)syscall(nr, fd);
	if (r == 0)
		log_end(id, true, 0);
	return r;
}
EXPORT int fdatasync(int fd)
{
	return logged_sync(fd, SYS_fdatasync);
}
EXPORT int fsync(int fd)
{
	return logged_sync(fd, SYS_fsync);
}

EXPORT int ftruncate(int fd, off_t len)
{
	uint32_t id;
	int r;

	if (!is_image(fd))
		return (int)syscall(SYS_ftruncate, fd, len);
	id = log_begin(IOLOG_TRUNCATE, 0, (uint64_t)len, NULL, 0);
	r = (int)syscall(SYS_ftruncate, fd, len);
	if (r == 0)
		log_end(id, false, 0);
	return r;
}
EXPORT int ftruncate64(int fd, off_t len) __attribute__((alias("ftruncate")));

EXPORT int fallocate(int fd, int mode, off_t off, off_t len)
{
	bool zeroes = mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE);
	uint32_t id = 0;
	int r;

	if (!is_image(fd))
		return (int)syscall(SYS_fallocate, fd, mode, off, len);
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		die("a fallocate() mode that is not understood");
	/* Reserving space changes no byte, but perhaps the length: then a zero at the end stands
	 * for it. */
	if (zeroes)
		id = log_begin(mode & FALLOC_FL_KEEP_SIZE ? IOLOG_PUNCH : IOLOG_ZERO, (uint64_t)off,
			       (uint64_t)len, NULL, 0);
	r = (int)syscall(SYS_fallocate, fd, mode, off, len);
	if (r == 0 && id)
		log_end(id, false, 0);
	return r;
}
EXPORT int fallocate64(int fd, int mode, off_t off, off_t len) __attribute__((alias("fallocate")));
