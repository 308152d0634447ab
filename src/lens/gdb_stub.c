/* SPDX-License-Identifier: MIT */
/*
 * gdb_stub.c: what gdb asks, answered. Packets are rows of tables: their names, and whether the
 * guest has to stand for them.
 *
 * A packet has exactly one answer, but those that let the guest go: they are answered by a stop
 * reply when it stands again. Numbers, lengths and register contents are the client's and checked;
 * answers are bounded by GDB_PACKET_MAX.
 */
#include "lens/gdb_stub.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lens/gdb_regs.h"
#include "lens/gdb_stub_internal.h"

/* Signals as the protocol numbers them (gdb/signals.def). */
enum { SIG_GDB_INT = 2, SIG_GDB_TRAP = 5, SIG_GDB_ABRT = 6 };

/* --- answers ---------------------------------------------------------------------------------- */

static void flush(struct gdb_stub *s)
{
	if (s->out.s && s->out.len && s->connected)
		s->env.send(s->env.opaque, s->out.s, s->out.len);
	s->out.len = 0;
}

void gdb_reply_bytes(struct gdb_stub *s, const char *p, size_t len)
{
	gdb_frame(&s->out, p, len);
	if (s->out.failed) { /* no memory: gdb is told that, at least */
		str_free(&s->out);
		s->out = (struct str){ 0 };
		gdb_frame(&s->out, "E0c", 3);
	}
	flush(s);
}

void gdb_reply(struct gdb_stub *s, const char *text)
{
	gdb_reply_bytes(s, text, strlen(text));
}

void gdb_reply_str(struct gdb_stub *s, struct str *b)
{
	if (b->failed)
		gdb_reply(s, "E0c");
	else
		gdb_reply_bytes(s, b->s ? b->s : "", b->len);
}

void gdb_reply_error(struct gdb_stub *s, int r)
{
	char text[8];

	snprintf(text, sizeof(text), "E%02x", (unsigned)-r & 0xff);
	gdb_reply(s, text);
}

void gdb_reply_result(struct gdb_stub *s, int r)
{
	if (r < 0)
		gdb_reply_error(s, r);
	else
		gdb_reply(s, "OK");
}

/* Text for the user's terminal. gdb takes it while a stop reply is owed. */
static void say(struct gdb_stub *s, const char *text)
{
	_cleanup_(str_free) struct str b = { 0 };

	str_add(&b, "O");
	gdb_hex(&b, text, strlen(text));
	gdb_reply_str(s, &b);
}

/* --- the guest's state ------------------------------------------------------------------------ */

static bool stands(const struct gdb_stub *s)
{
	return !s->gone && s->t->ops->stands(s->t);
}

const struct debug_regs *gdb_regs_of(struct gdb_stub *s, unsigned cpu)
{
	if (s->regs_known && s->regs_cpu == cpu)
		return &s->regs;
	s->regs_known = s->t->ops->get_regs(s->t, cpu, &s->regs) == 0;
	s->regs_cpu = cpu;
	return s->regs_known ? &s->regs : NULL;
}

int gdb_put_regs(struct gdb_stub *s, const struct debug_regs *r)
{
	int ret = s->t->ops->set_regs(s->t, s->cpu, r);

	s->regs_known = false;
	return ret;
}

/* "1", "p1.1", "-1", "0": the thread that is named, -1 for all, 0 for any; false: neither. */
bool gdb_parse_thread(struct gdb_stub *s, const char **p, int *ret)
{
	uint64_t v;

	if (**p == '-' && (*p)[1] == '1') {
		*p += 2;
		*ret = -1;
		return true;
	}
	if (!gdb_number(p, &v) || v > s->t->ops->cpu_cnt(s->t))
		return false;
	*ret = (int)v;
	return true;
}

/* --- stop replies ----------------------------------------------------------------------------- */

static void add_register(struct str *b, const struct debug_regs *r, unsigned n)
{
	uint8_t v[GDB_REG_BYTES_MAX];

	gdb_reg_get(r, n, v);
	str_add(b, "%02x:", n);
	gdb_hex(b, v, gdb_reg_bytes(n));
	str_add(b, ";");
}

