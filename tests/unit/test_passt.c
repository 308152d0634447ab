/* SPDX-License-Identifier: MIT */
/*
 * test_passt.c: a card whose network is passt: the real one, in a network namespace, and programs
 * of that name which misbehave.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "net/forward.h"
#include "tests/lib/net_kit.h"
#include "vmm/timer.h"

#define PORT 22022

static char dir[64], *real_path;
static const uint8_t mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static const char *open_fails(struct net_config *c)
{
	static char text[2048];
	struct net_kit k;
	struct error *e = NULL;

	assert_true(net_kit_open(&k, c, &e) < 0);
	snprintf(text, sizeof(text), "%s\n%s", error_msg(e),
		 error_hint(e) ? error_hint(e) : "(no hint)");
	error_free(e);
	return text;
}

#define assert_says(text, part)                                                                    \
	do {                                                                                       \
		if (!strstr(text, part))                                                           \
			fail_msg("'%s' does not say '%s'", text, part);                            \
	} while (0)

static struct net_kit *open_card(struct net_config *c)
{
	struct net_kit *k = malloc(sizeof(*k));
	struct error *e = NULL;

	if (net_kit_open(k, c, &e) < 0)
		assert_no_error(e);
	k->greedy = false;
	assert_true(k->up);
	net_kit_run(k, 1, 0);
	return k;
}

static struct net_kit *open_forwarding(const char *a, const char *b)
{
	char *fwd[2] = { (char *)(uintptr_t)a, (char *)(uintptr_t)b };
	struct net_config c = { .kind = NET_USER, .fwd = fwd, .fwd_cnt = !!a + !!b };

	return open_card(&c);
}

static void close_card(struct net_kit *k)
{
	net_kit_close(k);
	free(k);
}

/* A child of any of our threads, 0 if there is none; zombies count. */
static pid_t a_child(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *t;
	int pid = 0;

	assert_non_null(d);
	while (!pid && (t = readdir(d))) {
		char path[300];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/children", t->d_name);
		f = fopen(path, "r");
		if (f && fscanf(f, "%d", &pid) != 1)
			pid = 0;
		if (f)
			fclose(f);
	}
	closedir(d);
	return pid;
}

/* --- frames ----------------------------------------------------------------------------------- */

struct eth {
	uint8_t dst[6], src[6];
	uint16_t type;
} __attribute__((packed));

struct arp {
	uint16_t htype, ptype;
	uint8_t hlen, plen;
	uint16_t op;
	uint8_t sha[6], spa[4], tha[6], tpa[4];
} __attribute__((packed));

static void send_frame(struct net_kit *k, const uint8_t *to, uint16_t type, void *body, size_t len)
{
	uint8_t hdr[NET_HDR_LEN] = { 0 };
	struct eth eth = { .type = htons(type) };
	struct iovec iov[3] = { { hdr, sizeof(hdr) }, { &eth, sizeof(eth) }, { body, len } };

	memcpy(eth.dst, to, 6);
	memcpy(eth.src, mac, 6);
	assert_int_equal(netdev_send(k->n, 0, iov, 3), 0);
	netdev_flush(k->n, 0);
}

typedef bool is_it(const uint8_t *frame, size_t len, unsigned arg);

/* Takes what comes until @is says that it is that; it is in k->last then. */
static bool comes(struct net_kit *k, is_it *is, unsigned arg)
{
	for (unsigned i = 0; i < 30; i++) {
		struct iovec v = { k->last, sizeof(k->last) };
		unsigned seen = k->readable;
		ssize_t n;

		while ((n = netdev_recv(k->n, 0, &v, 1)) > 0)
			if (is(k->last + NET_HDR_LEN, (size_t)n - NET_HDR_LEN, arg))
				return true;
		assert_int_equal(n, -EAGAIN);
		net_wait_for(k, &k->readable, seen + 1, 100);
	}
	return false;
}

