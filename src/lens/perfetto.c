/* SPDX-License-Identifier: MIT */
/*
 * perfetto.c: a recording as Trace Event JSON ("Trace Event Format", the Chromium project's), which
 * ui.perfetto.dev opens. Times are microseconds with three decimals. Slices of one track never
 * overlap, as the format demands: where a recording says so, the later one begins later.
 */
#include <errno.h>
#include <inttypes.h>

#include "lens/json_out.h"
#include "lens/requests.h"
#include "lens/view.h"
#include "vmm/error.h"

/* "Processes", which are groups of tracks. */
enum { PID_VCPUS = 1, PID_DEVICES = 2, PID_THREADS = 3 };

struct perfetto {
	struct view v;
	FILE *to;
	bool some; /* an event was written: a comma comes first */
	uint64_t request_cnt;
	uint64_t thread_end[TRACE_THREADS_MAX]; /* of the last slice */
	uint64_t device_end[TRACE_DEVICES_MAX];
	struct requests requests;
	struct str text, line; /* reused */
};

struct track {
	unsigned pid, tid;
};

/* --- pieces of JSON --------------------------------------------------------------------------- */

static void add_time(struct str *to, const char *key, uint64_t ns)
{
	str_add(to, ", \"%s\": %" PRIu64 ".%03u", key, ns / 1000, (unsigned)(ns % 1000));
}

static void add_words(struct str *to, const char *key, struct str *value)
{
	str_add(to, "\"%s\": ", key);
	json_out_string(to, value->s && value->len ? value->s : "");
	value->len = 0;
}

/* The comma, and what each event has. */
static void begin(struct perfetto *p, const char *ph, struct track t)
{
	p->line.len = 0;
	str_add(&p->line, "%s{\"ph\": \"%s\", \"pid\": %u, \"tid\": %u", p->some ? ",\n" : "", ph,
		t.pid, t.tid);
	p->some = true;
}

static void end(struct perfetto *p)
{
	str_add(&p->line, "}");
	if (!p->line.failed)
		fwrite(p->line.s, 1, p->line.len, p->to);
}

static void meta(struct perfetto *p, const char *what, struct track t, const char *name)
{
	begin(p, "M", t);
	str_add(&p->line, ", \"name\": \"%s\", \"args\": {\"name\": ", what);
	json_out_string(&p->line, name);
	str_add(&p->line, "}");
	end(p);
}

/* --- tracks ----------------------------------------------------------------------------------- */

static struct track track_of(const struct trace *t, unsigned thread)
{
	bool vcpu = thread < t->thread_cnt && t->thread[thread].vcpu >= 0;

	return (struct track){ vcpu ? PID_VCPUS : PID_THREADS, thread + 1 };
}

static void name_tracks(struct perfetto *p)
{
	const struct trace *t = p->v.trace;
	char name[64];

	meta(p, "process_name", (struct track){ PID_VCPUS, 0 }, "vCPUs");
	meta(p, "process_name", (struct track){ PID_DEVICES, 0 }, "devices");
	meta(p, "process_name", (struct track){ PID_THREADS, 0 }, "other threads");
	for (unsigned i = 0; i < t->thread_cnt; i++)
		meta(p, "thread_name", track_of(t, i), view_thread(t, i, name, sizeof(name)));
	for (unsigned i = 0; i < t->machine.device_cnt; i++)
		meta(p, "thread_name", (struct track){ PID_DEVICES, i + 1 },
		     view_device(t, (uint16_t)i));
}

/* --- exits ------------------------------------------------------------------------------------ */

static void add_exit_name(struct perfetto *p, const struct trace_rec *x)
{
	_cleanup_(str_free) struct str reg = { 0 };

	lens_register_name(&p->v.lens, x, &reg);
	str_add(&p->text, "%s", lens_kind_name(x));
	if (reg.len)
		str_add(&p->text, " %s", reg.s);
	str_add(&p->line, ", ");
	add_words(&p->line, "name", &p->text);
}

