/* SPDX-License-Identifier: MIT */
/*
 * pump.c: carries bytes between the ports and the command until there is a verdict.
 *
 * A port whose host end is closed is never ready but for POLLHUP, and that at once: such a port is
 * not polled but looked at every so often. Before the host has come, bytes wait for it; once it was
 * there and has gone, nobody reads any more, and the command is told as a pipe would.
 */
#include "firmware/init/init.h"

#define CHUNK    (32 * 1024) /* what the driver takes at a time */
#define LOOK_MS  20          /* between looks at a port that nobody is at */
#define PAUSE_MS 5           /* after the kernel had no memory */

struct stream {
	int from, to; /* -1: closed, or none */
	int port;     /* which of the two is the port; -1: COM1 */
	bool seen;    /* the host was at the port */
	bool away;    /* it is not now */
	uint32_t off, len;
	uint64_t total;
	uint64_t owed; /* once the command has ended: what it had written and is not delivered */
	char buf[CHUNK];
};

static struct stream in, out[2];
static bool in_told; /* standard input's length is known: */
static uint64_t in_len;

static uint64_t ms(unsigned v)
{
	return (uint64_t)v * 1000000;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		sys_close(*fd);
	*fd = -1;
}

/* Is the host at the port? True, as far as anybody knows, for what is none. */
static bool host_there(struct stream *s)
{
	struct pollfd p = { .fd = s->port, .events = 0 };

	s->away = s->port >= 0 && sys_poll(&p, 1, 0) > 0 && (p.revents & POLLHUP);
	s->seen |= !s->away;
	return !s->away;
}

/* --- standard input --------------------------------------------------------------------------- */

/* The command sees the end once it has read what is in the pipe. */
static void end_input(void)
{
	close_fd(&in.to);
	in.from = -1; /* the port stays open: closing it would be a message to the host */
}

static void fill_input(void)
{
	long n = sys_read(in.from, in.buf, CHUNK);

	if (n > 0) {
		in.len = (uint32_t)n;
		in.off = 0;
		in.total += (uint64_t)n;
		in.seen = true;
		in.away = false;
	} else if (n == 0) {
		/* Nobody is there, now. POLLHUP may have gone since. */
		if (in.seen && !host_there(&in))
			end_input();
		in.away = true;
	} else if (n == -EAGAIN) {
		host_there(&in);
	} else if (n != -EINTR && n != -ENOMEM) {
		end_input();
	}
}

static void drain_input(void)
{
	long n = sys_write(in.to, in.buf + in.off, in.len);

	if (n > 0) {
		in.off += (uint32_t)n;
		in.len -= (uint32_t)n;
	} else if (n != -EAGAIN && n != -EINTR) {
		end_input(); /* EPIPE: the command has closed it */
	}
}

static void pump_input(void)
{
	if (in.to < 0)
		return;
	if (in.len == 0 && !(in_told && in.total >= in_len))
		fill_input();
	if (in.len)
		drain_input();
	if (in.len == 0 && in_told && in.total >= in_len)
		end_input();
}

/* --- standard output and error ---------------------------------------------------------------- */

static void sent(struct stream *s, uint64_t n)
{
	s->off += (uint32_t)n;
	s->len -= (uint32_t)n;
	s->total += n;
	s->owed -= n < s->owed ? n : s->owed;
}

/* False: nothing more can be done now. */
static bool pump_output(struct stream *s, uint16_t serial_type)
{
	long n;

	if (s->from < 0)
		return false;
	if (s->len == 0) {
		n = sys_read(s->from, s->buf, CHUNK);
		if (n <= 0) {
			if (n != -EAGAIN && n != -EINTR)
				close_fd(&s->from);
			return false;
		}
		s->off = 0;
		s->len = (uint32_t)n;
	}
	if (s->to < 0) {
		report_data(serial_type, s->buf, s->len);
		sent(s, s->len);
		return true;
	}
	n = sys_write(s->to, s->buf + s->off, s->len);
	if (n > 0) {
		sent(s, (uint64_t)n);
		s->seen = true;
		s->away = false;
		return true;
	}
	if (n == -ENOMEM || n == 0)
		sys_sleep_ms(PAUSE_MS);
	else if ((!host_there(s) && s->seen) || (n != -EAGAIN && n != -EINTR))
		close_fd(&s->from); /* the next one who writes there gets SIGPIPE */
	return false;
}

/* What is in the pipe now was written before now. */
static void note_owed(struct stream *s)
{
	int n = 0;

	if (s->from >= 0 && sys_ioctl(s->from, FIONREAD, &n) < 0)
		n = 0;
	s->owed = s->from >= 0 ? s->len + (uint64_t)n : 0;
}

/* --- the command ------------------------------------------------------------------------------ */

static uint32_t to_ms(const struct timeval64 *t)
{
	return (uint32_t)(t->sec * 1000 + t->usec / 1000);
}