static bool is_arp_reply(const uint8_t *f, size_t len, unsigned arg)
{
	(void)arg;
	return len >= 42 && !memcmp(f + 12, "\x08\x06", 2) && !memcmp(f + 20, "\0\2", 2);
}

static void ask_for_gateway(struct net_kit *k)
{
	struct arp a = { htons(1), htons(0x800),    6, 4, htons(1), { 0 }, { 0 },
			 { 0 },    { 192, 0, 2, 1 } };

	memcpy(a.sha, mac, 6);
	send_frame(k, all, 0x806, &a, sizeof(a));
}

static bool gateway_answers(struct net_kit *k)
{
	ask_for_gateway(k);
	return comes(k, is_arp_reply, 0) && !memcmp(k->last + NET_HDR_LEN, mac, 6) &&
	       !memcmp(k->last + NET_HDR_LEN + 28, "\xc0\0\2\1", 4);
}

static uint16_t ip_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void send_discover(struct net_kit *k)
{
	/* IPv4 and UDP without options, a checksum of 0 for UDP: not computed. */
	static const uint8_t start[28] = { 0x45, 0,   0x01, 0x1c, 0, 0,  0,    0,   64,
					   17,   0,   0,    0,    0, 0,  0,    255, 255,
					   255,  255, 0,    68,   0, 67, 0x01, 0x08 };
	uint8_t p[284] = { 0 };
	uint16_t sum;

	memcpy(p, start, sizeof(start));
	sum = ip_sum(p, 20);
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
	memcpy(p + 28, "\1\1\6\0\x12\x34\x56\x78", 8);
	memcpy(p + 28 + 28, mac, 6);
	memcpy(p + 28 + 236, "\x63\x82\x53\x63\x35\1\1\xff", 8);
	send_frame(k, all, 0x800, p, sizeof(p));
}

static const uint8_t *dhcp_option(const uint8_t *o, const uint8_t *end, uint8_t code)
{
	while (o + 2 <= end && *o != 255) {
		if (*o == code)
			return o + 2;
		o += *o ? 2 + o[1] : 1;
	}
	return NULL;
}

static bool is_offer(const uint8_t *f, size_t len, unsigned mtu)
{
	const uint8_t *o = f + 14 + 28 + 240, *v;

	if (len < 14 + 28 + 244 || memcmp(f + 12, "\x08\0", 2) || f[23] != 17 || f[37] != 68)
		return false;
	v = dhcp_option(o, f + len, 53);
	assert_true(v && *v == 2);
	assert_memory_equal(f + 14 + 28 + 16, "\xc0\0\2\2", 4);
	v = dhcp_option(o, f + len, 26);
	assert_true(v && (unsigned)(v[0] << 8 | v[1]) == mtu);
	return true;
}

static bool is_to_port(const uint8_t *f, size_t len, unsigned arg)
{
	return len >= 14 + 28 && !memcmp(f + 12, "\x08\0", 2) && f[23] == arg >> 16 &&
	       (unsigned)(f[36] << 8 | f[37]) == (arg & 0xffff);
}

#define TCP_TO(port) (6u << 16 | (port))
#define UDP_TO(port) (17u << 16 | (port))

static int host_socket(int family, int type, uint16_t port, bool listens)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
				   .sin6_port = htons(port),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *sa = family == AF_INET ? (void *)&v4 : (void *)&v6;
	socklen_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	if (listens) {
		assert_int_equal(bind(fd, sa, len), 0);
		if (type == SOCK_STREAM)
			assert_int_equal(listen(fd, 1), 0);
	} else if (connect(fd, sa, len) < 0) {
		assert_int_equal(errno, EINPROGRESS);
	}
	return fd;
}

/* --- the real one ----------------------------------------------------------------------------- */

static void dhcp_and_arp(void **state)
{
	struct net_config c = { .kind = NET_USER };
	struct net_kit *k = open_card(&c);
	struct net_info info = netdev_info(k->n);

	(void)state;
	assert_string_equal(info.backend, "passt");
	assert_int_equal(info.offloads, 0);
	assert_int_equal(info.queues, 1);
	assert_true(gateway_answers(k));
	send_discover(k);
	assert_true(comes(k, is_offer, info.mtu));
	close_card(k);
	assert_int_equal(a_child(), 0);
}

