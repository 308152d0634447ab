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

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lens/gdb_packet.h"
#include "lens/gdb_regs.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* Signals as the protocol numbers them (gdb/signals.def). */
enum { SIG_GDB_INT = 2, SIG_GDB_TRAP = 5, SIG_GDB_ABRT = 6 };

struct gdb_stub {
	struct debug_target *t;
	struct gdb_stub_env env;
	struct gdb_rx rx;
	struct str out; /* of the answer, framed; emptied when it is sent */

	bool connected;
	bool no_ack;
	bool swbreak, hwbreak;  /* gdb knows these reasons */
	bool arriving;          /* the guest is being stopped for a client that has just come */
	bool running;           /* a stop reply is owed */
	bool interrupted;       /* by Ctrl-C */
	bool ended;             /* the guest has; it stands to be looked at */
	bool gone;              /* W, X, k or D has been said: there is no guest any more */
	bool physical;          /* memory packets have physical addresses */
	struct debug_stop stop; /* the last one */
	unsigned cpu;           /* Hg */
	int go_cpu;             /* Hc; -1: all */
	bool regs_known;
	unsigned regs_cpu;
	struct debug_regs regs;
};

/* --- answers ---------------------------------------------------------------------------------- */

static void flush(struct gdb_stub *s)
{
	if (s->out.s && s->out.len && s->connected)
		s->env.send(s->env.opaque, s->out.s, s->out.len);
	s->out.len = 0;
}

static void reply_bytes(struct gdb_stub *s, const char *p, size_t len)
{
	gdb_frame(&s->out, p, len);
	if (s->out.failed) { /* no memory: gdb is told that, at least */
		str_free(&s->out);
		s->out = (struct str){ 0 };
		gdb_frame(&s->out, "E0c", 3);
	}
	flush(s);
}

static void reply(struct gdb_stub *s, const char *text)
{
	reply_bytes(s, text, strlen(text));
}

static void reply_str(struct gdb_stub *s, struct str *b)
{
	if (b->failed)
		reply(s, "E0c");
	else
		reply_bytes(s, b->s ? b->s : "", b->len);
}

static void reply_error(struct gdb_stub *s, int r)
{
	char text[8];

	snprintf(text, sizeof(text), "E%02x", (unsigned)-r & 0xff);
	reply(s, text);
}

static void reply_result(struct gdb_stub *s, int r)
{
	if (r < 0)
		reply_error(s, r);
	else
		reply(s, "OK");
}

/* Text for the user's terminal. gdb takes it while a stop reply is owed. */
static void say(struct gdb_stub *s, const char *text)
{
	_cleanup_(str_free) struct str b = { 0 };

	str_add(&b, "O");
	gdb_hex(&b, text, strlen(text));
	reply_str(s, &b);
}

/* --- the guest's state ------------------------------------------------------------------------ */

static bool stands(const struct gdb_stub *s)
{
	return !s->gone && s->t->ops->stands(s->t);
}

static const struct debug_regs *regs_of(struct gdb_stub *s, unsigned cpu)
{
	if (s->regs_known && s->regs_cpu == cpu)
		return &s->regs;
	s->regs_known = s->t->ops->get_regs(s->t, cpu, &s->regs) == 0;
	s->regs_cpu = cpu;
	return s->regs_known ? &s->regs : NULL;
}

static int put_regs(struct gdb_stub *s, const struct debug_regs *r)
{
	int ret = s->t->ops->set_regs(s->t, s->cpu, r);

	s->regs_known = false;
	return ret;
}

/* "1", "p1.1", "-1", "0": the thread that is named, -1 for all, 0 for any; false: neither. */
static bool parse_thread(struct gdb_stub *s, const char **p, int *ret)
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

static void reply_stop(struct gdb_stub *s)
{
	_cleanup_(str_free) struct str b = { 0 };
	const struct debug_regs *r = regs_of(s, s->stop.cpu);

	str_add(&b, "T%02xthread:%x;", stop_signal(s), s->stop.cpu + 1);
	add_reason(s, &b);
	if (r) {
		add_register(&b, r, GDB_REG_RBP);
		add_register(&b, r, GDB_REG_RSP);
		add_register(&b, r, GDB_REG_RIP);
	}
	reply_str(s, &b);
}