static void add_reason(struct gdb_stub *s, struct str *b)
{
	switch (s->stop.why) {
	case DBG_STOP_WATCH:
		str_add(b, "%s:%" PRIx64 ";", s->stop.watch == DBG_WATCH_WRITE ? "watch" : "awatch",
			s->stop.addr);
		break;
	case DBG_STOP_BREAK:
		if (s->stop.software && s->swbreak)
			str_add(b, "swbreak:;");
		else if (!s->stop.software && s->hwbreak)
			str_add(b, "hwbreak:;");
		break;
	default:
		break;
	}
}

static unsigned stop_signal(const struct gdb_stub *s)
{
	if (s->ended)
		return SIG_GDB_ABRT;
	return s->stop.why == DBG_STOP_ASKED && s->interrupted ? SIG_GDB_INT : SIG_GDB_TRAP;
}

void gdb_reply_stop(struct gdb_stub *s)
{
	_cleanup_(str_free) struct str b = { 0 };
	const struct debug_regs *r = gdb_regs_of(s, s->stop.cpu);

	str_add(&b, "T%02xthread:%x;", stop_signal(s), s->stop.cpu + 1);
	add_reason(s, &b);
	if (r) {
		add_register(&b, r, GDB_REG_RBP);
		add_register(&b, r, GDB_REG_RSP);
		add_register(&b, r, GDB_REG_RIP);
	}
	gdb_reply_str(s, &b);
}

static void reply_exited(struct gdb_stub *s)
{
	char text[8];

	snprintf(text, sizeof(text), "W%02x", (unsigned)s->stop.status & 0xff);
	s->gone = true;
	gdb_reply(s, text);
}

/* A guest that ended by itself has nothing to show. One that crashed has, until gdb goes on. */
static void tell_end(struct gdb_stub *s)
{
	char text[400];

	if (s->running) {
		snprintf(text, sizeof(text), "trapeze: %s\n", s->stop.text);
		say(s, text);
	}
	if (s->stop.over || !s->stop.crashed) {
		if (s->running)
			reply_exited(s);
		s->gone = true;
		s->running = false;
		if (!s->stop.over)
			s->t->ops->detach(s->t);
		return;
	}
	s->ended = true;
	if (s->running)
		gdb_reply_stop(s);
	s->running = false;
}

static void arrived(struct gdb_stub *s)
{
	if (!s->arriving)
		return;
	s->arriving = false;
	s->env.ready(s->env.opaque);
}

static void on_stopped(void *opaque, const struct debug_stop *why)
{
	struct gdb_stub *s = opaque;

	s->stop = *why;
	s->regs_known = false;
	s->cpu = why->cpu;
	arrived(s);
	if (!s->connected) { /* it was asked for by one who has gone since, or it ends */
		if (why->why != DBG_STOP_ENDED || !why->over)
			s->t->ops->detach(s->t);
		return;
	}
	if (why->why == DBG_STOP_ENDED) {
		tell_end(s);
		return;
	}
	if (!s->running)
		return;
	if (why->why == DBG_STOP_RESET)
		say(s, "trapeze: the guest was reset, and stands at its first instruction\n");
	else if (why->text[0])
		say(s, why->text);
	gdb_reply_stop(s);
	s->running = s->interrupted = false;
}

/* --- letting go ------------------------------------------------------------------------------- */

static void go(struct gdb_stub *s, const struct debug_run *how)
{
	int r;

	if (s->ended) { /* there is no going on */
		s->running = false;
		reply_exited(s);
		s->t->ops->kill(s->t);
		return;
	}
	s->regs_known = false;
	s->running = true;
	s->interrupted = false;
	r = s->t->ops->resume(s->t, how);
	if (r < 0) {
		s->running = false;
		gdb_reply_error(s, r);
	}
}

/* c, s with an optional address; C, S with a signal, which no CPU takes. */
static void go_old(struct gdb_stub *s, const char *p, bool step)
{
	const struct debug_regs *r = gdb_regs_of(s, s->cpu);
	uint64_t addr;

	if (*p && r) {
		struct debug_regs changed = *r;

		if (!gdb_number(&p, &addr) || *p) {
			gdb_reply(s, "E16");
			return;
		}
		changed.rip = addr;
		if (gdb_put_regs(s, &changed) < 0) {
			gdb_reply(s, "E0e");
			return;
		}
	}
	go(s, &(struct debug_run){
		      .step_cpu = step ? (int)(s->go_cpu >= 0 ? (unsigned)s->go_cpu : s->cpu)
				       : s->go_cpu,
		      .go_on = !step });
}

