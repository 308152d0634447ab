/* SPDX-License-Identifier: MIT */
/*
 * netload: traffic of known kinds and amounts, the same program at both ends.
 *
 *   netload serve ADDR...             answers there until it is killed
 *   netload rr ADDR COUNT [SIZE]      COUNT round trips of SIZE (1) bytes, one after the other
 *   netload out ADDR COUNT [SIZE]     COUNT messages of SIZE bytes to the server
 *   netload in ADDR COUNT [SIZE]      the same, from it
 *   netload many ADDR COUNT           COUNT connections at once, a round trip on each
 *
 * ADDR is tcp:HOST:PORT, udp:HOST:PORT, vsock:CID:PORT or unix:PATH; a server's HOST is * and its
 * CID any. Bytes and datagrams both go in bursts, WINDOW datagrams each, that the other end
 * answers: what was sent has arrived then, and no queue on the way overflows. "unix:PATH" after
 * "vsock=PORT,": says "CONNECT PORT" first and waits for the answer.
 *
 * The client's last line is "netload: VERB count N lost N ns N"; nothing lost is exit status 0.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define WINDOW        32u
#define SIZE_MAX_     262144u
#define LOST_AFTER_MS 1000

enum op { OP_RR = 1, OP_OUT, OP_IN };

/* Begins a connection, and each burst of datagrams. */
struct ask {
	uint32_t op, size, count, burst;
};

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_vm vm;
		struct sockaddr_un un;
	};
	socklen_t len;
	int type;
	const char *connect; /* the port that a CONNECT line asks for */
};

static char buf[SIZE_MAX_];

static void die(const char *what)
{
	fprintf(stderr, "netload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct addr parse(char *s)
{
	struct addr a = { .type = SOCK_STREAM };
	char *kind = s, *host, *port;

	if (!strncmp(s, "vsock=", 6)) {
		a.connect = s + 6;
		kind = strchr(s, ',');
		if (!kind)
			goto bad;
		*kind++ = 0;
	}
	host = strchr(kind, ':');
	if (!host)
		goto bad;
	*host++ = 0;
	if (!strcmp(kind, "unix")) {
		a.un.sun_family = AF_UNIX;
		snprintf(a.un.sun_path, sizeof(a.un.sun_path), "%s", host);
		a.len = sizeof(a.un);
		return a;
	}
	port = strrchr(host, ':');
	if (!port)
		goto bad;
	*port++ = 0;
	if (!strcmp(kind, "vsock")) {
		a.vm.svm_family = AF_VSOCK;
		a.vm.svm_cid = *host == '*' ? VMADDR_CID_ANY : (unsigned)atoi(host);
		a.vm.svm_port = (unsigned)atoi(port);
		a.len = sizeof(a.vm);
		return a;
	}
	if (!strcmp(kind, "udp"))
		a.type = SOCK_DGRAM;
	else if (strcmp(kind, "tcp"))
		goto bad;
	a.in.sin_family = AF_INET;
	a.in.sin_port = htons((uint16_t)atoi(port));
	if (*host != '*' && inet_pton(AF_INET, host, &a.in.sin_addr) != 1)
		goto bad;
	a.len = sizeof(a.in);
	return a;
bad:
	fprintf(stderr, "netload: '%s' is no address (tcp:HOST:PORT, udp:, vsock:, unix:)\n", s);
	exit(2);
}

/* All of @len bytes, or false at the end of the stream. */
static int get_all(int fd, void *to, size_t len)
{
	char *p = to;

	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		p += n;
		len -= (size_t)n;
	}
	return 1;
}

static int put_all(int fd, const void *from, size_t len)
{
	const char *p = from;

	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		p += n;
		len -= (size_t)n;
	}
	return 1;
}

static void no_delay(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* others know none */
}

/* ---- The server -------------------------------------------------------------------------------
 */