static void reply_exited(struct gdb_stub *s)
{
	char text[8];

	snprintf(text, sizeof(text), "W%02x", (unsigned)s->stop.status & 0xff);
	s->gone = true;
	reply(s, text);
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
		reply_stop(s);
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
	reply_stop(s);
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
		reply_error(s, r);
	}
}

/* c, s with an optional address; C, S with a signal, which no CPU takes. */
static void go_old(struct gdb_stub *s, const char *p, bool step)
{
	const struct debug_regs *r = regs_of(s, s->cpu);
	uint64_t addr;

	if (*p && r) {
		struct debug_regs changed = *r;

		if (!gdb_number(&p, &addr) || *p) {
			reply(s, "E16");
			return;
		}
		changed.rip = addr;
		if (put_regs(s, &changed) < 0) {
			reply(s, "E0e");
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
	return parse_thread(s, p, thread);
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
			reply(s, "E16");
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
		reply(s, "E16");
		return;
	}
	if (stepping >= 0)
		go(s, &(struct debug_run){ .step_cpu = stepping });
	else
		go(s, &(struct debug_run){ .step_cpu = !all && named == 1 ? alone : -1,
					   .go_on = true });
}

/* --- registers -------------------------------------------------------------------------------- */

static void do_get_regs(struct gdb_stub *s, const char *p)
{
	_cleanup_(str_free) struct str b = { 0 };
	const struct debug_regs *r = regs_of(s, s->cpu);

	(void)p;
	for (unsigned i = 0; r && i < gdb_reg_cnt(r); i++) {
		uint8_t v[GDB_REG_BYTES_MAX];

		gdb_reg_get(r, i, v);
		gdb_hex(&b, v, gdb_reg_bytes(i));
	}
	if (r)
		reply_str(s, &b);
	else
		reply(s, "E0e");
}

/* As many as there are: gdb may send fewer. */
static void do_set_regs(struct gdb_stub *s, const char *p)
{
	const struct debug_regs *was = regs_of(s, s->cpu);
	size_t left = strlen(p);
	struct debug_regs r;

	if (!was) {
		reply(s, "E0e");
		return;
	}
	r = *was;
	for (unsigned i = 0; left && i < gdb_reg_cnt(&r); i++) {
		uint8_t v[GDB_REG_BYTES_MAX];
		size_t n = gdb_reg_bytes(i);

		if (left < 2 * n || !gdb_unhex(p, v, n)) {
			reply(s, "E16");
			return;
		}
		gdb_reg_set(&r, i, v);
		p += 2 * n;
		left -= 2 * n;
	}
	reply_result(s, put_regs(s, &r));
}

static void do_get_reg(struct gdb_stub *s, const char *p)
{
	_cleanup_(str_free) struct str b = { 0 };
	const struct debug_regs *r = regs_of(s, s->cpu);
	uint8_t v[GDB_REG_BYTES_MAX];
	uint64_t n;

	if (!r || !gdb_number(&p, &n) || *p || n >= gdb_reg_cnt(r)) {
		reply(s, "E16");
		return;
	}
	gdb_reg_get(r, (unsigned)n, v);
	gdb_hex(&b, v, gdb_reg_bytes((unsigned)n));
	reply_str(s, &b);
}

static void do_set_reg(struct gdb_stub *s, const char *p)
{
	const struct debug_regs *was = regs_of(s, s->cpu);
	uint8_t v[GDB_REG_BYTES_MAX];
	struct debug_regs r;
	uint64_t n;

	if (!was || !gdb_number(&p, &n) || *p++ != '=' || n >= gdb_reg_cnt(was) ||
	    strlen(p) != 2 * (size_t)gdb_reg_bytes((unsigned)n) ||
	    !gdb_unhex(p, v, gdb_reg_bytes((unsigned)n))) {
		reply(s, "E16");
		return;
	}
	r = *was;
	gdb_reg_set(&r, (unsigned)n, v);
	reply_result(s, put_regs(s, &r));
}

/* --- memory ----------------------------------------------------------------------------------- */

static size_t read_memory(struct gdb_stub *s, uint64_t addr, void *to, size_t len)
{
	const struct debug_regs *r = regs_of(s, s->cpu);

	if (s->physical)
		return s->t->ops->read(s->t, addr, to, len);
	return r ? debug_read(s->t, r, addr, to, len) : 0;
}

static size_t write_memory(struct gdb_stub *s, uint64_t addr, const void *from, size_t len)
{
	const struct debug_regs *r = regs_of(s, s->cpu);

	if (s->physical)
		return s->t->ops->write(s->t, addr, from, len);
	return r ? debug_write(s->t, r, addr, from, len) : 0;
}

/* "ADDR,LEN" and what @end says comes then. */
static bool parse_range(const char **p, char end, uint64_t *addr, uint64_t *len)
{
	if (!gdb_number(p, addr) || *(*p)++ != ',' || !gdb_number(p, len))
		return false;
	if (**p != end)
		return false;
	*p += end != '\0';
	return true;
}

static void read_and_reply(struct gdb_stub *s, const char *p, bool binary)
{
	_cleanup_(str_free) struct str b = { 0 };
	uint8_t buf[GDB_PACKET_MAX / 2 - 8];
	uint64_t addr, len;
	size_t got;

	if (!parse_range(&p, '\0', &addr, &len)) {
		reply(s, "E16");
		return;
	}
	got = read_memory(s, addr, buf, min_u64(len, sizeof(buf)));
	if (len && !got) {
		reply(s, "E0e");
		return;
	}
	if (binary) {
		str_add(&b, "b");
		str_add_bytes(&b, (const char *)buf, got);
	} else {
		gdb_hex(&b, buf, got);
	}
	reply_str(s, &b);
}

static void do_read(struct gdb_stub *s, const char *p)
{
	read_and_reply(s, p, false);
}

static void do_read_binary(struct gdb_stub *s, const char *p)
{
	read_and_reply(s, p, true);
}

static void do_write(struct gdb_stub *s, const char *p)
{
	uint8_t buf[GDB_PACKET_MAX / 2];
	uint64_t addr, len;

	if (!parse_range(&p, ':', &addr, &len) || len > sizeof(buf) || strlen(p) != 2 * len ||
	    !gdb_unhex(p, buf, len)) {
		reply(s, "E16");
		return;
	}
	s->regs_known = false;
	reply(s, write_memory(s, addr, buf, len) == len ? "OK" : "E0e");
}

static void do_write_binary(struct gdb_stub *s, const char *p)
{
	const char *end = s->rx.payload + s->rx.len;
	uint64_t addr, len;

	if (!parse_range(&p, ':', &addr, &len) || len != (size_t)(end - p)) {
		reply(s, "E16");
		return;
	}
	reply(s, write_memory(s, addr, p, len) == len ? "OK" : "E0e");
}

/* --- breakpoints ------------------------------------------------------------------------------ */

/* Z0 to Z4; a watchpoint for reading alone is none of the CPU's. */
static const struct {
	bool known, software;
	enum debug_break_kind kind;
} break_types[] = {
	{ true, true, DBG_BREAK_CODE },    { true, false, DBG_BREAK_CODE },
	{ true, false, DBG_WATCH_WRITE },  { false, false, DBG_WATCH_ACCESS },
	{ true, false, DBG_WATCH_ACCESS },
};

/* "0,ADDR,LEN" and conditions, which were not offered. 1: a type that we have not. */
static int parse_break(const char *p, struct debug_break *ret)
{
	uint64_t type, addr, len;

	if (!gdb_number(&p, &type) || *p++ != ',' || !gdb_number(&p, &addr) || *p++ != ',' ||
	    !gdb_number(&p, &len) || *p || len > 8)
		return -EINVAL;
	if (type >= ARRAY_LEN(break_types) || !break_types[type].known)
		return 1;
	*ret = (struct debug_break){ .kind = break_types[type].kind,
				     .addr = addr,
				     .len = (unsigned)len,
				     .software = break_types[type].software };
	return 0;
}

/* gdb keeps to itself what a refusal says, so that it goes to where our other messages go. */
static void do_set_break(struct gdb_stub *s, const char *p)
{
	struct debug_break b;
	struct error *e = NULL;
	int r = parse_break(p, &b);

	if (r > 0) {
		reply(s, "");
		return;
	}
	if (r == 0)
		r = s->t->ops->set_break(s->t, s->cpu, &b, &e);
	if (r < 0 && e)
		log_msg(LOG_WARN, "gdb", "no breakpoint at %#" PRIx64 ": %s", b.addr, error_msg(e));
	error_free(e);
	reply_result(s, r);
}

static void do_clear_break(struct gdb_stub *s, const char *p)
{
	struct debug_break b;
	int r = parse_break(p, &b);

	if (r > 0) {
		reply(s, "");
		return;
	}
	if (r == 0)
		r = s->t->ops->clear_break(s->t, &b);
	reply_result(s, r == -ENOENT ? 0 : r); /* "idempotent", E.2 */
}

/* --- threads ---------------------------------------------------------------------------------- */

static void do_thread(struct gdb_stub *s, const char *p)
{
	char op = *p;
	int thread;

	if ((op != 'g' && op != 'c') || (p++, !parse_thread(s, &p, &thread)) || *p) {
		reply(s, "E16");
		return;
	}
	if (op == 'c')
		s->go_cpu = thread > 0 ? thread - 1 : -1;
	else if (thread > 0)
		s->cpu = (unsigned)thread - 1;
	reply(s, "OK");
}

static void do_alive(struct gdb_stub *s, const char *p)
{
	int thread;

	reply(s, parse_thread(s, &p, &thread) && !*p && thread > 0 ? "OK" : "E16");
}

static void q_thread(struct gdb_stub *s, const char *p)
{
	char text[16];

	(void)p;
	snprintf(text, sizeof(text), "QC%x", s->cpu + 1);
	reply(s, text);
}

static void q_first_threads(struct gdb_stub *s, const char *p)
{
	_cleanup_(str_free) struct str b = { 0 };

	(void)p;
	for (unsigned i = 0; i < s->t->ops->cpu_cnt(s->t) && b.len < GDB_PACKET_MAX - 16; i++)
		str_add(&b, "%c%x", i ? ',' : 'm', i + 1);
	reply_str(s, &b);
}

static void q_more_threads(struct gdb_stub *s, const char *p)
{
	(void)p;
	reply(s, "l");
}

static void q_thread_info(struct gdb_stub *s, const char *p)
{
	_cleanup_(str_free) struct str b = { 0 };
	const struct debug_regs *r;
	char text[64];
	int thread;

	if (!parse_thread(s, &p, &thread) || *p || thread <= 0) {
		reply(s, "E16");
		return;
	}
	r = regs_of(s, (unsigned)thread - 1);
	if (r)
		snprintf(text, sizeof(text), "CPU %d, ring %u, %u-bit code", thread - 1,
			 debug_ring(r), debug_bits(r));
	else
		snprintf(text, sizeof(text), "CPU %d", thread - 1);
	gdb_hex(&b, text, strlen(text));
	reply_str(s, &b);
}

/* --- queries ---------------------------------------------------------------------------------- */

static void do_why(struct gdb_stub *s, const char *p)
{
	(void)p;
	reply_stop(s);
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n) {
		if ((p == list || p[-1] == ';' || p[-1] == ':') && (p[n] == ';' || !p[n]))
			return true;
	}
	return false;
}