static void do_continue(struct gdb_stub *s, const char *p)
{
	go_old(s, p, false);
}

static void do_step(struct gdb_stub *s, const char *p)
{
	go_old(s, p, true);
}

static const char *behind_signal(const char *p)
{
	p += strspn(p, "0123456789abcdefABCDEF");
	return *p == ';' ? p + 1 : p;
}

static void do_continue_signal(struct gdb_stub *s, const char *p)
{
	go_old(s, behind_signal(p), false);
}

static void do_step_signal(struct gdb_stub *s, const char *p)
{
	go_old(s, behind_signal(p), true);
}

/* One action of vCont: "s:1", "c", "C05:p1.2". False: it is none. */
static bool parse_action(struct gdb_stub *s, const char **p, bool *step, int *thread)
{
	char a = **p;
	uint64_t signal;

	if (a != 'c' && a != 'C' && a != 's' && a != 'S')
		return false;
	++*p;
	if ((a == 'C' || a == 'S') && !gdb_number(p, &signal))
		return false;
	*step = a == 's' || a == 'S';
	*thread = -1;
	if (**p != ':')
		return true;
	++*p;
	return gdb_parse_thread(s, p, thread);
}

/*
 * The first step names the CPU that executes one instruction, while the others stand: of what they
 * would do meanwhile nobody could see anything. Without one, a single thread that is named goes on
 * alone (scheduler-locking), else all do.
 */
static void do_vcont(struct gdb_stub *s, const char *p)
{
	int thread = -1, alone = -1, stepping = -1;
	unsigned named = 0;
	bool step, all = false, found = false;

	while (*p == ';') {
		p++;
		if (!parse_action(s, &p, &step, &thread)) {
			gdb_reply(s, "E16");
			return;
		}
		found = true;
		if (step && stepping < 0)
			stepping = thread > 0 ? thread - 1 : (int)s->cpu;
		if (thread > 0) {
			alone = thread - 1;
			named++;
		} else {
			all = true;
		}
	}
	if (*p || !found) {
		gdb_reply(s, "E16");
		return;
	}
	if (stepping >= 0)
		go(s, &(struct debug_run){ .step_cpu = stepping });
	else
		go(s, &(struct debug_run){ .step_cpu = !all && named == 1 ? alone : -1,
					   .go_on = true });
}

/* --- leaving ---------------------------------------------------------------------------------- */

static void do_kill(struct gdb_stub *s, const char *p)
{
	(void)p;
	s->gone = true;
	s->t->ops->kill(s->t);
	s->env.hang_up(s->env.opaque);
}

static void v_kill(struct gdb_stub *s, const char *p)
{
	(void)p;
	gdb_reply(s, "OK");
	s->gone = true;
	s->t->ops->kill(s->t);
}

static void do_detach(struct gdb_stub *s, const char *p)
{
	(void)p;
	gdb_reply(s, "OK");
	s->gone = true;
	s->t->ops->detach(s->t);
}

/* --- the tables ------------------------------------------------------------------------------- */

struct command {
	const char *name; /* what the packet begins with */
	void (*fn)(struct gdb_stub *s, const char *rest);
	bool whole;  /* the name is all of it, or ends at a ':', ';' or ',' */
	bool always; /* also while the guest runs, or is gone */
};

