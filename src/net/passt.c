/* SPDX-License-Identifier: MIT */
/*
 * passt.c: a network for a card without any privilege: passt(1) runs beside us, answers DHCP and
 * ARP, and makes sockets of the host's of the guest's connections and the other way round.
 *
 * It is run in the foreground with one end of a socket pair (-F), which it takes as its life: when
 * the other end closes, by us or because we died in whatever way, it goes. (PR_SET_PDEATHSIG would
 * not do, it is lost when passt becomes "nobody".) That it is ready shows in that it has read what
 * was sent to it first, a frame that means nothing to anybody: its ports are open then.
 *
 * When passt dies, the link is down until it has been started anew, a few times a minute at most;
 * when it is given a path instead of being run, until it can be connected to again.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "net/child.h"
#include "net/forward.h"
#include "net/netdev_internal.h"
#include "net/wire.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/token_bucket.h"

#define PROGRAM   "passt"
#define PASST_MTU 65520u              /* what it gives the guest unless told otherwise */
#define READY_MS  10000u              /* to become ready; 10 to 100 ms are usual */
#define LOOK_NS   (5 * NSEC_PER_MSEC) /* between looks whether it is */
#define LEAVE_MS  500u                /* to go by itself */
#define STEADY_NS (60 * NSEC_PER_SEC) /* who has run for so long is tried again at once */

enum passt_state {
	PASST_OFF,      /* does not run; .timer: start it */
	PASST_STARTING, /* .timer: is it ready? */
	PASST_UP,
	PASST_LEAVING, /* the connection has ended; .timer: so must it */
};

struct passt {
	struct netdev n;
	struct wire wire;
	struct child child;
	struct ev_timer timer;
	enum passt_state state;
	unsigned failures; /* in a row */
	uint64_t since_ns; /* of the state */
	int fd;            /* our end while it starts; -1 otherwise */
	char *path;        /* of one that runs already; NULL: it is ours */
	struct token_bucket words;
	struct forward *fwd;
	unsigned fwd_cnt;
	char (*spec)[FORWARD_SPEC]; /* argv leads there */
	char mtu[12];
	char **argv;
};

static struct passt *to_passt(struct netdev *n)
{
	return container_of(n, struct passt, n);
}

static uint64_t now_ns(struct passt *p)
{
	return vclock_now(p->timer.clock);
}

static void enter(struct passt *p, enum passt_state s, uint64_t timer_ns)
{
	p->state = s;
	p->since_ns = now_ns(p);
	timer_arm(&p->timer, p->since_ns + timer_ns);
}

/* --- what it says ----------------------------------------------------------------------------- */

/*
 * It says each message to syslog too, and says so when there is none; and it need not have both
 * IPv4 and IPv6.
 */
static bool on_words(struct child *c, const char *line)
{
	struct passt *p = container_of(c, struct passt, child);
	static const char *const dull[] = { "Failed to send ", "Don't run as root.",
					    "No external routable interface" };

	for (unsigned i = 0; i < ARRAY_LEN(dull); i++)
		if (!strncmp(line, dull[i], strlen(dull[i])))
			return false;
	if (p->state == PASST_STARTING)
		return true;
	c->said[0] = '\0'; /* the last one will do */
	if (!token_bucket_wait(&p->words, now_ns(p))) {
		token_bucket_take(&p->words, now_ns(p), 1);
		log_msg(LOG_WARN, "net", "passt says: %s", line);
	}
	return true;
}

static const struct {
	const char *words, *hint;
} hints[] = {
	{ "user namespace",
	  "passt locks itself into a user namespace, which this host does not let it have: see "
	  "sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "
	  "kernel.apparmor_restrict_unprivileged_userns, and seccomp rules of containers; or run "
	  "passt elsewhere and use -n user,path=ITS-SOCKET" },
	{ "external",
	  "passt gives the guest the addresses of the host's default route, and there is "
	  "none: see 'ip route'" },
	{ "bind", "the port may be in use, or below 1024; 'ss -lntup' shows which are" },
	{ "Overlapping", "each port of the host can be forwarded once" },
	{ "nvalid option",
	  "this passt may be too old for trapeze, which needs its option --fd: the "
	  "one of 2023_02_22 has it" },
	{ "unrecognized option", "this passt may be too old: version 2023_02_22 will do" },
};