static int take_many(int fd, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = recv(fd, buf, bytes < sizeof(buf) ? bytes : sizeof(buf), 0);

		if (n <= 0)
			return 0;
		bytes -= (uint64_t)n;
	}
	return 1;
}

static int give_many(int fd, uint64_t bytes, size_t piece)
{
	while (bytes) {
		size_t n = bytes < piece ? bytes : piece;

		if (!put_all(fd, buf, n))
			return 0;
		bytes -= n;
	}
	return 1;
}

static void serve_stream(int fd)
{
	struct ask a;

	no_delay(fd);
	while (get_all(fd, &a, sizeof(a)) && a.size && a.size <= sizeof(buf)) {
		switch (a.op) {
		case OP_RR:
			for (uint32_t i = 0; i < a.count; i++) {
				if (!get_all(fd, buf, a.size) || !put_all(fd, buf, a.size))
					return;
			}
			break;
		case OP_OUT:
			if (!take_many(fd, (uint64_t)a.count * a.size) || !put_all(fd, "k", 1))
				return;
			break;
		case OP_IN:
			if (!give_many(fd, (uint64_t)a.count * a.size, a.size))
				return;
			break;
		default:
			return;
		}
	}
}

/* A burst's datagrams all carry the ask; the last one to come is answered. */
static void serve_datagrams(int fd)
{
	struct sockaddr_storage from;
	uint32_t burst = 0, got = 0;
	struct ask a;

	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len);

		if (n < (ssize_t)sizeof(a))
			continue;
		memcpy(&a, buf, sizeof(a));
		switch (a.op) {
		case OP_RR:
			sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
			break;
		case OP_OUT:
			got = a.burst == burst ? got + 1 : 1;
			burst = a.burst;
			if (got != a.count)
				break;
			burst = 0;
			sendto(fd, buf, sizeof(a), 0, (struct sockaddr *)&from, len);
			break;
		case OP_IN:
			for (uint32_t i = 0; i < a.count && i < WINDOW; i++)
				sendto(fd, buf, a.size < 65000 ? a.size : 65000, 0,
				       (struct sockaddr *)&from, len);
			break;
		}
	}
}

static void serve(struct addr a)
{
	int on = 1, fd = socket(a.sa.sa_family, a.type | SOCK_CLOEXEC, 0), c;

	if (a.sa.sa_family == AF_UNIX)
		unlink(a.un.sun_path);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, &a.sa, a.len) < 0)
		die("serve");
	if (a.type == SOCK_DGRAM) {
		serve_datagrams(fd);
		return;
	}
	if (listen(fd, 4096) < 0)
		die("listen");
	signal(SIGCHLD, SIG_IGN);
	while ((c = accept(fd, NULL, NULL)) >= 0 || errno == EINTR || errno == ECONNABORTED) {
		if (c < 0)
			continue;
		if (fork() == 0) {
			close(fd);
			serve_stream(c);
			_exit(0);
		}
		close(c);
	}
	die("accept");
}

/* ---- The client -------------------------------------------------------------------------------
 */

static int dial(const struct addr *a)
{
	int fd = socket(a->sa.sa_family, a->type | SOCK_CLOEXEC, 0);
	char line[64];
	size_t i = 0;

	if (fd < 0 || connect(fd, &a->sa, a->len) < 0)
		die("connect");
	no_delay(fd);
	if (!a->connect)
		return fd;
	snprintf(line, sizeof(line), "CONNECT %s\n", a->connect);
	if (!put_all(fd, line, strlen(line)))
		die("CONNECT");
	do {
		if (i == sizeof(line) - 1 || !get_all(fd, line + i, 1))
			die("the answer to CONNECT");
	} while (line[i++] != '\n');
	if (strncmp(line, "OK ", 3) != 0)
		die("the answer to CONNECT is not OK");
	return fd;
}

