/* SPDX-License-Identifier: MIT */
/* gdb_stub_internal.h: what the files of the gdb stub share: its state, answers, and the packets
 * that each of them knows. */
#ifndef LENS_GDB_STUB_INTERNAL_H
#define LENS_GDB_STUB_INTERNAL_H

#include "lens/gdb_packet.h"
#include "lens/gdb_stub.h"

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

/* --- answers (gdb_stub.c): one to each packet ------------------------------------------------- */

void gdb_reply_bytes(struct gdb_stub *s, const char *p, size_t len);
void gdb_reply(struct gdb_stub *s, const char *text);
void gdb_reply_str(struct gdb_stub *s, struct str *b);
void gdb_reply_error(struct gdb_stub *s, int r);  /* @r: -errno */
void gdb_reply_result(struct gdb_stub *s, int r); /* that, or OK */
void gdb_reply_stop(struct gdb_stub *s);          /* T: why it stands */

/* Of a CPU that stands; NULL: they cannot be read. Good until the next call of either. */
const struct debug_regs *gdb_regs_of(struct gdb_stub *s, unsigned cpu);
int gdb_put_regs(struct gdb_stub *s, const struct debug_regs *r);

/* "1", "-1", "0" at *p: the thread that is named, -1 for all, 0 for any; false: neither. */
bool gdb_parse_thread(struct gdb_stub *s, const char **p, int *ret);

/* "ADDR,LEN" and @end at *p, which is then behind that (not behind a NUL). */
bool gdb_parse_range(const char **p, char end, uint64_t *addr, uint64_t *len);

/* --- packets: @p is what follows the name in s->rx.payload ------------------------------------ */

/* gdb_data.c: registers, memory, breakpoints */
void gdb_do_get_regs(struct gdb_stub *s, const char *p);
void gdb_do_set_regs(struct gdb_stub *s, const char *p);
void gdb_do_get_reg(struct gdb_stub *s, const char *p);
void gdb_do_set_reg(struct gdb_stub *s, const char *p);
void gdb_do_read(struct gdb_stub *s, const char *p);
void gdb_do_read_binary(struct gdb_stub *s, const char *p);
void gdb_do_write(struct gdb_stub *s, const char *p);
void gdb_do_write_binary(struct gdb_stub *s, const char *p);
void gdb_do_set_break(struct gdb_stub *s, const char *p);
void gdb_do_clear_break(struct gdb_stub *s, const char *p);

/* gdb_query.c: threads, and what gdb wants to know at the beginning */
void gdb_do_thread(struct gdb_stub *s, const char *p);
void gdb_do_alive(struct gdb_stub *s, const char *p);
void gdb_q_thread(struct gdb_stub *s, const char *p);
void gdb_q_first_threads(struct gdb_stub *s, const char *p);
void gdb_q_more_threads(struct gdb_stub *s, const char *p);
void gdb_q_thread_info(struct gdb_stub *s, const char *p);
void gdb_do_why(struct gdb_stub *s, const char *p);
void gdb_q_supported(struct gdb_stub *s, const char *p);
void gdb_q_features(struct gdb_stub *s, const char *p);
void gdb_q_attached(struct gdb_stub *s, const char *p);
void gdb_q_symbol(struct gdb_stub *s, const char *p);
void gdb_q_no_acks(struct gdb_stub *s, const char *p);
void gdb_q_physical(struct gdb_stub *s, const char *p);
void gdb_q_set_physical(struct gdb_stub *s, const char *p);
void gdb_q_monitor(struct gdb_stub *s, const char *p);
void gdb_v_cont_what(struct gdb_stub *s, const char *p);

#endif