static void q_supported(struct gdb_stub *s, const char *p)
{
	char text[256];

	s->swbreak = has_word(p, "swbreak+");
	s->hwbreak = has_word(p, "hwbreak+");
	snprintf(text, sizeof(text),
		 "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;"
		 "binary-upload+%s%s",
		 GDB_PACKET_MAX, s->swbreak ? ";swbreak+" : "", s->hwbreak ? ";hwbreak+" : "");
	reply(s, text);
}

/* "target.xml:OFF,LEN" */
static void q_features(struct gdb_stub *s, const char *p)
{
	static const char name[] = "target.xml:";
	_cleanup_(str_free) struct str xml = { 0 }, b = { 0 };
	const struct debug_regs *r = regs_of(s, s->cpu);
	uint64_t off, len;

	if (strncmp(p, name, sizeof(name) - 1) != 0) {
		reply(s, "E00");
		return;
	}
	p += sizeof(name) - 1;
	if (!r || !parse_range(&p, '\0', &off, &len)) {
		reply(s, "E16");
		return;
	}
	gdb_regs_xml(r, &xml);
	off = min_u64(off, xml.len);
	len = min_u64(min_u64(len, xml.len - off), GDB_PACKET_MAX / 2);
	str_add(&b, "%s", off + len == xml.len ? "l" : "m");
	if (len)
		str_add_bytes(&b, xml.s + off, len);
	reply_str(s, xml.failed ? &xml : &b);
}