/* @want datagrams; those that do not come in time count as lost. */
static uint32_t await(int fd, uint32_t want)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (want) {
		if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0) {
			want--;
			continue;
		}
		if (poll(&p, 1, LOST_AFTER_MS) <= 0)
			break;
	}
	return want;
}

static uint32_t datagrams(int fd, struct ask a)
{
	uint32_t lost = 0, count = a.count;

	for (uint32_t done = 0; done < count; done += a.count) {
		a.burst++;
		a.count = a.op == OP_RR ? 1 : WINDOW;
		if (count - done < a.count)
			a.count = count - done;
		memcpy(buf, &a, sizeof(a));
		for (uint32_t i = 0; i < (a.op == OP_OUT ? a.count : 1); i++) {
			if (send(fd, buf, a.op == OP_IN ? sizeof(a) : a.size, 0) < 0)
				die("send");
		}
		if (a.op == OP_OUT)
			lost += await(fd, 1) * a.count;
		else
			lost += await(fd, a.count);
	}
	return lost;
}

static void stream(int fd, struct ask a)
{
	int ok = put_all(fd, &a, sizeof(a));

	switch (a.op) {
	case OP_RR:
		for (uint32_t i = 0; ok && i < a.count; i++)
			ok = put_all(fd, buf, a.size) && get_all(fd, buf, a.size);
		break;
	case OP_OUT:
		ok = ok && give_many(fd, (uint64_t)a.count * a.size, a.size) && get_all(fd, buf, 1);
		break;
	case OP_IN:
		ok = ok && take_many(fd, (uint64_t)a.count * a.size);
		break;
	}
	if (!ok)
		die("the connection ended");
}

static void many(const struct addr *a, uint32_t count)
{
	struct ask ask = { .op = OP_RR, .size = 1, .count = 1 };
	struct rlimit files = { count + 16, count + 16 };
	int *fds = calloc(count, sizeof(*fds));

	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (!fds)
		die("many");
	for (uint32_t i = 0; i < count; i++)
		fds[i] = dial(a);
	for (uint32_t i = 0; i < count; i++)
		stream(fds[i], ask);
	for (uint32_t i = 0; i < count; i++)
		close(fds[i]);
	free(fds);
}

int main(int argc, char **argv)
{
	static const char *const verbs[] = { "", "rr", "out", "in", "many" };
	struct ask ask = { .size = 1 };
	uint32_t lost = 0;
	struct addr a;
	uint64_t began;
	int fd;

	if (argc >= 3 && !strcmp(argv[1], "serve")) {
		for (int i = 2; i < argc; i++) {
			if (i == argc - 1 || fork() == 0)
				serve(parse(argv[i]));
		}
	}
	if (argc > 4)
		ask.size = (uint32_t)strtoul(argv[4], NULL, 0);
	if (argc < 4 || !ask.size || ask.size > sizeof(buf)) {
		fprintf(stderr,
			"usage: netload serve ADDR... | rr|out|in|many ADDR COUNT [SIZE]\n");
		return 2;
	}
	ask.count = (uint32_t)strtoul(argv[3], NULL, 0);
	while (ask.op < 5 && strcmp(argv[1], verbs[ask.op]) != 0)
		ask.op++;
	a = parse(argv[2]);
	if (ask.op == 0 || ask.op > 4) {
		fprintf(stderr, "netload: '%s' is no verb\n", argv[1]);
		return 2;
	}
	if (a.type == SOCK_DGRAM && ask.size < sizeof(ask))
		ask.size = sizeof(ask);
	began = now();
	if (ask.op == 4) {
		many(&a, ask.count);
	} else {
		fd = dial(&a);
		began = now();
		if (a.type == SOCK_DGRAM)
			lost = datagrams(fd, ask);
		else
			stream(fd, ask);
	}
	printf("netload: %s count %u lost %u ns %llu\n", argv[1], ask.count, lost,
	       (unsigned long long)(now() - began));
	return lost ? 1 : 0;
}
