/* SPDX-License-Identifier: MIT */
/*
 * attempt.c: listens to one guest until it has ended. What comes from it is what anybody in it
 * chose to say: records are checked, streams are kept by their last bytes, and nothing that it
 * sends, or does not send, keeps this process from its other guests.
 *
 * The end: the child's report pipe closes (it alone has the other end), it is waited for, and what
 * is left in the sockets is read. done() is called when all of it has found its reader.
 */
#include "verdict/attempt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "verdict/artefacts.h"
#include "verdict/attempt_internal.h"
#include "vmm/error.h"
#include "vmm/str.h"

/* Between being asked to end and being made to; and, of a guest that had to be ended, between its
 * end and ours, if nobody reads its output. */
#define KILL_NS (2 * NSEC_PER_SEC)
/* What a guest may take to switch itself off once its command has ended, if --timeout says none. */
#define DOWN_NS (30 * NSEC_PER_SEC)

static uint64_t since_start(const struct attempt *a)
{
	return vclock_now(loop_clock(a->p.loop)) - a->start_ns;
}

/* --- ending it -------------------------------------------------------------------------------- */

static void end_guest(struct attempt *a)
{
	if (a->stage >= STAGE_ENDS)
		return;
	a->stage = STAGE_ENDS;
	if (a->pid > 0)
		kill(a->pid, SIGINT);
	timer_arm(&a->kill, vclock_now(a->kill.clock) + KILL_NS);
}

static void on_kill(struct ev_timer *t)
{
	struct attempt *a = container_of(t, struct attempt, kill);

	if (a->gone) {
		a->hurry = true;
		attempt_look_for_end(a);
		return;
	}
	/* Its helpers are in its session, and its group if they did not choose another. */
	a->killed = true;
	if (a->pid > 0 && kill(-a->pid, SIGKILL) < 0)
		kill(a->pid, SIGKILL);
}

void attempt_cancel(struct attempt *a)
{
	if (a->hurry && !a->gone)
		on_kill(&a->kill);
	if (!a->gone && a->e.limit == LIMIT_NONE)
		a->e.cancelled = true;
	a->hurry = true;
	end_guest(a);
	attempt_look_for_end(a);
}

static void exceed(struct attempt *a, enum test_limit l)
{
	if (a->stage >= STAGE_ENDS || a->gone)
		return;
	a->e.limit = l;
	end_guest(a);
}

static void on_boot_limit(struct ev_timer *t)
{
	exceed(container_of(t, struct attempt, boot), LIMIT_BOOT);
}

static void on_test_limit(struct ev_timer *t)
{
	exceed(container_of(t, struct attempt, test), LIMIT_TEST);
}

static uint64_t scaled(const struct attempt *a, uint64_t ns)
{
	double scale = a->p.spec->limits.scale, x = (double)ns * (scale > 0 ? scale : 1);

	return x < 9e18 ? (uint64_t)x : UINT64_C(9000000000000000000);
}

static void arm(struct attempt *a, struct ev_timer *t, uint64_t ns)
{
	if (ns)
		timer_arm(t, vclock_now(t->clock) + scaled(a, ns));
}

/* Output does not move the timer; when it fires, it sees whether there was any. */
static void on_idle_limit(struct ev_timer *t)
{
	struct attempt *a = container_of(t, struct attempt, idle);
	uint64_t due = a->output_ns + scaled(a, a->p.spec->limits.idle_ns);

	if (a->e.ended || a->stage != STAGE_RUNS)
		return;
	if (vclock_now(t->clock) >= due)
		exceed(a, LIMIT_IDLE);
	else
		timer_arm(t, due);
}

static void begin_limits(struct attempt *a)
{
	a->stage = STAGE_RUNS;
	a->output_ns = vclock_now(a->idle.clock);
	timer_cancel(&a->boot);
	arm(a, &a->test, a->p.spec->limits.test_ns);
	arm(a, &a->idle, a->p.spec->limits.idle_ns);
}

/* --- records ---------------------------------------------------------------------------------- */

