/* SPDX-License-Identifier: MIT */
/* sys.h: the system calls of x86-64 Linux that the init makes. All return -errno on failure. */
#ifndef INIT_SYS_H
#define INIT_SYS_H

#include <asm/errno.h>
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/reboot.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* <linux/wait.h>, <linux/mman.h>, <linux/time.h>: they do not all go together. */
#define WNOHANG        1
#define PROT_READ      1
#define PROT_WRITE     2
#define MAP_PRIVATE    2
#define MAP_ANONYMOUS  0x20
#define CLOCK_BOOTTIME 7
#define MNT_DETACH     2
#define SIGSET_BYTES   8

/* <linux/module.h> */
#define MODULE_INIT_COMPRESSED_FILE 4

static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define L(x)                    ((long)(x))
#define SYS0(nr)                sys6(nr, 0, 0, 0, 0, 0, 0)
#define SYS1(nr, a)             sys6(nr, L(a), 0, 0, 0, 0, 0)
#define SYS2(nr, a, b)          sys6(nr, L(a), L(b), 0, 0, 0, 0)
#define SYS3(nr, a, b, c)       sys6(nr, L(a), L(b), L(c), 0, 0, 0)
#define SYS4(nr, a, b, c, d)    sys6(nr, L(a), L(b), L(c), L(d), 0, 0)
#define SYS5(nr, a, b, c, d, e) sys6(nr, L(a), L(b), L(c), L(d), L(e), 0)

struct timespec64 {
	int64_t sec, nsec;
};

struct timeval64 {
	int64_t sec, usec;
};

/* What wait4(2) fills in; getrusage(2). */
struct usage {
	struct timeval64 user, system;
	int64_t max_rss, rest[13];
};

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static inline int sys_open(const char *path, int flags)
{
	return (int)SYS4(__NR_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0);
}
static inline int sys_openat(int dir, const char *path, int flags)
{
	return (int)SYS4(__NR_openat, dir, path, flags | O_CLOEXEC, 0);
}
static inline int sys_close(int fd)
{
	return (int)SYS1(__NR_close, fd);
}
static inline long sys_read(int fd, void *buf, size_t len)
{
	return SYS3(__NR_read, fd, buf, len);
}
static inline long sys_pread(int fd, void *buf, size_t len, int64_t off)
{
	return SYS4(__NR_pread64, fd, buf, len, off);
}
static inline long sys_write(int fd, const void *buf, size_t len)
{
	return SYS3(__NR_write, fd, buf, len);
}
static inline int sys_stat(const char *path, struct stat *st)
{
	return (int)SYS2(__NR_stat, path, st);
}
static inline int sys_fstat(int fd, struct stat *st)
{
	return (int)SYS2(__NR_fstat, fd, st);
}
static inline int sys_mkdir(const char *path, unsigned mode)
{
	return (int)SYS2(__NR_mkdir, path, mode);
}
static inline int sys_symlink(const char *to, const char *path)
{
	return (int)SYS2(__NR_symlink, to, path);
}
static inline int sys_mount(const char *source, const char *target, const char *type,
			    unsigned long flags, const char *data)
{
	return (int)SYS5(__NR_mount, source, target, type, flags, data);
}
static inline int sys_poll(struct pollfd *p, unsigned cnt, int ms)
{
	return (int)SYS3(__NR_poll, p, cnt, ms);
}
static inline int sys_ioctl(int fd, unsigned long cmd, void *arg)
{
	return (int)SYS3(__NR_ioctl, fd, cmd, arg);
}
static inline int sys_kill(int pid, int sig)
{
	return (int)SYS2(__NR_kill, pid, sig);
}
static inline void *sys_mmap(size_t len, int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE;
	long p = sys6(__NR_mmap, 0, L(len), PROT_READ | PROT_WRITE, flags, fd, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}
static inline void sys_munmap(void *p, size_t len)
{
	SYS2(__NR_munmap, p, len);
}
static inline __attribute__((noreturn)) void sys_exit(int status)
{
	for (;;)
		SYS1(__NR_exit_group, status);
}

/* Nanoseconds since the kernel started. */
static inline uint64_t sys_now(void)
{
	struct timespec64 t = { 0, 0 };

	SYS2(__NR_clock_gettime, CLOCK_BOOTTIME, &t);
	return (uint64_t)t.sec * 1000000000u + (uint64_t)t.nsec;
}
static inline void sys_sleep_ms(unsigned ms)
{
	struct timespec64 t = { ms / 1000, (int64_t)(ms % 1000) * 1000000 };

	SYS2(__NR_nanosleep, &t, NULL);
}

#endif
