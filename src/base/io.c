/* SPDX-License-Identifier: MIT */
/* io.c: see io.h. */
#include "vmm/io.h"

#include <errno.h>
#include <unistd.h>

int io_write_all(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENOSPC;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}