static void send_record(struct attempt *a, struct guest_init_record *r)
{
	guest_record_finish(r, a->out_seq++);
	/* The socket holds far more than the few records there are; a guest's process that is gone
	 * needs none. */
	(void)!send(a->fd[PORT_CONTROL], r, sizeof(*r), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_stdin_end(struct feed *f, void *opaque)
{
	struct guest_init_record r = { .type = GUEST_RECORD_STDIN_END, .out_len = { f->total } };

	send_record(opaque, &r);
}

static void on_start(struct attempt *a)
{
	if (a->e.start)
		return;
	a->e.start = true;
	a->boot_ns = since_start(a);
	if (a->stage == STAGE_BOOTS)
		begin_limits(a);
}

static void on_end(struct attempt *a, const struct guest_init_record *r)
{
	if (a->e.ended)
		return;
	a->e.ended = true;
	a->e.end = *r;
	a->run_ns = since_start(a) - a->boot_ns;
	timer_cancel(&a->idle);
	timer_cancel(&a->boot);
	if (a->stage < STAGE_ENDS && !a->p.spec->limits.test_ns)
		arm(a, &a->test, DOWN_NS);
}

static void got_output(struct attempt *a, unsigned which, const void *bytes, size_t len)
{
	uint64_t t = since_start(a);

	a->output_ns = a->start_ns + t;
	a->e.out_len[which] += len;
	tail_feed(&a->tail[which], bytes, len);
	if (a->nested[which] && which == 0)
		nested_feed(a->nested[which], bytes, len);
	if (a->art)
		artefacts_feed(a->art, which ? ART_STDERR : ART_STDOUT, t, bytes, len);
	if (a->p.passthrough && !a->hurry)
		relay_put(&a->relay[which], bytes, len);
}

static void on_record(struct attempt *a, const struct guest_record_reader *r)
{
	const struct guest_init_record *rec = &r->record;

	switch (rec->type) {
	case GUEST_RECORD_HELLO:
		a->e.hello = true;
		break;
	case GUEST_RECORD_START:
		on_start(a);
		break;
	case GUEST_RECORD_END:
		on_end(a, rec);
		break;
	case GUEST_RECORD_DOWN:
		a->e.down = true;
		break;
	case GUEST_RECORD_OUT:
		got_output(a, 0, r->data, rec->data_len);
		break;
	case GUEST_RECORD_ERR:
		got_output(a, 1, r->data, rec->data_len);
		break;
	}
}

/* On COM1 what matters is said several times, and what is missing is known by its number. */
static void on_serial_record(struct attempt *a)
{
	const struct guest_init_record *rec = &a->serial.record;

	if (rec->seq < a->serial_seq)
		return;
	if (rec->seq > a->serial_seq)
		a->e.out_lost = true;
	a->serial_seq = rec->seq + 1;
	on_record(a, &a->serial);
}

/* --- what comes ------------------------------------------------------------------------------- */

static size_t min_room(const struct attempt *a, unsigned which)
{
	return a->p.passthrough && !a->hurry ? relay_room(&a->relay[which]) : RELAY_ROOM;
}

static size_t console_room(const struct attempt *a)
{
	/* What is on COM1 may be output, at half its length. */
	return min_u64(min_room(a, 0), min_room(a, 1));
}

static void got_text(struct attempt *a, const uint8_t *bytes, size_t len)
{
	if (!len)
		return;
	trouble_feed(a->trouble, bytes, len);
	nested_feed(a->nested[1], bytes, len);
	if (a->art)
		artefacts_feed(a->art, ART_CONSOLE, since_start(a), bytes, len);
}

/* Records are taken out of it in place, unless the init has said that it uses the ports. */
static void got_console(struct attempt *a, uint8_t *bytes, size_t len)
{
	size_t n = 0;

	a->output_ns = vclock_now(loop_clock(a->p.loop));
	if (a->p.spec->protocol != TEST_BY_INIT || a->control_used) {
		got_text(a, bytes, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		bool behind = a->last_byte >= 0x80 && !a->last_owned;
		bool owned = guest_record_owns(bytes[i]) && !behind;

		a->last_byte = bytes[i];
		a->last_owned = owned;
		if (!owned)
			bytes[n++] = bytes[i];
		else if (guest_record_feed(&a->serial, bytes[i]))
			on_serial_record(a);
	}
	got_text(a, bytes, n);
}

static void got_control(struct attempt *a, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!guest_record_feed(&a->control, bytes[i]))
			continue;
		a->control_used = true;
		on_record(a, &a->control);
	}
}

static void got_report(struct attempt *a, const uint8_t *bytes, size_t len)
{
	if (a->report.len < sizeof(struct child_report) + 2 * CHILD_TEXT_MAX)
		str_add_bytes(&a->report, (const char *)bytes, len);
}

static size_t room_of(const struct attempt *a, enum stream s)
{
	switch (s) {
	case STREAM_STDOUT:
		return min_room(a, 0);
	case STREAM_STDERR:
		return min_room(a, 1);
	case STREAM_CONSOLE:
		return console_room(a);
	default:
		return RELAY_ROOM;
	}
}

static void got(struct attempt *a, enum stream s, uint8_t *bytes, size_t len)
{
	switch (s) {
	case STREAM_CONTROL:
		got_control(a, bytes, len);
		break;
	case STREAM_STDOUT:
		got_output(a, 0, bytes, len);
		break;
	case STREAM_STDERR:
		got_output(a, 1, bytes, len);
		break;
	case STREAM_CONSOLE:
		got_console(a, bytes, len);
		break;
	default:
		got_report(a, bytes, len);
		break;
	}
}

/* Nothing more will come. */
static void stream_over(struct attempt *a, enum stream s)
{
	a->in[s].over = true;
	if (a->in[s].ev.loop)
		loop_del(&a->in[s].ev);
}

/* A guest that is gone has left what is there now; its helpers may hold the other end open. */
static void read_stream(struct attempt *a, enum stream s)
{
	static uint8_t buf[RELAY_ROOM];
	size_t room = room_of(a, s);
	ssize_t n;

	if (!room) {
		loop_del(&a->in[s].ev);
		a->in[s].waits = true;
		return;
	}
	n = read(a->in[s].ev.fd, buf, room);
	if (n > 0)
		got(a, s, buf, (size_t)n);
	else if (n == 0 || (errno != EINTR && errno != EAGAIN) || (errno == EAGAIN && a->gone))
		stream_over(a, s);
}

static void child_gone(struct attempt *a)
{
	struct rusage ru = { 0 };

	a->gone = true;
	a->gone_ns = since_start(a);
	while (wait4(a->pid, &a->e.child_status, 0, &ru) < 0 && errno == EINTR)
		;
	a->pid = -1;
	a->user_ns = (uint64_t)ru.ru_utime.tv_sec * NSEC_PER_SEC +
		     (uint64_t)ru.ru_utime.tv_usec * NSEC_PER_USEC;
	a->system_ns = (uint64_t)ru.ru_stime.tv_sec * NSEC_PER_SEC +
		       (uint64_t)ru.ru_stime.tv_usec * NSEC_PER_USEC;
	timer_cancel(&a->boot);
	timer_cancel(&a->test);
	timer_cancel(&a->idle);
	timer_cancel(&a->kill);
	feed_stop(&a->feed);
	if (a->stage == STAGE_ENDS)
		timer_arm(&a->kill, vclock_now(a->kill.clock) + KILL_NS);
	a->stage = STAGE_ENDS;
}

static void on_stream(struct ev_fd *e, uint32_t revents)
{
	struct input *in = container_of(e, struct input, ev);
	struct attempt *a = in->attempt;
	enum stream s = (enum stream)(in - a->in);

	(void)revents;
	read_stream(a, s);
	if (s == STREAM_REPORT && in->over && !a->gone)
		child_gone(a);
	attempt_look_for_end(a);
}

/* --- our own output --------------------------------------------------------------------------- */

static void resume(struct attempt *a)
{
	for (unsigned s = 0; s < STREAM_CNT; s++) {
		struct input *in = &a->in[s];

		if (!in->waits || in->over || !room_of(a, (enum stream)s))
			continue;
		in->waits = false;
		if (loop_add(a->p.loop, &in->ev, NULL) < 0)
			stream_over(a, (enum stream)s);
	}
}

/* Nobody takes what the command says: no verdict would be worth anything. */
static void output_failed(struct attempt *a, const char *name, int err)
{
	char words[128];

	if (a->e.host_error[0])
		return;
	snprintf(a->e.host_error, sizeof(a->e.host_error), "cannot write to %s: %s", name,
		 strerror_r(err, words, sizeof(words)));
	a->e.host_is_to_blame = true;
	a->hurry = true;
	end_guest(a);
}

static void on_relay(struct relay *r, void *opaque)
{
	struct attempt *a = opaque;

	if (r->error)
		output_failed(a, r == &a->relay[0] ? "standard output" : "standard error",
			      r->error);
	resume(a);
	attempt_look_for_end(a);
}

/* --- its end ---------------------------------------------------------------------------------- */

/* What it left in the sockets; what waits for room waits. */
static void drain(struct attempt *a)
{
	for (unsigned s = 0; s < STREAM_CNT; s++)
		while (!a->in[s].over && !a->in[s].waits)
			read_stream(a, (enum stream)s);
}

void attempt_look_for_end(struct attempt *a)
{
	if (a->p.passthrough) {
		for (unsigned i = 0; i < 2; i++)
			if (a->relay[i].error)
				output_failed(a, i ? "standard error" : "standard output",
					      a->relay[i].error);
	}
	if (a->hurry)
		resume(a);
	if (!a->gone || a->finished)
		return;
	drain(a);
	for (unsigned s = 0; s < STREAM_CNT; s++)
		if (!a->in[s].over)
			return;
	if (a->p.passthrough && !a->hurry &&
	    !(relay_empty(&a->relay[0]) && relay_empty(&a->relay[1])))
		return;
	a->finished = true;
	timer_cancel(&a->kill);
	loop_post(a->p.loop, &a->done_work);
}

static void on_done(struct ev_work *w)
{
	struct attempt *a = container_of(w, struct attempt, done_work);

	trouble_finish(a->trouble);
	nested_finish(a->nested[0]);
	nested_finish(a->nested[1]);
	a->p.done(a, a->p.opaque);
}

/* --- its beginning ---------------------------------------------------------------------------- */

static int make_pipes(struct attempt *a, struct child_ends *ends, struct error **errp)
{
	int p[2];

	for (unsigned i = 0; i < PORT_CNT && a->p.spec->protocol == TEST_BY_INIT; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p) < 0)
			return err_errno(errp, errno, "cannot make sockets for the guest");
		a->fd[i] = p[0];
		ends->port[i] = p[1];
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, p) < 0)
		return err_errno(errp, errno, "cannot make a socket for the guest's console");
	a->console_fd = p[0];
	ends->console = p[1];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(errp, errno, "cannot make a pipe for the guest's process");
	a->report_fd = p[0];
	ends->report = p[1];
	return 0;
}