static void mtu_is_passed_on(void **state)
{
	struct net_config c = { .kind = NET_USER, .mtu = 1400 };
	struct net_kit *k = open_card(&c);

	(void)state;
	assert_int_equal(netdev_info(k->n).mtu, 1400);
	send_discover(k);
	assert_true(comes(k, is_offer, 1400));
	close_card(k);
}

static void ports_lead_to_the_guest(void **state)
{
	struct net_kit *k = open_forwarding("tcp:22022:22", "udp:127.0.0.1:22053:53");
	int tcp, udp;

	(void)state;
	assert_true(gateway_answers(k)); /* it knows our address now */
	tcp = host_socket(AF_INET, SOCK_STREAM, PORT, false);
	assert_true(comes(k, is_to_port, TCP_TO(22)));
	assert_int_equal(k->last[NET_HDR_LEN + 47] & 0x12, 0x02); /* SYN */
	udp = host_socket(AF_INET, SOCK_DGRAM, 22053, false);
	assert_int_equal(send(udp, "hello", 5, 0), 5);
	assert_true(comes(k, is_to_port, UDP_TO(53)));
	assert_memory_equal(k->last + NET_HDR_LEN + 42, "hello", 5);
	close(tcp);
	close(udp);
	close_card(k);
	assert_int_equal(a_child(), 0);
}

/*
 * As fast as it takes them, in batches of all sizes. passt (2023) is lost for good once a read of
 * its own ends inside the length of a frame.
 */
static void it_keeps_track(void **state)
{
	struct net_kit *k = open_forwarding(NULL, NULL);
	pid_t passt = a_child();
	unsigned waits = 0;

	(void)state;
	for (unsigned i = 0; i < 30000; i++) {
		size_t len = i % 97 == 0 ? 40000 + i % 25000 : 60 + i * 7 % 1455;
		unsigned seen = k->writable;

		/* It sleeps while we fill the socket, now and then. */
		if (i % 1000 == 0)
			assert_int_equal(kill(passt, SIGSTOP), 0);
		if (net_kit_send(k, 0, NULL, mac, 1, len) == -EAGAIN) {
			waits++;
			assert_int_equal(kill(passt, SIGCONT), 0);
			assert_true(net_wait_for(k, &k->writable, seen + 1, 10000));
		}
		if (i % (1 + i / 100 % 60) == 0)
			netdev_flush(k->n, 0);
	}
	assert_int_equal(kill(passt, SIGCONT), 0);
	netdev_flush(k->n, 0);
	net_wait(&k, 1, NULL, NULL, 50);
	assert_in_range(waits, 30, 30000);
	assert_true(gateway_answers(k));
	assert_true(k->up);
	close_card(k);
}

static bool is_down(void *k)
{
	return !((struct net_kit *)k)->up;
}

