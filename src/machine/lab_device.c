/* SPDX-License-Identifier: MIT */
/*
 * lab_device.c: a port device that is a program beside us (lab_device.h). Whoever writes one learns
 * how; so it may crash, hang, flood or lie at every access, and all that is lost then is the
 * device: from there on its ports read as all ones, and one sentence has said why.
 *
 * An access blocks its vCPU for as long as the answer takes, at most ANSWER_MS. Everything here is
 * done under the device's lock.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "machine/machine_internal.h"
#include "net/child.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/str.h"

#define LAB_DEVICE_WIRE_ONLY
#include "vmm/lab_device.h"

#define HELLO_MS  5000 /* a program that has just been built may come from a slow disk */
#define ANSWER_MS 1000
#define LEAVE_MS  200
#define PORTS_MAX 256u

struct lab_device {
	struct device dev; /* first */
	struct io_region region;
	struct child child;
	int fd; /* -1: the device is dead */
	uint32_t seq;
	bool told_wide; /* that answers are too wide */
	struct lab_hello hello;
};

static struct lab_device *to_lab(struct device *d)
{
	return container_of(d, struct lab_device, dev);
}

/* What it prints; limited, as a device may print without end. */
static bool says(struct child *c, const char *line)
{
	char text[3 * sizeof(c->line)];

	str_escape(line, strlen(line), text, sizeof(text));
	log_guest(&container_of(c, struct lab_device, child)->dev, "says: %s", text);
	return false;
}

/* --- messages --------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Waits for one message of exactly @len bytes. 0; -ETIMEDOUT; -EPIPE it has gone; -EPROTO nonsense.
 */
