/* SPDX-License-Identifier: MIT */
/* gdb_data.c: the packets that read and write a guest: registers, memory, breakpoints. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lens/gdb_regs.h"
#include "lens/gdb_stub_internal.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* --- registers -------------------------------------------------------------------------------- */

void gdb_do_get_regs(struct gdb_stub *s, const char *p)
{
	_cleanup_(str_free) struct str b = { 0 };
	const struct debug_regs *r = gdb_regs_of(s, s->cpu);

	(void)p;
	for (unsigned i = 0; r && i < gdb_reg_cnt(r); i++) {
		uint8_t v[GDB_REG_BYTES_MAX];

		gdb_reg_get(r, i, v);
		gdb_hex(&b, v, gdb_reg_bytes(i));
	}
	if (r)
		gdb_reply_str(s, &b);
	else
		gdb_reply(s, "E0e");
}

/* As many as there are: gdb may send fewer. */
void gdb_do_set_regs(struct gdb_stub *s, const char *p)
{
	const struct debug_regs *was = gdb_regs_of(s, s->cpu);
	size_t left = strlen(p);
	struct debug_regs r;

	if (!was) {
		gdb_reply(s, "E0e");
		return;
	}
	r = *was;
	for (unsigned i = 0; left && i < gdb_reg_cnt(&r); i++) {
		uint8_t v[GDB_REG_BYTES_MAX];
		size_t n = gdb_reg_bytes(i);

		if (left < 2 * n || !gdb_unhex(p, v, n)) {
			gdb_reply(s, "E16");
			return;
		}
		gdb_reg_set(&r, i, v);
		p += 2 * n;
		left -= 2 * n;
	}
	gdb_reply_result(s, gdb_put_regs(s, &r));
}

void gdb_do_get_reg(struct gdb_stub *s, const char *p)
{
	_cleanup_(str_free) struct str b = { 0 };
	const struct debug_regs *r = gdb_regs_of(s, s->cpu);
	uint8_t v[GDB_REG_BYTES_MAX];
	uint64_t n;

	if (!r || !gdb_number(&p, &n) || *p || n >= gdb_reg_cnt(r)) {
		gdb_reply(s, "E16");
		return;
	}
	gdb_reg_get(r, (unsigned)n, v);
	gdb_hex(&b, v, gdb_reg_bytes((unsigned)n));
	gdb_reply_str(s, &b);
}

void gdb_do_set_reg(struct gdb_stub *s, const char *p)
{
	const struct debug_regs *was = gdb_regs_of(s, s->cpu);
	uint8_t v[GDB_REG_BYTES_MAX];
	struct debug_regs r;
	uint64_t n;

	if (!was || !gdb_number(&p, &n) || *p++ != '=' || n >= gdb_reg_cnt(was) ||
	    strlen(p) != 2 * (size_t)gdb_reg_bytes((unsigned)n) ||
	    !gdb_unhex(p, v, gdb_reg_bytes((unsigned)n))) {
		gdb_reply(s, "E16");
		return;
	}
	r = *was;
	gdb_reg_set(&r, (unsigned)n, v);
	gdb_reply_result(s, gdb_put_regs(s, &r));
}

/* --- memory ----------------------------------------------------------------------------------- */

static size_t read_memory(struct gdb_stub *s, uint64_t addr, void *to, size_t len)
{
	const struct debug_regs *r = gdb_regs_of(s, s->cpu);

	if (s->physical)
		return s->t->ops->read(s->t, addr, to, len);
	return r ? debug_read(s->t, r, addr, to, len) : 0;
}

static size_t write_memory(struct gdb_stub *s, uint64_t addr, const void *from, size_t len)
{
	const struct debug_regs *r = gdb_regs_of(s, s->cpu);

	if (s->physical)
		return s->t->ops->write(s->t, addr, from, len);
	return r ? debug_write(s->t, r, addr, from, len) : 0;
}

bool gdb_parse_range(const char **p, char end, uint64_t *addr, uint64_t *len)
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

	if (!gdb_parse_range(&p, '\0', &addr, &len)) {
		gdb_reply(s, "E16");
		return;
	}
	got = read_memory(s, addr, buf, min_u64(len, sizeof(buf)));
	if (len && !got) {
		gdb_reply(s, "E0e");
		return;
	}
	if (binary) {
		str_add(&b, "b");
		str_add_bytes(&b, (const char *)buf, got);
	} else {
		gdb_hex(&b, buf, got);
	}
	gdb_reply_str(s, &b);
}

void gdb_do_read(struct gdb_stub *s, const char *p)
{
	read_and_reply(s, p, false);
}

void gdb_do_read_binary(struct gdb_stub *s, const char *p)
{
	read_and_reply(s, p, true);
}

void gdb_do_write(struct gdb_stub *s, const char *p)
{
	uint8_t buf[GDB_PACKET_MAX / 2];
	uint64_t addr, len;

	if (!gdb_parse_range(&p, ':', &addr, &len) || len > sizeof(buf) || strlen(p) != 2 * len ||
	    !gdb_unhex(p, buf, len)) {
		gdb_reply(s, "E16");
		return;
	}
	s->regs_known = false;
	gdb_reply(s, write_memory(s, addr, buf, len) == len ? "OK" : "E0e");
}

void gdb_do_write_binary(struct gdb_stub *s, const char *p)
{
	const char *end = s->rx.payload + s->rx.len;
	uint64_t addr, len;

	if (!gdb_parse_range(&p, ':', &addr, &len) || len != (size_t)(end - p)) {
		gdb_reply(s, "E16");
		return;
	}
	gdb_reply(s, write_memory(s, addr, p, len) == len ? "OK" : "E0e");
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
void gdb_do_set_break(struct gdb_stub *s, const char *p)
{
	struct debug_break b;
	struct error *e = NULL;
	int r = parse_break(p, &b);

	if (r > 0) {
		gdb_reply(s, "");
		return;
	}
	if (r == 0)
		r = s->t->ops->set_break(s->t, s->cpu, &b, &e);
	if (r < 0 && e)
		log_msg(LOG_WARN, "gdb", "no breakpoint at %#" PRIx64 ": %s", b.addr, error_msg(e));
	error_free(e);
	gdb_reply_result(s, r);
}

void gdb_do_clear_break(struct gdb_stub *s, const char *p)
{
	struct debug_break b;
	int r = parse_break(p, &b);

	if (r > 0) {
		gdb_reply(s, "");
		return;
	}
	if (r == 0)
		r = s->t->ops->clear_break(s->t, &b);
	gdb_reply_result(s, r == -ENOENT ? 0 : r); /* "idempotent", E.2 */
}