static int died_at_start(struct passt *p, struct error **errp)
{
	char how[80];

	child_status(p->child.status, how, sizeof(how));
	err_set(errp, EIO, "passt, which -n user runs, ended %s%s%s", how,
		*p->child.said ? ": " : " and said nothing", p->child.said);
	for (unsigned i = 0; i < ARRAY_LEN(hints); i++) {
		if (strcasestr(p->child.said, hints[i].words)) {
			err_hint(errp, "%s", hints[i].hint);
			break;
		}
	}
	return -EIO;
}

static int not_started(int r, struct error **errp)
{
	if (r == -ENOENT)
		err_hint(errp,
			 "-n user runs it: install the package 'passt' (https://passt.top), or use "
			 "another kind of network");
	return r;
}

/* --- starting --------------------------------------------------------------------------------- */

/* A frame from nobody of a type for experiments (IEEE 802, local experimental 1). */
static bool say_hello(int fd)
{
	uint8_t hello[WIRE_LEN + 60] = { [3] = 60 };

	memset(hello + WIRE_LEN, 0xff, 12);
	hello[WIRE_LEN + 12] = 0x88;
	hello[WIRE_LEN + 13] = 0xb5;
	return send(fd, hello, sizeof(hello), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(hello);
}

/* It has read all that was sent. (What was sent to one that is gone counts as read as well.) */
static bool is_ready(struct passt *p)
{
	struct pollfd hup = { .fd = p->fd };
	int unread = 1;

	return ioctl(p->fd, SIOCOUTQ, &unread) == 0 && !unread && poll(&hup, 1, 0) == 0;
}

static void close_fd(struct passt *p)
{
	base_closep(&p->fd);
	p->fd = -1;
}

static int run_passt(struct passt *p, struct error **errp)
{
	_cleanup_close_ int theirs = -1;
	int sv[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(errp, errno, "cannot create a socket for passt");
	p->fd = sv[0];
	theirs = sv[1];
	r = say_hello(p->fd) ? child_start(&p->child, p->argv, theirs, errp)
			     : err_set(errp, EIO, "cannot send to passt");
	if (r < 0)
		close_fd(p);
	return r;
}

static int connect_path(struct passt *p, struct error **errp)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	if (strlen(p->path) >= sizeof(sa.sun_path))
		return err_set(errp, ENAMETOOLONG, "'%s' is too long for the name of a socket",
			       p->path);
	memcpy(sa.sun_path, p->path, strlen(p->path));
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd >= 0 && connect(p->fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return 0;
	err_errno(errp, errno, "cannot connect to passt at '%s'", p->path);
	err_hint(errp, "is it running? passt -s %s; without path= trapeze runs one itself",
		 p->path);
	close_fd(p);
	return -ECONNREFUSED;
}

static int go_up(struct passt *p, struct error **errp)
{
	int r = wire_attach(&p->wire, take_fd(&p->fd), errp);

	if (r < 0)
		return r;
	timer_cancel(&p->timer);
	p->child.said[0] = '\0';
	p->state = PASST_UP;
	p->since_ns = now_ns(p);
	netdev_set_link(&p->n, true);
	/* Whoever read that it was gone. */
	if (p->failures)
		log_msg(LOG_WARN, "net", "passt is there again, the link is up");
	return 0;
}

/* --- while the loop runs ---------------------------------------------------------------------- */

static void try_later(struct passt *p)
{
	static const uint8_t seconds[] = { 1, 5, 15, 30 };
	unsigned i = (unsigned)min_u64(p->failures++, ARRAY_LEN(seconds) - 1);

	close_fd(p);
	enter(p, PASST_OFF, seconds[i] * NSEC_PER_SEC);
}

static void forgive(struct passt *p)
{
	if (p->state == PASST_UP && now_ns(p) - p->since_ns >= STEADY_NS)
		p->failures = 0;
}

static void could_not(struct passt *p, struct error *e)
{
	netdev_complain(&p->n, "%s; trying again, no link meanwhile", error_msg(e));
	try_later(p);
}

static void try_again(struct passt *p)
{
	_cleanup_(error_freep) struct error *e = NULL;

	if (p->path) {
		if (connect_path(p, &e) < 0 || go_up(p, &e) < 0)
			could_not(p, e);
		return;
	}
	if (run_passt(p, &e) < 0) {
		could_not(p, e);
		return;
	}
	enter(p, PASST_STARTING, LOOK_NS);
	if (child_watch(&p->child, p->n.loop, &e) < 0) {
		child_end(&p->child, 0);
		could_not(p, e);
	}
}

static void look_whether_ready(struct passt *p)
{
	_cleanup_(error_freep) struct error *e = NULL;

	if (is_ready(p)) {
		if (go_up(p, &e) < 0)
			child_kill(&p->child);
	} else if (now_ns(p) - p->since_ns >= READY_MS * NSEC_PER_MSEC) {
		child_kill(&p->child);
	} else {
		timer_arm(&p->timer, now_ns(p) + LOOK_NS);
	}
}

static void on_timer(struct ev_timer *t)
{
	struct passt *p = container_of(t, struct passt, timer);

	switch (p->state) {
	case PASST_OFF:
		try_again(p);
		break;
	case PASST_STARTING:
		look_whether_ready(p);
		break;
	case PASST_LEAVING:
		child_kill(&p->child);
		break;
	case PASST_UP:
		break;
	}
}

static void on_ended(struct child *c)
{
	struct passt *p = container_of(c, struct passt, child);
	char how[80];

	forgive(p);
	wire_detach(&p->wire);
	netdev_set_link(&p->n, false);
	netdev_complain(&p->n, "passt ended %s%s%s; no link until it has been started again",
			child_status(c->status, how, sizeof(how)), *c->said ? ": " : "", c->said);
	try_later(p);
}

static void on_broken(struct wire *w, int err)
{
	struct passt *p = container_of(w, struct passt, wire);

	forgive(p);
	wire_detach(w);
	netdev_set_link(&p->n, false);
	if (err == EPROTO)
		netdev_complain(&p->n, "passt sent what is no frame; its connection is closed");
	if (!p->path) {
		/* on_ended() says what has become of it. */
		enter(p, PASST_LEAVING, LEAVE_MS * NSEC_PER_MSEC);
		return;
	}
	if (err != EPROTO)
		netdev_complain(&p->n, "passt at '%s' has closed the connection; no link meanwhile",
				p->path);
	try_later(p);
}

static void on_readable(struct wire *w)
{
	netdev_readable(&container_of(w, struct passt, wire)->n, 0);
}

static void on_writable(struct wire *w)
{
	netdev_writable(&container_of(w, struct passt, wire)->n, 0);
}

/* --- the device's end ------------------------------------------------------------------------- */

static void op_run(struct netdev *n, unsigned pairs, uint64_t offloads)
{
	struct passt *p = to_passt(n);

	(void)offloads;
	if (!pairs)
		p->wire.rx_waits = p->wire.tx_waits = false;
}

static int op_send(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	(void)q;
	return wire_send(&to_passt(n)->wire, iov, cnt);
}

static void op_flush(struct netdev *n, unsigned q)
{
	(void)q;
	wire_flush(&to_passt(n)->wire);
}

static ssize_t op_recv(struct netdev *n, unsigned q, const struct iovec *iov, unsigned cnt)
{
	(void)q;
	return wire_recv(&to_passt(n)->wire, iov, cnt);
}

static void op_close(struct netdev *n)
{
	struct passt *p = to_passt(n);

	timer_cancel(&p->timer);
	close_fd(p);
	wire_destroy(&p->wire); /* which tells passt */
	child_end(&p->child, LEAVE_MS);
	free(p->fwd);
	free(p->spec);
	free(p->argv);
	free(p->path);
	free(p);
}

static const struct netdev_ops ops = {
	.run = op_run,
	.send = op_send,
	.flush = op_flush,
	.recv = op_recv,
	.close = op_close,
};

/* --- opening ---------------------------------------------------------------------------------- */

static int check_config(const struct net_config *c, struct error **errp)
{
	if (c->path && c->fwd_cnt) {
		err_set(errp, EINVAL,
			"-n user,path=%s,fwd=...: whoever runs that passt says what it "
			"forwards",
			c->path);
		err_hint(errp, "give it -t and -u, see passt(1); or leave out path=");
		return -EINVAL;
	}
	if (c->queues > 1) {
		err_set(errp, EINVAL,
			"-n user,queues=%u: passt has one connection, for one queue pair",
			c->queues);
		err_hint(errp, "leave out queues=, or use -n tap");
		return -EINVAL;
	}
	return 0;
}

static bool has(const struct passt *p, bool udp)
{
	for (unsigned i = 0; i < p->fwd_cnt; i++)
		if (p->fwd[i].udp == udp)
			return true;
	return false;
}

/* Without a word on one protocol, passt may take its ports from the other one's. */
static void make_argv(struct passt *p)
{
	static char *const start[] = { (char *)(uintptr_t)PROGRAM, (char *)(uintptr_t) "-f",
				       (char *)(uintptr_t) "-q", (char *)(uintptr_t) "-F",
				       (char *)(uintptr_t) "3" };
	char **a = p->argv;

	memcpy(a, start, sizeof(start));
	a += ARRAY_LEN(start);
	if (*p->mtu) {
		*a++ = (char *)(uintptr_t) "-m";
		*a++ = p->mtu;
	}
	for (unsigned udp = 0; udp < 2; udp++) {
		if (has(p, udp))
			continue;
		*a++ = (char *)(uintptr_t)(udp ? "-u" : "-t");
		*a++ = (char *)(uintptr_t) "none";
	}
	for (unsigned i = 0; i < p->fwd_cnt; i++) {
		*a++ = (char *)(uintptr_t)(p->fwd[i].udp ? "-u" : "-t");
		*a++ = (char *)(uintptr_t)forward_spec(&p->fwd[i], p->spec[i]);
	}
	*a = NULL;
}

static int prepare(struct passt *p, const struct net_config *c, struct error **errp)
{
	int r = 0;

	p->fwd = calloc(c->fwd_cnt + 1, sizeof(*p->fwd));
	p->spec = calloc(c->fwd_cnt + 1, sizeof(*p->spec));
	p->argv = calloc(2 * c->fwd_cnt + 12, sizeof(*p->argv));
	p->path = c->path ? strdup(c->path) : NULL;
	if (!p->fwd || !p->spec || !p->argv || (c->path && !p->path))
		return err_errno(errp, ENOMEM, "cannot create a network card");
	for (; p->fwd_cnt < c->fwd_cnt && r == 0; p->fwd_cnt++) {
		r = forward_parse(c->fwd[p->fwd_cnt], &p->fwd[p->fwd_cnt], errp);
		if (r == 0)
			r = forward_check_free(&p->fwd[p->fwd_cnt], errp);
	}
	if (r == 0 && c->mtu)
		snprintf(p->mtu, sizeof(p->mtu), "%u", c->mtu);
	if (r == 0)
		make_argv(p);
	return r;
}

/* It goes on silently if it gets some of the ports. */
static int check_ports(struct passt *p, struct error **errp)
{
	for (unsigned i = 0; i < p->fwd_cnt; i++) {
		const struct forward *f = &p->fwd[i];

		if (forward_is_taken(f))
			continue;
		err_set(errp, EACCES, "passt could not listen at %s port %u%s%s",
			f->udp ? "UDP" : "TCP", f->host, *p->child.said ? ": " : "", p->child.said);
		err_hint(errp, "choose another port of the host: fwd=%s:OTHER:%u",
			 f->udp ? "udp" : "tcp", f->guest);
		return -EACCES;
	}
	return 0;
}

static int start(struct passt *p, struct loop *loop, struct error **errp)
{
	int r = run_passt(p, errp);

	if (r < 0)
		return not_started(r, errp);
	for (unsigned ms = 0; !is_ready(p); ms++) {
		if (child_wait(&p->child, 1))
			return died_at_start(p, errp);
		if (ms < READY_MS)
			continue;
		return err_set(errp, ETIMEDOUT,
			       "passt, which -n user runs, has not become ready in "
			       "%u seconds",
			       READY_MS / 1000);
	}
	r = check_ports(p, errp);
	return r < 0 ? r : child_watch(&p->child, loop, errp);
}

int passt_open(const struct net_config *c, struct loop *loop, struct netdev **ret,
	       struct error **errp)
{
	struct passt *p;
	int r = check_config(c, errp);

	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_errno(errp, ENOMEM, "cannot create a network card");
	p->n.ops = &ops;
	p->n.loop = loop;
	p->fd = p->wire.io.fd = p->wire.news.fd = -1;
	p->child.says = on_words;
	p->child.ended = on_ended;
	p->state = PASST_STARTING;
	timer_init(&p->timer, loop_clock(loop), on_timer);
	token_bucket_init(&p->words, 1, 5);
	r = wire_init(&p->wire, loop, errp);
	p->wire.readable = on_readable;
	p->wire.writable = on_writable;
	p->wire.broken = on_broken;
	if (r == 0)
		r = prepare(p, c, errp);
	if (r == 0)
		r = p->path ? connect_path(p, errp) : start(p, loop, errp);
	if (r == 0)
		r = go_up(p, errp);
	if (r < 0) {
		op_close(&p->n);
		return r;
	}
	snprintf(p->n.name, sizeof(p->n.name), p->path ? "passt at %s" : "passt", p->path);
	p->n.info = (struct net_info){ .queues = 1,
				       .mtu = c->mtu    ? c->mtu
					      : p->path ? 0
							: PASST_MTU };
	*ret = &p->n;
	return 0;
}
