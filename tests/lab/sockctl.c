/* SPDX-License-Identifier: MIT */
/*
 * sockctl: both ends of socket tests, in the guest and in the lab.
 *
 *   sockctl serve WHERE COUNT           accepts COUNT connections in all, as many at once as come,
 * sends back what each sends, and ends each when its client has
 *   sockctl talk WHERE BYTES [CONNS]    opens CONNS connections, sends BYTES on each, ends its
 * sending, and expects all of it back, and then an end
 *   sockctl refused WHERE               expects to be refused
 *
 * WHERE: vsock:PORT (of the host, to talk; of this machine, to serve), vsock:CID:PORT (to talk),
 * unix:PATH, or hybrid:PATH:PORT, a port of the guest behind the socket PATH.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_CONNS 2000
#define CHUNK     65536

struct conn {
	int fd;
	unsigned long sent, got;
	unsigned fill, at; /* serve: what is still to be sent back */
	int ended;         /* the other side's sending */
	char buf[32768];
};

static struct conn *conn;
static struct pollfd p[MAX_CONNS + 1];
static unsigned cnt;

static int fail(const char *what)
{
	printf("sockctl: %s: %s\n", what, strerror(errno));
	return 1;
}

static int unix_addr(const char *path, struct sockaddr_un *sa)
{
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	snprintf(sa->sun_path, sizeof(sa->sun_path), "%s", path);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int vsock_addr(const char *port, unsigned cid, struct sockaddr_vm *sa)
{
	memset(sa, 0, sizeof(*sa));
	sa->svm_family = AF_VSOCK;
	sa->svm_cid = cid;
	sa->svm_port = (unsigned)strtoul(port, NULL, 0);
	return socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int listen_at(const char *where)
{
	struct sockaddr_un un;
	struct sockaddr_vm vm;
	int fd;

	if (!strncmp(where, "vsock:", 6)) {
		fd = vsock_addr(where + 6, VMADDR_CID_ANY, &vm);
		if (fd >= 0 && bind(fd, (struct sockaddr *)&vm, sizeof(vm)) < 0)
			return -1;
	} else {
		fd = unix_addr(where + 5, &un);
		if (fd >= 0 && bind(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
			return -1;
	}
	return fd >= 0 && listen(fd, 128) == 0 ? fd : -1;
}

/* "OK NUMBER", or the end of the connection. */
static int greet(int fd, const char *port)
{
	char line[64];
	unsigned n = (unsigned)snprintf(line, sizeof(line), "CONNECT %s\n", port);

	if (write(fd, line, n) != (ssize_t)n)
		return -1;
	for (n = 0; n < sizeof(line) && read(fd, line + n, 1) == 1; n++)
		if (line[n] == '\n')
			return strncmp(line, "OK ", 3) ? -1 : 0;
	errno = ECONNREFUSED;
	return -1;
}

static int dial(const char *where)
{
	struct sockaddr_un un;
	struct sockaddr_vm vm;
	const char *port;
	char path[108];
	int fd;

	if (!strncmp(where, "vsock:", 6)) {
		port = strchr(where + 6, ':');
		fd = vsock_addr(port ? port + 1 : where + 6,
				port ? (unsigned)atoi(where + 6) : VMADDR_CID_HOST, &vm);
		return fd >= 0 && connect(fd, (struct sockaddr *)&vm, sizeof(vm)) == 0 ? fd : -1;
	}
	where += strcspn(where, ":") + 1;
	port = strrchr(where, ':');
	snprintf(path, sizeof(path), "%.*s", port ? (int)(port - where) : 107, where);
	fd = unix_addr(path, &un);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		return -1;
	return port && greet(fd, port + 1) < 0 ? -1 : fd;
}

static void add(int fd)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
	memset(&conn[cnt], 0, offsetof(struct conn, buf));
	conn[cnt].fd = fd;
	cnt++;
}

static void drop(unsigned i)
{
	close(conn[i].fd);
	conn[i] = conn[--cnt];
}

/* False: it is over. */
static int echo(struct conn *c)
{
	ssize_t n;

	if (!c->fill && !c->ended) {
		n = read(c->fd, c->buf, sizeof(c->buf));
		if (n < 0)
			return errno == EAGAIN;
		c->ended = n == 0;
		c->fill = (unsigned)n;
		c->at = 0;
	}
	while (c->fill) {
		n = write(c->fd, c->buf + c->at, c->fill);
		if (n < 0)
			return errno == EAGAIN;
		c->at += (unsigned)n;
		c->fill -= (unsigned)n;
	}
	return !c->ended;
}

static int serve(const char *where, unsigned count)
{
	int fd = listen_at(where);
	unsigned seen = 0;

	if (fd < 0)
		return fail(where);
	printf("sockctl: serving %s\n", where);
	fflush(stdout);
	while (seen < count || cnt) {
		for (unsigned i = 0; i < cnt; i++)
			p[i] = (struct pollfd){ conn[i].fd, conn[i].fill ? POLLOUT : POLLIN, 0 };
		p[cnt] = (struct pollfd){ seen < count && cnt < MAX_CONNS ? fd : -1, POLLIN, 0 };
		if (poll(p, cnt + 1, -1) < 0)
			return fail("poll");
		if (p[cnt].revents) {
			int n = accept(fd, NULL, NULL);

			if (n >= 0) {
				seen++;
				p[cnt].revents = 0;
				add(n);
			}
		}
		for (unsigned i = cnt; i-- > 0;)
			if (p[i].revents && !echo(&conn[i]))
				drop(i);
	}
	printf("sockctl: served %u\n", seen);
	return 0;
}

/*
 * What the stream holds from @at on, to the end of its CHUNK: each word of it differs from all
 * others, so that nothing can be lost, doubled or swapped unseen. @cache keeps the last chunk:
 * there is one for what goes and one for what comes.
 */
struct cache {
	unsigned long chunk, words; /* chunk + 1 */
	unsigned long word[CHUNK / sizeof(unsigned long)];
};

static const unsigned char *expected(struct cache *c, unsigned long at, unsigned long bytes,
				     size_t *len)
{
	unsigned long first = at / CHUNK * CHUNK, words = CHUNK / sizeof(unsigned long);

	*len = 0;
	if (at >= bytes)
		return NULL;
	if (bytes - first < CHUNK)
		words = (bytes - first + sizeof(unsigned long) - 1) / sizeof(unsigned long);
	if (c->chunk != at / CHUNK + 1 || c->words < words) {
		for (unsigned long i = 0; i < words; i++) {
			unsigned long w = (first / sizeof(w) + i + 1) * 0x9e3779b97f4a7c15ul;

			c->word[i] = w ^ w >> 29;
		}
		c->chunk = at / CHUNK + 1;
		c->words = words;
	}
	*len = words * sizeof(unsigned long) - (at - first);
	if (*len > bytes - at)
		*len = bytes - at;
	return (const unsigned char *)c->word + (at - first);
}

/* False: it is over, and *bad says whether as it should be. */
static int exchange(struct conn *c, unsigned long bytes, short revents, unsigned *bad)
{
	static struct cache out, in;
	static unsigned char buf[CHUNK];
	const unsigned char *want;
	size_t len = 0;
	ssize_t n;

	if ((revents & POLLOUT) && c->sent < bytes) {
		want = expected(&out, c->sent, bytes, &len);
		n = write(c->fd, want, len);
		if (n > 0)
			c->sent += (unsigned long)n;
		if (c->sent == bytes)
			shutdown(c->fd, SHUT_WR);
	}
	if (!(revents & ~POLLOUT))
		return 1;
	want = expected(&in, c->got, bytes, &len);
	n = read(c->fd, buf, len ? len : 1);
	if (n < 0 && errno == EAGAIN)
		return 1;
	if (n > 0) {
		*bad += !len || memcmp(buf, want, (size_t)n) != 0;
		c->got += (unsigned long)n;
		return 1;
	}
	*bad += n < 0 || c->got != bytes;
	return 0;
}

static int talk(const char *where, unsigned long bytes, unsigned conns)
{
	unsigned bad = 0;

	for (unsigned i = 0; i < conns; i++) {
		int fd = dial(where);

		if (fd < 0)
			return fail(where);
		add(fd);
	}
	if (!bytes)
		for (unsigned i = 0; i < cnt; i++)
			shutdown(conn[i].fd, SHUT_WR);
	while (cnt) {
		for (unsigned i = 0; i < cnt; i++)
			p[i] = (struct pollfd){
				conn[i].fd, (short)(POLLIN | (conn[i].sent < bytes ? POLLOUT : 0)),
				0
			};
		if (poll(p, cnt, 60000) <= 0)
			return fail("poll");
		for (unsigned i = cnt; i-- > 0;)
			if (p[i].revents && !exchange(&conn[i], bytes, p[i].revents, &bad))
				drop(i);
	}
	printf("sockctl: talked %lu bytes on %u connections, %u bad\n", bytes, conns, bad);
	return bad != 0;
}

int main(int argc, char **argv)
{
	struct rlimit r = { MAX_CONNS + 64, MAX_CONNS + 64 };

	setrlimit(RLIMIT_NOFILE, &r);
	signal(SIGPIPE, SIG_IGN);
	conn = malloc(MAX_CONNS * sizeof(*conn));
	if (!conn)
		return fail("memory");
	if (argc == 4 && !strcmp(argv[1], "serve"))
		return serve(argv[2], (unsigned)strtoul(argv[3], NULL, 0));
	if (argc >= 4 && !strcmp(argv[1], "talk"))
		return talk(argv[2], strtoul(argv[3], NULL, 0),
			    argc > 4 ? (unsigned)strtoul(argv[4], NULL, 0) : 1);
	if (argc == 3 && !strcmp(argv[1], "refused")) {
		printf("sockctl: %s\n", dial(argv[2]) < 0 ? strerror(errno) : "connected");
		return 0;
	}
	fprintf(stderr, "usage: sockctl serve|talk|refused ...\n");
	return 2;
}