static void close_ends(struct child_ends *ends)
{
	for (unsigned i = 0; i < PORT_CNT; i++)
		base_closep(&ends->port[i]);
	base_closep(&ends->console);
	base_closep(&ends->report);
}

static int listen_to(struct attempt *a, enum stream s, int fd, struct error **errp)
{
	struct input *in = &a->in[s];

	in->over = fd < 0;
	in->ev = (struct ev_fd){ .fd = fd, .events = EV_IN, .cb = on_stream };
	return in->over ? 0 : loop_add(a->p.loop, &in->ev, errp);
}

static int listen_to_all(struct attempt *a, struct error **errp)
{
	int r = listen_to(a, STREAM_CONTROL, a->fd[PORT_CONTROL], errp);

	if (r >= 0)
		r = listen_to(a, STREAM_STDOUT, a->fd[PORT_STDOUT], errp);
	if (r >= 0)
		r = listen_to(a, STREAM_STDERR, a->fd[PORT_STDERR], errp);
	if (r >= 0)
		r = listen_to(a, STREAM_CONSOLE, a->console_fd, errp);
	return r < 0 ? r : listen_to(a, STREAM_REPORT, a->report_fd, errp);
}

static int open_log(struct attempt *a, struct error **errp)
{
	int r;

	if (a->p.dir) {
		r = artefacts_create(a->p.dir, a->p.spec->name, &a->art, errp);
		if (r < 0)
			return r;
		a->log_fd = dup(artefacts_log_fd(a->art));
	} else {
		a->log_fd = memfd_create("vmm.log", MFD_CLOEXEC);
	}
	return a->log_fd < 0 ? err_errno(errp, errno, "cannot keep the guest's log") : 0;
}

