/* SPDX-License-Identifier: MIT */
/* lib.c: what a C library would have. */
#include <stdarg.h>

#include "firmware/init/init.h"

/* The compiler makes calls of these; written in C, it would make them call themselves. */
void *memcpy(void *to, const void *from, size_t len)
{
	void *p = to;

	__asm__ volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(len) : : "memory");
	return to;
}

void *memset(void *to, int c, size_t len)
{
	void *p = to;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(len) : "a"(c) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < len; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

bool str_eq(const char *a, const char *b)
{
	size_t n = strlen(a);

	return n == strlen(b) && !memcmp(a, b, n);
}

bool str_starts(const char *s, const char *with)
{
	while (*with && *s == *with) {
		s++;
		with++;
	}
	return !*with;
}

bool str_join(char *to, size_t size, ...)
{
	const char *s;
	size_t at = 0;
	bool fits = true;
	va_list ap;

	va_start(ap, size);
	while ((s = va_arg(ap, const char *))) {
		size_t n = strlen(s);

		if (n > size - 1 - at) {
			n = size - 1 - at;
			fits = false;
		}
		memcpy(to + at, s, n);
		at += n;
	}
	va_end(ap);
	to[at] = '\0';
	return fits;
}

const char *number(char *buf, int64_t v)
{
	uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
	char tmp[24];
	unsigned n = 0, at = 0;

	do
		tmp[n++] = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		buf[at++] = '-';
	while (n)
		buf[at++] = tmp[--n];
	buf[at] = '\0';
	return buf;
}

/* RFC 3720, B.4. Bit by bit: it is for hundreds of bytes, and once for the configuration. */
uint32_t crc32c(uint32_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

void say(int err, const char *what, const char *object)
{
	char line[256], num[24];
	int fd = sys_open("/dev/kmsg", O_WRONLY);

	if (fd < 0)
		fd = sys_open("/dev/console", O_WRONLY | O_NOCTTY);
	join(line, "<3>trapeze-init: ", what, object ? " " : "", object ? object : "",
	     err ? ": error " : "", err ? number(num, err < 0 ? -err : err) : "", "\n");
	if (fd < 0)
		return;
	sys_write(fd, line, strlen(line));
	sys_close(fd);
}

char *map_file(const char *path, size_t max, size_t *len)
{
	struct stat st;
	int fd = sys_open(path, O_RDONLY);
	char *p = NULL;

	if (fd < 0)
		return NULL;
	if (sys_fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size <= max) {
		*len = (size_t)st.st_size;
		p = sys_mmap(*len, fd);
	}
	sys_close(fd);
	return p;
}

bool read_line(const char *path, char *buf, size_t size)
{
	int fd = sys_open(path, O_RDONLY | O_NONBLOCK);
	long n;

	buf[0] = '\0';
	if (fd < 0)
		return false;
	n = sys_read(fd, buf, size - 1);
	sys_close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	for (long i = 0; i < n; i++)
		if (buf[i] == '\n')
			buf[i] = '\0';
	return true;
}

int write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		long n = sys_write(fd, p, len);

		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

bool each_name(const char *dir, bool (*fn)(void *arg, const char *name), void *arg)
{
	char buf[2048] __attribute__((aligned(8)));
	int fd = sys_open(dir, O_RDONLY | O_DIRECTORY);
	bool found = false;
	long n;

	if (fd < 0)
		return false;
	while (!found && (n = SYS3(__NR_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; !found && at < n;) {
			struct dirent64 *d = (struct dirent64 *)(void *)(buf + at);

			at += d->reclen;
			if (!str_eq(d->name, ".") && !str_eq(d->name, ".."))
				found = fn(arg, d->name);
		}
	}
	sys_close(fd);
	return found;
}

void make_dirs(const char *path)
{
	char part[PATH_LEN];

	if (!join(part, path))
		return;
	for (size_t i = 1; part[i]; i++) {
		if (part[i] != '/')
			continue;
		part[i] = '\0';
		sys_mkdir(part, 0755);
		part[i] = '/';
	}
	sys_mkdir(part, 0755);
}