static void q_attached(struct gdb_stub *s, const char *p)
{
	(void)p;
	reply(s, "1"); /* so that gdb lets go of it when it leaves */
}

static void q_symbol(struct gdb_stub *s, const char *p)
{
	(void)p;
	reply(s, "OK");
}

static void q_no_acks(struct gdb_stub *s, const char *p)
{
	(void)p;
	reply(s, "OK");
	s->no_ack = true;
}

/* QEMU's names: scripts know them. */
static void q_physical(struct gdb_stub *s, const char *p)
{
	(void)p;
	reply(s, s->physical ? "1" : "0");
}

static void q_set_physical(struct gdb_stub *s, const char *p)
{
	if (strcmp(p, "0") != 0 && strcmp(p, "1") != 0) {
		reply(s, "E16");
		return;
	}
	s->physical = *p == '1';
	reply(s, "OK");
}

#define MONITOR_MAX 1024u

/* An answer is as many packets as it takes. */
static void reply_text(struct gdb_stub *s, const struct str *text)
{
	for (size_t off = 0; off < text->len;) {
		_cleanup_(str_free) struct str b = { 0 };
		size_t n = min_u64(text->len - off, GDB_PACKET_MAX / 4);

		str_add(&b, "O");
		gdb_hex(&b, text->s + off, n);
		reply_str(s, &b);
		off += n;
	}
	reply(s, text->failed ? "E0c" : "OK");
}