static void add_effects(struct perfetto *p, const struct trace_item *it)
{
	unsigned said = 0;

	for (unsigned i = 0; i < it->effect_cnt && said < 100; i++) {
		size_t before = p->text.len;

		if (before)
			str_add(&p->text, ", ");
		lens_effect(&p->v.lens, &it->effects[i], &p->text);
		if (p->text.len == before + 2)
			p->text.len = before;
		else
			said++;
	}
	if (!p->text.len)
		return;
	str_add(&p->line, ", ");
	add_words(&p->line, "effects", &p->text);
}

static void add_exit_args(struct perfetto *p, const struct trace_item *it)
{
	const struct trace_rec *x = it->rec;
	struct lens_insn insn;

	str_add(&p->line, ", \"args\": {\"number\": %u, \"handler ns\": %u", x->num,
		x->exit.handler);
	if (x->exit.reason == TRACE_PIO || x->exit.reason == TRACE_MMIO)
		str_add(&p->line, ", \"address\": \"%#" PRIx64 "\", \"value\": \"%#" PRIx64 "\"",
			x->exit.addr, x->exit.value);
	str_add(&p->line, ", \"rip\": \"%#" PRIx64 "\"", x->exit.rip);
	lens_symbol(&p->v.lens, x->exit.rip, &p->text);
	if (p->text.len) {
		str_add(&p->line, ", ");
		add_words(&p->line, "symbol", &p->text);
	}
	if (it->code && lens_insn(&p->v.lens, x, it->code, &insn)) {
		str_add(&p->line, ", \"instruction\": ");
		json_out_string(&p->line, insn.text);
	}
	add_effects(p, it);
	str_add(&p->line, "}");
}

/* Of the time from @from to @to what is behind the end of the slice before; false: nothing. */
static bool clip(uint64_t *last, uint64_t *from, uint64_t to)
{
	if (*from < *last)
		*from = *last;
	if (*from >= to)
		return false;
	*last = to;
	return true;
}

static void slice(struct perfetto *p, struct track t, uint64_t from, uint64_t to)
{
	begin(p, "X", t);
	add_time(&p->line, "ts", from);
	add_time(&p->line, "dur", to - from);
}

static void put_exit(struct perfetto *p, const struct trace_item *it)
{
	const struct trace_rec *x = it->rec;
	struct track t = track_of(p->v.trace, it->thread);
	uint64_t at = view_time(&p->v, x->t), back = at + x->exit.away;
	uint64_t from = at > x->exit.guest ? at - x->exit.guest : 0;
	uint64_t *last = &p->thread_end[it->thread % TRACE_THREADS_MAX];

	if (clip(last, &from, at)) {
		slice(p, t, from, at);
		str_add(&p->line, ", \"name\": \"guest\", \"cat\": \"guest\"");
		end(p);
	}
	from = at;
	if (clip(last, &from, back)) {
		slice(p, t, from, back);
		add_exit_name(p, x);
		str_add(&p->line, ", \"cat\": \"exit\"");
		add_exit_args(p, it);
		end(p);
	}
	from = at;
	if (x->dev < TRACE_DEVICES_MAX && !(x->exit.flags & TRACE_X_NOBODY) &&
	    clip(&p->device_end[x->dev], &from, back)) {
		slice(p, (struct track){ PID_DEVICES, x->dev + 1u }, from, back);
		add_exit_name(p, x);
		str_add(&p->line, ", \"cat\": \"device\"");
		end(p);
	}
}

/* --- events ----------------------------------------------------------------------------------- */