static int take_message(struct lab_device *l, void *msg, size_t len, int ms)
{
	int64_t until = now_ms() + ms;

	for (;;) {
		struct pollfd p = { .fd = l->fd, .events = POLLIN };
		char buf[sizeof(struct lab_hello) + 1];
		int64_t left = until - now_ms();
		ssize_t n;

		if (poll(&p, 1, left > 0 ? (int)left : 0) == 0)
			return -ETIMEDOUT;
		n = recv(l->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return -EPIPE;
		if ((size_t)n != len)
			return -EPROTO;
		memcpy(msg, buf, len);
		return 0;
	}
}

/* Whether there is something to read before anything was asked. */
static bool talks_unasked(struct lab_device *l)
{
	char c;

	return recv(l->fd, &c, sizeof(c), MSG_DONTWAIT | MSG_PEEK) > 0;
}

/* --- accesses --------------------------------------------------------------------------------- */

/* Why @r came of it, in words. The child has been waited for. */
static const char *reason(struct lab_device *l, int r, bool ended, char *buf, size_t len)
{
	char how[96];

	switch (r) {
	case -ETIMEDOUT:
		snprintf(buf, len, "has not answered within %d ms", ANSWER_MS);
		break;
	case -EPIPE:
		if (ended)
			snprintf(buf, len, "has ended %s",
				 child_status(l->child.status, how, sizeof(how)));
		else
			snprintf(buf, len, "has closed its socket");
		break;
	case -EBADMSG:
		snprintf(buf, len, "talks without being asked");
		break;
	default:
		snprintf(buf, len, "answers with something else than an answer");
	}
	return buf;
}

/* The device is dead from now on. */
static void give_up(struct lab_device *l, const struct lab_access *a, int r)
{
	bool ended = child_wait(&l->child, r == -EPIPE ? LEAVE_MS : 0);
	char why[160];

	reason(l, r, ended, why, sizeof(why));
	log_msg(LOG_WARN, l->dev.id, "the program of '%s' %s at a %s of port %#x: it is taken out",
		l->hello.name, why, a->write ? "write" : "read", l->hello.port + a->port);
	base_closep(&l->fd);
	l->fd = -1;
	child_end(&l->child, 0);
}

/* One access and its answer; all ones where there is none. */
static uint32_t ask(struct lab_device *l, struct lab_access a)
{
	struct lab_access answer = { 0 };
	int r = 0;

	if (l->fd < 0)
		return UINT32_MAX;
	a.seq = ++l->seq;
	if (talks_unasked(l))
		r = -EBADMSG;
	else if (send(l->fd, &a, sizeof(a), MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(a))
		r = -EPIPE;
	if (r == 0)
		r = take_message(l, &answer, sizeof(answer), ANSWER_MS);
	if (r == 0 && answer.seq != a.seq)
		r = -EPROTO;
	child_wait(&l->child, 0); /* hears what it says */
	if (r < 0) {
		give_up(l, &a, r);
		return UINT32_MAX;
	}
	return answer.value;
}

static uint64_t lab_device_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct lab_device *l = to_lab(r->dev);
	uint32_t mask = UINT32_MAX >> (32 - 8 * size);
	uint32_t v = ask(l, (struct lab_access){ .size = (uint8_t)size, .port = (uint16_t)off });

	if (l->fd >= 0 && (v & ~mask) && !l->told_wide) {
		l->told_wide = true;
		log_msg(LOG_WARN, l->dev.id,
			"'%s' answers a read of %u byte%s at port %#x with %#x: what does not fit "
			"is "
			"cut off",
			l->hello.name, size, size > 1 ? "s" : "", l->hello.port + off, v);
	}
	return v & mask;
}

static void lab_device_write(struct io_region *r, uint32_t off, unsigned size, uint64_t val)
{
	struct lab_access a = {
		.write = 1, .size = (uint8_t)size, .port = (uint16_t)off, .value = (uint32_t)val
	};

	ask(to_lab(r->dev), a);
}

static const struct region_ops lab_region_ops = { 1, 4, lab_device_read, lab_device_write };

/* --- its life --------------------------------------------------------------------------------- */

/* The program's state is its own: a guest that is reset finds it as it was. */
static void lab_reset(struct device *d)
{
	(void)d;
}

static void lab_leave(struct device *d)
{
	struct lab_device *l = to_lab(d);

	if (l->fd >= 0)
		base_closep(&l->fd);
	l->fd = -1;
	child_end(&l->child, LEAVE_MS);
}

static void lab_destroy(struct device *d)
{
	if (!d)
		return;
	lab_leave(d);
	free(to_lab(d));
}

static const struct device_ops lab_ops = {
	.name = "lab-device", .reset = lab_reset, .leave = lab_leave, .destroy = lab_destroy
};

static int bad_hello(const char *path, struct error **errp)
{
	err_set(errp, EPROTO, "lab device '%s' says nothing of itself that makes sense", path);
	err_hint(errp, "its source includes lab_device.h and ends in LAB_DEVICE(name, port, ports, "
		       "read, write)");
	return -EPROTO;
}

static int check_hello(struct lab_device *l, const char *path, struct error **errp)
{
	struct lab_hello *h = &l->hello;
	size_t len = strnlen(h->name, sizeof(h->name));

	if (h->magic != LAB_DEVICE_MAGIC || !len || len == sizeof(h->name))
		return bad_hello(path, errp);
	for (size_t i = 0; i < len; i++)
		if (h->name[i] < ' ' || h->name[i] > '~')
			return bad_hello(path, errp);
	if (!h->ports || h->ports > PORTS_MAX || h->port + h->ports > 0x10000)
		return err_set(errp, ERANGE,
			       "lab device '%s' wants %u ports at %#x; 1 to %u it can have",
			       h->name, h->ports, h->port, PORTS_MAX);
	return 0;
}

static int get_hello(struct lab_device *l, const char *path, struct error **errp)
{
	int r = take_message(l, &l->hello, sizeof(l->hello), HELLO_MS);
	char how[96];

	if (r == 0)
		return check_hello(l, path, errp);
	if (r == -ETIMEDOUT)
		return err_set(errp, ETIMEDOUT, "lab device '%s' has said nothing for %d seconds",
			       path, HELLO_MS / 1000);
	if (r == -EPIPE && child_wait(&l->child, LEAVE_MS))
		return err_set(errp, EPIPE,
			       "lab device '%s' has ended %s before it said what it is", path,
			       child_status(l->child.status, how, sizeof(how)));
	return bad_hello(path, errp);
}

/* Looked up in PATH like any program, unless it has a '/': so a bare name of a file here gets one.
 */
static int start(struct lab_device *l, const char *path, struct error **errp)
{
	_cleanup_free_ char *here = NULL;
	_cleanup_close_ int theirs = -1;
	char *argv[2] = { 0 };
	int fd[2];

	if (asprintf(&here, "%s%s", strchr(path, '/') ? "" : "./", path) < 0) {
		here = NULL;
		return err_errno(errp, ENOMEM, "starting lab device '%s'", path);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0)
		return err_errno(errp, errno, "starting lab device '%s'", path);
	l->fd = fd[0];
	theirs = fd[1];
	argv[0] = here;
	l->child.says = says;
	return child_start(&l->child, argv, theirs, errp);
}

int machine_add_lab_device(struct machine *m, const struct vm_config *c, struct error **errp)
{
	const char *path = c->lab.device;
	struct lab_device *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return err_errno(errp, ENOMEM, "starting lab device '%s'", path);
	l->fd = -1;
	l->region.ops = &lab_region_ops;
	device_init(&l->dev, &lab_ops, "lab0", &l->region, 1);
	machine_add_device(m, &l->dev);
	r = start(l, path, errp);
	if (r == 0)
		r = get_hello(l, path, errp);
	if (r < 0)
		return r;
	l->region.name = l->hello.name;
	l->region.len = l->hello.ports;
	return machine_map_pio(m, &l->dev, 0, l->hello.port, errp);
}
