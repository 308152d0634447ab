/* SPDX-License-Identifier: MIT */
/*
 * guestctl: what a shell in the guest, or in the lab, cannot do by itself.
 *
 *   guestctl cmos-get INDEX                through the nvram driver; INDEX 14 to 127
 *   guestctl cmos-set INDEX VALUE
 *   guestctl wait-key DEVICE CODE          until an input event "key CODE pressed" comes
 *   guestctl dial PATH                     connects to the socket PATH: standard input goes there,
 * what comes back to standard output, until the other side ends
 *
 * No port I/O from here: the stock kernel has no /dev/port, and the emulated CPU of the lab faults
 * on IN and OUT in ring 3 of a nested guest whatever the I/O bitmap says.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/nvram.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(const char *what)
{
	fprintf(stderr, "guestctl: %s: %s\n", what, strerror(errno));
	return 1;
}

/* The driver starts counting after the clock's own 14 bytes, and wants a PC's checksum first. */
static int cmos(const char *op, unsigned index, unsigned char value)
{
	const char *dev = "/dev/nvram";
	unsigned char b;
	off_t at = (off_t)index - 14;
	int fd = open(dev, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return fail(dev);
	if (pread(fd, &b, 1, at) != 1 && (errno != EIO || ioctl(fd, NVRAM_INIT) < 0))
		return fail(dev);
	if (!strcmp(op, "cmos-set"))
		return pwrite(fd, &value, 1, at) == 1 ? 0 : fail(dev);
	if (pread(fd, &b, 1, at) != 1)
		return fail(dev);
	printf("%u\n", b);
	return 0;
}

static int wait_key(const char *path, unsigned code)
{
	struct input_event ev;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(path);
	printf("guest: waiting for key %u\n", code);
	fflush(stdout);
	while (read(fd, &ev, sizeof(ev)) == (ssize_t)sizeof(ev)) {
		if (ev.type == EV_KEY && ev.code == code && ev.value == 1)
			return 0;
	}
	return fail(path);
}

/* From @from to @to, what there is now; false at the end. */
static int pass(int from, int to)
{
	char buf[4096];
	ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t done = 0; done < n;) {
		ssize_t k = write(to, buf + done, (size_t)(n - done));

		if (k < 0)
			return 0;
		done += k;
	}
	return n > 0;
}

static int dial(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN }, { .fd = 0, .events = POLLIN } };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return fail(path);
	for (;;) {
		if (poll(p, 2, -1) < 0)
			return fail("poll");
		if (p[0].revents && !pass(fd, 1))
			return 0;
		if (p[1].revents && !pass(0, fd)) {
			shutdown(fd, SHUT_WR);
			p[1].fd = -1;
		}
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "wait-key"))
		return wait_key(argv[2], (unsigned)strtoul(argv[3], NULL, 0));
	if (argc >= 3 && !strncmp(argv[1], "cmos-", 5))
		return cmos(argv[1], (unsigned)strtoul(argv[2], NULL, 0),
			    argc > 3 ? (unsigned char)strtoul(argv[3], NULL, 0) : 0);
	if (argc == 3 && !strcmp(argv[1], "dial"))
		return dial(argv[2]);
	fprintf(stderr, "usage: guestctl cmos-get|cmos-set|wait-key|dial ...\n");
	return 2;
}