static int start_child(struct attempt *a, struct error **errp)
{
	struct child_params c = { .spec = a->p.spec,
				  .slot = a->p.slot,
				  .alone = a->p.alone,
				  .has_stdin = a->p.passthrough,
				  .parent = getpid(),
				  .ends = { { -1, -1, -1, -1 }, -1, -1, -1 } };
	int r = make_pipes(a, &c.ends, errp);

	if (r >= 0)
		r = listen_to_all(a, errp);
	if (r < 0) {
		close_ends(&c.ends);
		return r;
	}
	c.ends.log = a->log_fd;
	a->pid = fork();
	if (a->pid == 0)
		child_main(&c);
	close_ends(&c.ends);
	return a->pid < 0 ? err_errno(errp, errno, "cannot start a process for the guest") : 0;
}

static void start_streams(struct attempt *a)
{
	if (!a->p.passthrough)
		return;
	relay_init(&a->relay[0], a->p.loop, STDOUT_FILENO, on_relay, a);
	relay_init(&a->relay[1], a->p.loop, STDERR_FILENO, on_relay, a);
	if (a->fd[PORT_STDIN] >= 0)
		feed_start(&a->feed, a->p.loop, STDIN_FILENO, a->fd[PORT_STDIN], on_stdin_end, a);
}

