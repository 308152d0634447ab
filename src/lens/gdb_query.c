/* SPDX-License-Identifier: MIT */
/* gdb_query.c: the packets that ask: threads, what is supported, the description of registers, and
 * what the user asks by `monitor`. */
#include <stdio.h>
#include <string.h>

#include "lens/gdb_regs.h"
#include "lens/gdb_stub_internal.h"

/* --- threads ---------------------------------------------------------------------------------- */

void gdb_do_thread(struct gdb_stub *s, const char *p)
{
	char op = *p;
	int thread;

	if ((op != 'g' && op != 'c') || (p++, !gdb_parse_thread(s, &p, &thread)) || *p) {
		gdb_reply(s, "E16");
		return;
	}
	if (op == 'c')
		s->go_cpu = thread > 0 ? thread - 1 : -1;
	else if (thread > 0)
		s->cpu = (unsigned)thread - 1;
	gdb_reply(s, "OK");
}

void gdb_do_alive(struct gdb_stub *s, const char *p)
{
	int thread;

	gdb_reply(s, gdb_parse_thread(s, &p, &thread) && !*p && thread > 0 ? "OK" : "E16");
}

void gdb_q_thread(struct gdb_stub *s, const char *p)
{
	char text[16];

	(void)p;
	snprintf(text, sizeof(text), "QC%x", s->cpu + 1);
	gdb_reply(s, text);
}

void gdb_q_first_threads(struct gdb_stub *s, const char *p)
{
	_cleanup_(str_free) struct str b = { 0 };

	(void)p;
	for (unsigned i = 0; i < s->t->ops->cpu_cnt(s->t) && b.len < GDB_PACKET_MAX - 16; i++)
		str_add(&b, "%c%x", i ? ',' : 'm', i + 1);
	gdb_reply_str(s, &b);
}

void gdb_q_more_threads(struct gdb_stub *s, const char *p)
{
	(void)p;
	gdb_reply(s, "l");
}

void gdb_q_thread_info(struct gdb_stub *s, const char *p)
{
	_cleanup_(str_free) struct str b = { 0 };
	const struct debug_regs *r;
	char text[64];
	int thread;

	if (!gdb_parse_thread(s, &p, &thread) || *p || thread <= 0) {
		gdb_reply(s, "E16");
		return;
	}
	r = gdb_regs_of(s, (unsigned)thread - 1);
	if (r)
		snprintf(text, sizeof(text), "CPU %d, ring %u, %u-bit code", thread - 1,
			 debug_ring(r), debug_bits(r));
	else
		snprintf(text, sizeof(text), "CPU %d", thread - 1);
	gdb_hex(&b, text, strlen(text));
	gdb_reply_str(s, &b);
}

/* --- queries ---------------------------------------------------------------------------------- */

void gdb_do_why(struct gdb_stub *s, const char *p)
{
	(void)p;
	gdb_reply_stop(s);
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

void gdb_q_supported(struct gdb_stub *s, const char *p)
{
	char text[256];

	s->swbreak = has_word(p, "swbreak+");
	s->hwbreak = has_word(p, "hwbreak+");
	snprintf(text, sizeof(text),
		 "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;"
		 "binary-upload+%s%s",
		 GDB_PACKET_MAX, s->swbreak ? ";swbreak+" : "", s->hwbreak ? ";hwbreak+" : "");
	gdb_reply(s, text);
}

/* "target.xml:OFF,LEN" */
void gdb_q_features(struct gdb_stub *s, const char *p)
{
	static const char name[] = "target.xml:";
	_cleanup_(str_free) struct str xml = { 0 }, b = { 0 };
	const struct debug_regs *r = gdb_regs_of(s, s->cpu);
	uint64_t off, len;

	if (strncmp(p, name, sizeof(name) - 1) != 0) {
		gdb_reply(s, "E00");
		return;
	}
	p += sizeof(name) - 1;
	if (!r || !gdb_parse_range(&p, '\0', &off, &len)) {
		gdb_reply(s, "E16");
		return;
	}
	gdb_regs_xml(r, &xml);
	off = min_u64(off, xml.len);
	len = min_u64(min_u64(len, xml.len - off), GDB_PACKET_MAX / 2);
	str_add(&b, "%s", off + len == xml.len ? "l" : "m");
	if (len)
		str_add_bytes(&b, xml.s + off, len);
	gdb_reply_str(s, xml.failed ? &xml : &b);
}

void gdb_q_attached(struct gdb_stub *s, const char *p)
{
	(void)p;
	gdb_reply(s, "1"); /* so that gdb lets go of it when it leaves */
}

void gdb_q_symbol(struct gdb_stub *s, const char *p)
{
	(void)p;
	gdb_reply(s, "OK");
}

void gdb_q_no_acks(struct gdb_stub *s, const char *p)
{
	(void)p;
	gdb_reply(s, "OK");
	s->no_ack = true;
}

/* QEMU's names: scripts know them. */
void gdb_q_physical(struct gdb_stub *s, const char *p)
{
	(void)p;
	gdb_reply(s, s->physical ? "1" : "0");
}

void gdb_q_set_physical(struct gdb_stub *s, const char *p)
{
	if (strcmp(p, "0") != 0 && strcmp(p, "1") != 0) {
		gdb_reply(s, "E16");
		return;
	}
	s->physical = *p == '1';
	gdb_reply(s, "OK");
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
		gdb_reply_str(s, &b);
		off += n;
	}
	gdb_reply(s, text->failed ? "E0c" : "OK");
}

void gdb_q_monitor(struct gdb_stub *s, const char *p)
{
	_cleanup_(str_free) struct str out = { 0 };
	char words[MONITOR_MAX + 1];
	size_t len = strlen(p) / 2;

	if (strlen(p) % 2 || len > MONITOR_MAX || !gdb_unhex(p, (uint8_t *)words, len)) {
		gdb_reply(s, "E16");
		return;
	}
	words[len] = '\0';
	if (!s->env.monitor.fn) {
		gdb_reply(s, "");
		return;
	}
	s->env.monitor.fn(s->env.monitor.opaque, s->cpu, words, &out);
	s->regs_known = false; /* it may have changed them */
	reply_text(s, &out);
}

void gdb_v_cont_what(struct gdb_stub *s, const char *p)
{
	(void)p;
	gdb_reply(s, "vCont;c;C;s;S");
}