static const struct command commands[] = {
	{ "?", gdb_do_why, false, false },
	{ "c", do_continue, false, false },
	{ "C", do_continue_signal, false, false },
	{ "D", do_detach, false, false },
	{ "g", gdb_do_get_regs, false, false },
	{ "G", gdb_do_set_regs, false, false },
	{ "H", gdb_do_thread, false, false },
	{ "k", do_kill, false, true },
	{ "m", gdb_do_read, false, false },
	{ "M", gdb_do_write, false, false },
	{ "p", gdb_do_get_reg, false, false },
	{ "P", gdb_do_set_reg, false, false },
	{ "qAttached", gdb_q_attached, true, true },
	{ "qC", gdb_q_thread, true, false },
	{ "qfThreadInfo", gdb_q_first_threads, true, false },
	{ "qsThreadInfo", gdb_q_more_threads, true, false },
	{ "qqemu.PhyMemMode", gdb_q_physical, true, false },
	{ "Qqemu.PhyMemMode:", gdb_q_set_physical, false, false },
	{ "qRcmd,", gdb_q_monitor, false, false },
	{ "QStartNoAckMode", gdb_q_no_acks, true, true },
	{ "qSupported", gdb_q_supported, true, true },
	{ "qSymbol:", gdb_q_symbol, false, true },
	{ "qThreadExtraInfo,", gdb_q_thread_info, false, false },
	{ "qXfer:features:read:", gdb_q_features, false, false },
	{ "s", do_step, false, false },
	{ "S", do_step_signal, false, false },
	{ "T", gdb_do_alive, false, false },
	{ "vCont?", gdb_v_cont_what, true, true },
	{ "vCont", do_vcont, true, false },
	{ "vKill", v_kill, true, true },
	{ "X", gdb_do_write_binary, false, false },
	{ "x", gdb_do_read_binary, false, false },
	{ "z", gdb_do_clear_break, false, false },
	{ "Z", gdb_do_set_break, false, false },
};

static const struct command *find(const char *packet)
{
	for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
		size_t n = strlen(commands[i].name);

		if (!strncmp(packet, commands[i].name, n) &&
		    (!commands[i].whole || !packet[n] || strchr(":;,", packet[n])))
			return &commands[i];
	}
	return NULL;
}

/* What is not known has an empty answer (E.1). */
static void on_packet(struct gdb_stub *s)
{
	const struct command *c = find(s->rx.payload);

	if (!c)
		gdb_reply(s, "");
	else if (!c->always && !stands(s))
		gdb_reply(s, "E10"); /* EBUSY */
	else
		c->fn(s, s->rx.payload + strlen(c->name));
}

static void on_byte(struct gdb_stub *s, uint8_t c)
{
	switch (gdb_rx_byte(&s->rx, c)) {
	case GDB_PACKET:
		if (!s->no_ack)
			str_add(&s->out, "+");
		on_packet(s);
		flush(s);
		break;
	case GDB_BAD:
		if (s->no_ack)
			break;
		str_add(&s->out, "-");
		flush(s);
		break;
	case GDB_BREAK:
		s->interrupted = s->running;
		if (s->running)
			s->t->ops->stop(s->t);
		break;
	default: /* acknowledgements: a stream of bytes loses none */
		break;
	}
}

/* --- life ------------------------------------------------------------------------------------- */

struct gdb_stub *gdb_stub_new(struct debug_target *t, const struct gdb_stub_env *env)
{
	struct gdb_stub *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->t = t;
	s->env = *env;
	t->stopped = on_stopped;
	t->opaque = s;
	return s;
}

struct gdb_stub *gdb_stub_free(struct gdb_stub *s)
{
	if (!s)
		return NULL;
	s->t->stopped = NULL;
	str_free(&s->out);
	free(s);
	return NULL;
}

void gdb_stub_begin(struct gdb_stub *s)
{
	s->rx.state = GDB_RX_IDLE;
	s->out.len = 0;
	s->connected = true;
	s->no_ack = s->swbreak = s->hwbreak = s->physical = false;
	s->running = s->interrupted = s->gone = s->regs_known = false;
	s->cpu = 0;
	s->go_cpu = -1;
	s->stop = (struct debug_stop){ .why = DBG_STOP_ASKED };
	s->arriving = !s->t->ops->stands(s->t);
	if (s->arriving)
		s->t->ops->stop(s->t);
}

void gdb_stub_end(struct gdb_stub *s)
{
	bool gone = s->gone;

	s->connected = s->running = false;
	s->gone = false;
	if (!gone)
		s->t->ops->detach(s->t);
}

bool gdb_stub_listens(const struct gdb_stub *s)
{
	return !s->arriving;
}

size_t gdb_stub_receive(struct gdb_stub *s, const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len && s->connected && !s->arriving; i++)
		on_byte(s, p[i]);
	return i;
}