static void q_monitor(struct gdb_stub *s, const char *p)
{
	_cleanup_(str_free) struct str out = { 0 };
	char words[MONITOR_MAX + 1];
	size_t len = strlen(p) / 2;

	if (strlen(p) % 2 || len > MONITOR_MAX || !gdb_unhex(p, (uint8_t *)words, len)) {
		reply(s, "E16");
		return;
	}
	words[len] = '\0';
	if (!s->env.monitor.fn) {
		reply(s, "");
		return;
	}
	s->env.monitor.fn(s->env.monitor.opaque, s->cpu, words, &out);
	s->regs_known = false; /* it may have changed them */
	reply_text(s, &out);
}

static void v_cont_what(struct gdb_stub *s, const char *p)
{
	(void)p;
	reply(s, "vCont;c;C;s;S");
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
	reply(s, "OK");
	s->gone = true;
	s->t->ops->kill(s->t);
}

static void do_detach(struct gdb_stub *s, const char *p)
{
	(void)p;
	reply(s, "OK");
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
	{ "?", do_why, false, false },
	{ "c", do_continue, false, false },
	{ "C", do_continue_signal, false, false },
	{ "D", do_detach, false, false },
	{ "g", do_get_regs, false, false },
	{ "G", do_set_regs, false, false },
	{ "H", do_thread, false, false },
	{ "k", do_kill, false, true },
	{ "m", do_read, false, false },
	{ "M", do_write, false, false },
	{ "p", do_get_reg, false, false },
	{ "P", do_set_reg, false, false },
	{ "qAttached", q_attached, true, true },
	{ "qC", q_thread, true, false },
	{ "qfThreadInfo", q_first_threads, true, false },
	{ "qsThreadInfo", q_more_threads, true, false },
	{ "qqemu.PhyMemMode", q_physical, true, false },
	{ "Qqemu.PhyMemMode:", q_set_physical, false, false },
	{ "qRcmd,", q_monitor, false, false },
	{ "QStartNoAckMode", q_no_acks, true, true },
	{ "qSupported", q_supported, true, true },
	{ "qSymbol:", q_symbol, false, true },
	{ "qThreadExtraInfo,", q_thread_info, false, false },
	{ "qXfer:features:read:", q_features, false, false },
	{ "s", do_step, false, false },
	{ "S", do_step_signal, false, false },
	{ "T", do_alive, false, false },
	{ "vCont?", v_cont_what, true, true },
	{ "vCont", do_vcont, true, false },
	{ "vKill", v_kill, true, true },
	{ "X", do_write_binary, false, false },
	{ "x", do_read_binary, false, false },
	{ "z", do_clear_break, false, false },
	{ "Z", do_set_break, false, false },
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
		reply(s, "");
	else if (!c->always && !stands(s))
		reply(s, "E10"); /* EBUSY */
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