static void start_limits(struct attempt *a)
{
	if (a->p.spec->protocol == TEST_BY_INIT)
		arm(a, &a->boot, a->p.spec->limits.boot_ns);
	else
		begin_limits(a);
}

/* It never began: the host's trouble is its result. */
static void never_began(struct attempt *a, const struct error *e)
{
	snprintf(a->e.host_error, sizeof(a->e.host_error), "%s", error_msg(e));
	a->e.host_is_to_blame = true;
	for (unsigned s = 0; s < STREAM_CNT; s++)
		stream_over(a, (enum stream)s);
	a->gone = a->finished = true;
	a->stage = STAGE_ENDS;
	loop_post(a->p.loop, &a->done_work);
}

static struct attempt *new_attempt(const struct attempt_params *p)
{
	struct attempt *a = calloc(1, sizeof(*a));
	struct vclock *clock = loop_clock(p->loop);
	struct timespec ts;

	if (!a)
		return NULL;
	a->p = *p;
	a->pid = a->log_fd = a->console_fd = a->report_fd = -1;
	for (unsigned i = 0; i < PORT_CNT; i++)
		a->fd[i] = -1;
	for (unsigned s = 0; s < STREAM_CNT; s++) {
		a->in[s].attempt = a;
		a->in[s].ev.fd = -1;
	}
	a->serial.serial = true;
	a->done_work.cb = on_done;
	timer_init(&a->boot, clock, on_boot_limit);
	timer_init(&a->test, clock, on_test_limit);
	timer_init(&a->idle, clock, on_idle_limit);
	timer_init(&a->kill, clock, on_kill);
	clock_gettime(CLOCK_REALTIME, &ts);
	a->start_rt = (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
	a->start_ns = vclock_now(clock);
	a->nested[0] = nested_create();
	a->nested[1] = nested_create();
	return a;
}

int attempt_start(const struct attempt_params *p, struct attempt **ret, struct error **errp)
{
	_cleanup_(error_freep) struct error *err = NULL;
	struct attempt *a = new_attempt(p);
	int r;

	if (!a || !a->nested[0] || !a->nested[1]) {
		attempt_destroy(a);
		return err_errno(errp, ENOMEM, "cannot start the test '%s'", p->spec->name);
	}
	r = trouble_create(&p->spec->expect, &a->trouble, errp);
	if (r < 0) {
		attempt_destroy(a);
		return r;
	}
	r = open_log(a, &err);
	if (r >= 0)
		r = start_child(a, &err);
	if (r < 0) {
		never_began(a, err);
	} else {
		start_streams(a);
		start_limits(a);
	}
	*ret = a;
	return 0;
}

struct attempt *attempt_destroy(struct attempt *a)
{
	if (!a)
		return NULL;
	if (a->pid > 0) {
		kill(a->pid, SIGKILL);
		waitpid(a->pid, NULL, 0);
	}
	timer_cancel(&a->boot);
	timer_cancel(&a->test);
	timer_cancel(&a->idle);
	timer_cancel(&a->kill);
	for (unsigned s = 0; s < STREAM_CNT; s++)
		stream_over(a, (enum stream)s);
	feed_stop(&a->feed);
	relay_close(&a->relay[0]);
	relay_close(&a->relay[1]);
	for (unsigned i = 0; i < PORT_CNT; i++)
		base_closep(&a->fd[i]);
	base_closep(&a->console_fd);
	base_closep(&a->report_fd);
	base_closep(&a->log_fd);
	tail_free(&a->tail[0]);
	tail_free(&a->tail[1]);
	str_free(&a->report);
	nested_destroy(a->nested[0]);
	nested_destroy(a->nested[1]);
	trouble_destroy(a->trouble);
	artefacts_close(a->art, true);
	free(a);
	return NULL;
}