static bool is_up(void *k)
{
	return ((struct net_kit *)k)->up;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void killed_and_started_again(void **state)
{
	struct net_kit *k = open_forwarding("tcp:22022:22", NULL);
	pid_t first = a_child();
	uint64_t began;
	const char *log;
	int tcp;

	(void)state;
	net_log_catch();
	assert_true(first > 0);
	assert_int_equal(kill(first, SIGKILL), 0);
	assert_true(net_wait(&k, 1, is_down, k, 3000));
	assert_false(netdev_link(k->n));
	log = net_log_taken();
	if (!strstr(log, "by signal 9")) {
		net_wait(&k, 1, NULL, NULL, 100); /* the connection's end was first */
		log = net_log_taken();
	}
	assert_says(log, "passt ended by signal 9 (Killed); no link until");
	ask_for_gateway(k); /* into nothing */
	assert_true(net_wait(&k, 1, is_up, k, 5000));
	assert_true(a_child() > 0 && a_child() != first);
	assert_says(net_log_taken(), "passt is there again, the link is up");
	assert_true(gateway_answers(k));
	tcp = host_socket(AF_INET, SOCK_STREAM, PORT, false);
	assert_true(comes(k, is_to_port, TCP_TO(22)));
	close(tcp);
	/* Not at once, the second time. */
	began = now_ms();
	assert_int_equal(kill(a_child(), SIGKILL), 0);
	assert_true(net_wait(&k, 1, is_down, k, 3000));
	assert_true(net_wait(&k, 1, is_up, k, 20000));
	assert_in_range(now_ms() - began, 4500, 15000);
	assert_true(gateway_answers(k));
	close_card(k);
	net_log_release();
	assert_int_equal(a_child(), 0);
}

/* SIGPIPE would end this test. */
static void row61_sending_to_a_dead_one(void **state)
{
	struct net_kit *k = open_forwarding(NULL, NULL);
	pid_t pid = a_child();

	(void)state;
	net_log_catch();
	assert_int_equal(kill(pid, SIGKILL), 0);
	for (unsigned i = 0; i < 2000; i++) {
		assert_int_equal(net_kit_send(k, 0, NULL, mac, 1, 1514), 0);
		netdev_flush(k->n, 0);
		usleep(i < 100 ? 1000 : 0);
	}
	assert_true(net_wait(&k, 1, is_down, k, 3000));
	close_card(k);
	net_log_release();
	assert_int_equal(a_child(), 0);
}

/* Whatever happens to us: passt goes, as nobody else holds the other end of its socket. */
static void no_orphan_when_we_are_killed(void **state)
{
	int p[2], status;
	pid_t us, passt = 0;

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	us = fork();
	assert_true(us >= 0);
	if (us == 0) {
		struct net_kit *k = open_forwarding(NULL, NULL);

		passt = a_child();
		if (!k || write(p[1], &passt, sizeof(passt)) != sizeof(passt))
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(p[0], &passt, sizeof(passt)), sizeof(passt));
	assert_true(passt > 0);
	assert_int_equal(kill(us, SIGKILL), 0);
	assert_int_equal(waitpid(us, &status, 0), us);
	for (unsigned i = 0; waitpid(passt, &status, WNOHANG) != passt; i++) {
		assert_true(i < 3000);
		usleep(1000);
	}
	close(p[0]);
	close(p[1]);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void complaints_are_shown(void **state)
{
	char *fwd[2] = { (char *)(uintptr_t) "tcp:127.0.0.1:22022:22",
			 (char *)(uintptr_t) "tcp:127.0.0.1:22022:23" };
	struct net_config c = { .kind = NET_USER, .fwd = fwd, .fwd_cnt = 2 };
	const char *text = open_fails(&c);

	(void)state;
	assert_says(text, "passt, which -n user runs, ended with status 1: Overlapping port");
	assert_says(text, "each port of the host can be forwarded once");
	assert_int_equal(a_child(), 0);
}

static void port_is_busy(void **state)
{
	static const struct {
		int family, type;
		const char *fwd, *says;
	} t[] = {
		{ AF_INET, SOCK_STREAM, "tcp:22022:22", "TCP port 22022: another program" },
		{ AF_INET, SOCK_STREAM, "tcp:127.0.0.1:22022:22", "TCP port 22022: another" },
		{ AF_INET6, SOCK_STREAM, "tcp:22022:22", "TCP port 22022: another program" },
		{ AF_INET6, SOCK_STREAM, "tcp:[::1]:22022:22", "fwd=tcp:OTHER:22" },
		{ AF_INET, SOCK_DGRAM, "udp:22022:53", "UDP port 22022: another program" },
		{ AF_INET6, SOCK_DGRAM, "udp:22022:53", "ss -lnpu sport = :22022" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		int fd = host_socket(t[i].family, t[i].type, PORT, true);
		char *fwd = (char *)(uintptr_t)t[i].fwd;
		struct net_config c = { .kind = NET_USER, .fwd = &fwd, .fwd_cnt = 1 };

		assert_says(open_fails(&c), t[i].says);
		assert_int_equal(a_child(), 0);
		close(fd);
	}
}

/* passt itself would go on without the port, and say nothing. */
static void port_that_we_may_not_have(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct error *e = NULL;
		struct forward f;

		if (setresuid(65534, 65534, 65534) < 0)
			_exit(0); /* in a user namespace there may be nobody else */
		if (forward_parse("tcp:80:80", &f, &e) < 0)
			_exit(1);
		_exit(forward_check_free(&f, &e) == -EACCES &&
				      strstr(error_hint(e), "ip_unprivileged_port_start")
			      ? 0
			      : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* It gives up root's rights, after it has taken its ports. */
static void low_port_as_root(void **state)
{
	struct net_kit *k = open_forwarding("tcp:80:8080", NULL);
	int tcp;

	(void)state;
	assert_true(gateway_answers(k));
	tcp = host_socket(AF_INET, SOCK_STREAM, 80, false);
	assert_true(comes(k, is_to_port, TCP_TO(8080)));
	close(tcp);
	close_card(k);
}

static void no_route_no_network(void **state)
{
	struct net_config c = { .kind = NET_USER };
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct net_kit k;
		struct error *e = NULL;

		if (unshare(CLONE_NEWNET) < 0 || net_kit_open(&k, &c, &e) == 0)
			_exit(1);
		_exit(strstr(error_hint(e) ? error_hint(e) : "", "default route") ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- others of that name ---------------------------------------------------------------------- */

static void use_script(const char *body)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/passt", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nPATH='%s'\n%s\n", real_path, body);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
	setenv("PATH", dir, 1);
}

static int back_to_real(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/passt", dir);
	unlink(path);
	setenv("PATH", real_path, 1);
	/* What a test that failed has left running is not for the next one to find. */
	for (pid_t pid; (pid = a_child()) > 0;) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return 0;
}

/* Reads what it is greeted with, and is ready by that. */
#define READY "head -c 64 <&3 >/dev/null\n"

static void missing(void **state)
{
	struct net_config c = { .kind = NET_USER };
	const char *text;

	(void)state;
	setenv("PATH", dir, 1);
	text = open_fails(&c);
	assert_says(text, "cannot start 'passt': No such file");
	assert_says(text, "install the package 'passt'");
}

static void forbidden_by_the_host(void **state)
{
	struct net_config c = { .kind = NET_USER };
	const char *text;

	(void)state;
	use_script("echo 'Failed to send 9 bytes to syslog' >&2\n"
		   "echo \"Couldn't create user namespace: Operation not permitted\" >&2\nexit 1");
	text = open_fails(&c);
	assert_says(text, "ended with status 1: Couldn't create user namespace: Operation not "
			  "permitted\n");
	assert_says(text, "max_user_namespaces");
	assert_says(text, "-n user,path=");
}

static void says_nothing_and_ends(void **state)
{
	struct net_config c = { .kind = NET_USER };

	(void)state;
	use_script("exit 0");
	assert_says(open_fails(&c), "ended with status 0 and said nothing");
	use_script("kill -TERM $$");
	assert_says(open_fails(&c), "ended by signal 15 (Terminated)");
	assert_int_equal(a_child(), 0);
}

/* No signal blocked or ignored, three descriptors and the socket, a session of its own. */
static void begins_clean(void **state)
{
	struct net_config c = { .kind = NET_USER };
	sigset_t set, old;
	const char *text;
	int fd = open("/dev/null", O_RDONLY); /* which nobody has marked */

	(void)state;
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	signal(SIGPIPE, SIG_IGN);
	use_script("exec >&2\ngrep -h SigBlk /proc/self/status\ngrep SigIgn /proc/self/status\n"
		   "cd /proc/$$/fd; echo fds *; cd /\n"
		   "read -r s </proc/self/stat; set -- $s; echo leader $(($6 == $$))\nexit 1");
	text = open_fails(&c);
	signal(SIGPIPE, SIG_DFL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_says(text, "SigBlk:\t0000000000000000");
	/* 32 and 33 are the C library's own, and it ignores them in what it starts. */
	if (!strstr(text, "SigIgn:\t0000000180000000"))
		assert_says(text, "SigIgn:\t0000000000000000");
	assert_says(text, "fds 0 1 10 2 3 4;"); /* 4: the directory; 10: the script */
	assert_says(text, "leader 1");
	close(fd);
}

static void row59_one_that_never_reads(void **state)
{
	struct net_kit *k;
	unsigned sent = 0;
	uint64_t began;

	(void)state;
	use_script(READY "exec sleep 1000");
	k = open_forwarding(NULL, NULL);
	while (net_kit_send(k, 0, NULL, mac, 7, 1514) == 0)
		assert_true(++sent < 10000);
	netdev_flush(k->n, 0);
	net_wait(&k, 1, NULL, NULL, 50);
	assert_int_equal(net_kit_send(k, 0, NULL, mac, 7, 1514), -EAGAIN);
	assert_int_equal(k->writable, 0);
	assert_true(k->up);
	began = now_ms();
	close_card(k); /* nor does it go */
	assert_in_range(now_ms() - began, 400, 3000);
	assert_int_equal(a_child(), 0);
}

static void one_that_sends_nonsense(void **state)
{
	struct net_kit *k;
	const char *log;

	(void)state;
	use_script(READY "sleep 0.1; printf '\\377\\377\\377\\377' >&3; exec sleep 1000");
	k = open_forwarding(NULL, NULL);
	net_log_catch();
	for (unsigned i = 0; i < 50 && k->up; i++) {
		struct iovec v = { k->last, sizeof(k->last) };

		assert_int_equal(netdev_recv(k->n, 0, &v, 1), -EAGAIN);
		net_wait(&k, 1, is_down, k, 100);
	}
	assert_false(k->up);
	log = net_log_taken();
	assert_says(log, "passt sent what is no frame");
	/* It is ended, and another one started. */
	assert_true(net_wait(&k, 1, is_up, k, 5000));
	close_card(k);
	net_log_release();
	assert_int_equal(a_child(), 0);
}

static void one_that_talks_too_much(void **state)
{
	struct net_kit *k;
	unsigned lines = 0;

	(void)state;
	use_script(READY "while :; do echo so much to say >&2; done");
	k = open_forwarding(NULL, NULL);
	net_log_catch();
	net_wait(&k, 1, NULL, NULL, 500);
	for (const char *p = net_log_taken(); (p = strchr(p, '\n')); p++)
		lines++;
	assert_in_range(lines, 1, 8);
	assert_true(k->up);
	close_card(k);
	net_log_release();
	assert_int_equal(a_child(), 0);
}

/* Started by somebody who ignores SIGCHLD: the kernel forgets how our children ended. */
static void nobody_knows_how_it_ended(void **state)
{
	struct net_kit *k;

	(void)state;
	use_script(READY "sleep 0.2");
	signal(SIGCHLD, SIG_IGN);
	k = open_forwarding(NULL, NULL);
	net_log_catch();
	assert_true(net_wait(&k, 1, is_down, k, 3000));
	net_wait(&k, 1, NULL, NULL, 50);
	assert_says(net_log_taken(), "passt ended in a way nobody knows; no link");
	assert_true(net_wait(&k, 1, is_up, k, 5000));
	close_card(k);
	signal(SIGCHLD, SIG_DFL);
	net_log_release();
	assert_int_equal(a_child(), 0);
}

static void cannot_be_started_again(void **state)
{
	struct net_kit *k = open_forwarding(NULL, NULL);
	pid_t pid = a_child();

	(void)state;
	net_log_catch();
	setenv("PATH", dir, 1);
	kill(pid, SIGKILL);
	assert_true(net_wait(&k, 1, is_down, k, 3000));
	net_wait(&k, 1, NULL, NULL, 2500);
	assert_false(k->up);
	setenv("PATH", real_path, 1);
	assert_true(net_wait(&k, 1, is_up, k, 10000));
	assert_true(gateway_answers(k));
	close_card(k);
	net_log_release();
}

/* --- one that runs already -------------------------------------------------------------------- */

static int listen_at(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void runs_already(void **state)
{
	char path[100], buf[100];
	struct net_config c = { .kind = NET_USER, .path = path };
	struct net_kit *k;
	int l, s;

	(void)state;
	snprintf(path, sizeof(path), "%s/socket", dir);
	assert_says(open_fails(&c), "cannot connect to passt at");
	l = listen_at(path);
	k = open_card(&c);
	assert_int_equal(a_child(), 0);
	s = accept(l, NULL, NULL);
	assert_int_equal(net_kit_send(k, 0, NULL, mac, 1, 60), 0);
	netdev_flush(k->n, 0);
	assert_int_equal(recv(s, buf, sizeof(buf), 0), 64);
	net_log_catch();
	close(s);
	close(l);
	assert_true(net_wait(&k, 1, is_down, k, 3000));
	assert_says(net_log_taken(), "has closed the connection; no link meanwhile");
	l = listen_at(path);
	assert_true(net_wait(&k, 1, is_up, k, 5000));
	close_card(k);
	close(l);
	unlink(path);
	net_log_release();
}

static void settings_that_make_no_sense(void **state)
{
	char *fwd = (char *)(uintptr_t) "tcp:22022:22";
	struct net_config c = { .kind = NET_USER, .fwd = &fwd, .fwd_cnt = 1, .path = dir };
	struct net_config q = { .kind = NET_USER, .queues = 2 };

	(void)state;
	assert_says(open_fails(&c), "leave out path=");
	assert_says(open_fails(&q), "leave out queues=");
}

/* --- where it runs ---------------------------------------------------------------------------- */

/* A host with one interface and a default route. False: cannot be had here. */
static bool make_host(void)
{
	return net_own_namespace() &&
	       system("ip link set lo up && ip tuntap add mode tap name host0 && "
		      "ip link set host0 up && ip address add 192.0.2.2/24 dev host0 && "
		      "ip route add default via 192.0.2.1 dev host0") == 0;
}

#define REAL(f) cmocka_unit_test_teardown(f, back_to_real)

int main(void)
{
	const struct CMUnitTest anywhere[] = {
		REAL(missing),
		REAL(forbidden_by_the_host),
		REAL(says_nothing_and_ends),
		REAL(begins_clean),
		REAL(row59_one_that_never_reads),
		REAL(one_that_sends_nonsense),
		REAL(one_that_talks_too_much),
		REAL(nobody_knows_how_it_ended),
		REAL(runs_already),
		REAL(settings_that_make_no_sense),
	};
	const struct CMUnitTest with_passt[] = {
		REAL(dhcp_and_arp),
		REAL(mtu_is_passed_on),
		REAL(ports_lead_to_the_guest),
		REAL(it_keeps_track),
		REAL(killed_and_started_again),
		REAL(row61_sending_to_a_dead_one),
		REAL(no_orphan_when_we_are_killed),
		REAL(complaints_are_shown),
		REAL(port_is_busy),
		REAL(port_that_we_may_not_have),
		REAL(low_port_as_root),
		REAL(no_route_no_network),
		REAL(cannot_be_started_again),
	};
	int r;

	snprintf(dir, sizeof(dir), "/tmp/test_passt.XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	real_path = strdup(getenv("PATH"));
	r = cmocka_run_group_tests(anywhere, NULL, NULL);
	if (system("command -v passt >/dev/null") != 0)
		printf("# passt is not installed: it is not tested\n");
	else if (make_host())
		r += cmocka_run_group_tests(with_passt, NULL, NULL);
	else
		printf("# no network namespace here: passt itself is not tested\n");
	back_to_real(NULL);
	rmdir(dir);
	free(real_path);
	return r;
}