/* Orphans are everybody's, so ours. True: the command itself has ended. */
static bool reap(const struct command *c, struct guest_init_record *end)
{
	char info[128 * 8]; /* struct signalfd_siginfo; the number of signals says nothing */
	struct usage u = { .max_rss = 0 };
	int status = 0;
	bool ended = false;
	long pid;

	sys_read(c->children, info, sizeof(info));
	while ((pid = SYS4(__NR_wait4, -1, &status, WNOHANG, &u)) > 0) {
		if (pid != c->pid)
			continue;
		ended = true;
		end->code = status & 0x7f ? GUEST_END_SIGNALED : GUEST_END_EXITED;
		end->number = status & 0x7f ? status & 0x7f : status >> 8 & 0xff;
		end->flags |= status & 0x7f && status & 0x80 ? GUEST_END_F_CORE : 0;
		end->user_ms = to_ms(&u.user);
		end->system_ms = to_ms(&u.system);
		end->max_rss_kib = (uint32_t)u.max_rss;
	}
	return ended;
}

bool command_hear(int pid)
{
	struct guest_init_record r;
	bool go = false;

	while (ports.control >= 0 && report_take(&r)) {
		if (r.type == GUEST_RECORD_GO) {
			go = true;
		} else if (r.type == GUEST_RECORD_STDIN_END) {
			in_told = true;
			in_len = r.out_len[0];
		} else if (r.type == GUEST_RECORD_SIGNAL && pid && r.number > 0 && r.number <= 64) {
			sys_kill(-pid, r.number);
		}
	}
	return go;
}

/* Adds @fd, or, if the host is not at it, a reason to look again soon. */
static void want(struct pollfd *p, unsigned *cnt, int *timeout, int fd, short events, bool away)
{
	if (away && *timeout > LOOK_MS)
		*timeout = LOOK_MS;
	if (!away && fd >= 0)
		p[(*cnt)++] = (struct pollfd){ .fd = fd, .events = events };
}

static void wait_for_work(const struct command *c, bool control_away, int timeout)
{
	struct pollfd p[8];
	unsigned cnt = 0;
	short control = report_pending() ? POLLIN | POLLOUT : POLLIN;

	want(p, &cnt, &timeout, c->children, POLLIN, false);
	want(p, &cnt, &timeout, ports.control, control, control_away);
	if (in.to >= 0 && in.len)
		want(p, &cnt, &timeout, in.to, POLLOUT, false);
	else if (in.to >= 0)
		want(p, &cnt, &timeout, in.from, POLLIN, in.away);
	for (int i = 0; i < 2; i++) {
		struct stream *s = &out[i];

		if (s->from >= 0 && s->len)
			want(p, &cnt, &timeout, s->to, POLLOUT, s->away);
		else if (s->from >= 0)
			want(p, &cnt, &timeout, s->from, POLLIN, false);
	}
	sys_poll(p, cnt, timeout);
}

static bool control_is_away(void)
{
	struct pollfd p = { .fd = ports.control, .events = 0 };

	return ports.control >= 0 && sys_poll(&p, 1, 0) > 0 && p.revents & POLLHUP;
}

static void begin(const struct command *c)
{
	in.from = ports.in;
	in.port = ports.in;
	in.to = c->in;
	for (int i = 0; i < 2; i++) {
		out[i].from = c->out[i];
		out[i].to = ports.out[i];
		out[i].port = ports.out[i];
	}
}

/* The next thing to be done after the command has ended; false: nothing is. */
static bool more_to_deliver(uint64_t grace_end, struct guest_init_record *end)
{
	bool open = out[0].from >= 0 || out[1].from >= 0;

	if (!open)
		return false;
	if (sys_now() < grace_end || out[0].owed || out[1].owed)
		return true;
	end->flags |= GUEST_END_F_CUT;
	return false;
}

void command_watch(struct command *c, struct guest_init_record *end)
{
	uint64_t grace_end = 0;
	bool ended = false;

	begin(c);
	while (!ended || more_to_deliver(grace_end, end)) {
		int timeout = 60 * 1000;

		if (ended)
			timeout = (int)((grace_end - sys_now()) / 1000000) + 1;
		if (ended && sys_now() >= grace_end)
			timeout = LOOK_MS;
		wait_for_work(c, control_is_away(), timeout);
		if (reap(c, end)) {
			ended = true;
			grace_end = sys_now() + ms(config.head->grace_ms);
			note_owed(&out[0]);
			note_owed(&out[1]);
			end_input();
		}
		command_hear(ended ? 0 : c->pid);
		report_pump();
		pump_input();
		pump_output(&out[0], GUEST_RECORD_OUT);
		pump_output(&out[1], GUEST_RECORD_ERR);
	}
	end_input();
	for (int i = 0; i < 2; i++) {
		end->out_len[i] = out[i].total;
		close_fd(&out[i].from);
	}
}