/* One of a pair that makes a slice of its own track. */
static void put_async(struct perfetto *p, const struct request *q, const char *ph, uint64_t at)
{
	static const char *const op[] = { "read", "write", "flush", "discard", "write zeroes" };

	begin(p, ph, (struct track){ PID_DEVICES, q->dev + 1u });
	add_time(&p->line, "ts", at);
	str_add(&p->line, ", \"cat\": \"io\", \"id\": \"%" PRIu64 "\", \"name\": ", p->request_cnt);
	str_add(&p->text, "%s %s", view_device(p->v.trace, q->dev),
		q->op < ARRAY_LEN(op) ? op[q->op] : "request");
	json_out_string(&p->line, p->text.s ? p->text.s : "");
	p->text.len = 0;
	str_add(&p->line,
		", \"args\": {\"offset\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"status\": %" PRIu64
		"}",
		q->offset, q->len, q->status);
	end(p);
}

static void put_event(struct perfetto *p, const struct trace_rec *r, unsigned thread)
{
	uint64_t at = view_time(&p->v, r->t);
	struct request q;

	lens_effect(&p->v.lens, r, &p->text);
	if (!p->text.len && r->kind == TRACE_EVENT && r->num < TRACE_EVENT_CNT)
		str_add(&p->text, "%s", trace_event_info[r->num].name);
	begin(p, "i", track_of(p->v.trace, thread));
	add_time(&p->line, "ts", at);
	str_add(&p->line, ", \"s\": \"t\", \"cat\": \"event\", ");
	add_words(&p->line, "name", &p->text);
	if (r->dev < p->v.trace->machine.device_cnt) {
		str_add(&p->line, ", \"args\": {\"device\": ");
		json_out_string(&p->line, view_device(p->v.trace, r->dev));
		str_add(&p->line, "}");
	}
	end(p);
	if (!requests_add(&p->requests, r, thread, &q))
		return;
	p->request_cnt++;
	put_async(p, &q, "b", view_time(&p->v, q.begin));
	put_async(p, &q, "e", view_time(&p->v, q.end));
}

/* --- all of it -------------------------------------------------------------------------------- */

static void put_head(struct perfetto *p)
{
	const struct trace *t = p->v.trace;

	str_add(&p->line, "{\"displayTimeUnit\": \"ns\",\n\"otherData\": {\"program\": \"trapeze ");
	str_add(&p->line, "trace perfetto\", \"command\": ");
	json_out_string(&p->line, t->machine.cmdline ? t->machine.cmdline : "");
	str_add(&p->line, ", \"lost records\": %" PRIu64, t->lost);
	lens_unseen(t->exit_cnt, t->stat, t->stat_cnt, &p->text);
	str_add(&p->line, ", ");
	add_words(&p->line, "not shown", &p->text);
	if (t->cut) {
		str_add(&p->line, ", \"cut\": ");
		json_out_string(&p->line, t->cut_why);
	}
	str_add(&p->line, "},\n\"traceEvents\": [\n");
	if (!p->line.failed)
		fwrite(p->line.s, 1, p->line.len, p->to);
}

int lens_write_perfetto(const struct trace *t, const struct lens_cut *c, FILE *to,
			struct error **errp)
{
	struct perfetto *p = calloc(1, sizeof(*p));
	struct trace_item it;
	bool failed;

	if (!p)
		return err_errno(errp, ENOMEM, "cannot write events");
	p->to = to;
	view_begin(&p->v, t, c);
	put_head(p);
	name_tracks(p);
	while (!p->line.failed && !p->text.failed && !ferror(to) && view_next(&p->v, &it)) {
		if (it.rec->kind == TRACE_EXIT)
			put_exit(p, &it);
		else
			put_event(p, it.rec, it.thread);
		for (unsigned i = 0; i < it.effect_cnt; i++)
			if (it.effects[i].kind == TRACE_EVENT)
				put_event(p, &it.effects[i], it.thread);
	}
	view_end(&p->v);
	fputs("\n]}\n", to);
	failed = p->line.failed || p->text.failed;
	str_free(&p->line);
	str_free(&p->text);
	free(p);
	return failed ? err_errno(errp, ENOMEM, "cannot write events") : 0;
}
