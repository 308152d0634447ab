/* SPDX-License-Identifier: MIT */
/* page_data.c: a recording as columns of numbers. */
#include "lens/page_data.h"

#include <errno.h>
#include <inttypes.h>

#include "lens/summary.h"
#include "vmm/error.h"

struct collector {
	struct page_data *d;
	struct view v;
	struct str text; /* reused */
	uint64_t last;   /* the last step's time */
	uint32_t step;
};

static void put(struct collector *k, enum page_column_id id, uint64_t v)
{
	page_column_add(&k->d->col[id], v);
}

#define PUT64(k, name, v)                                                                          \
	do {                                                                                       \
		const uint64_t put64 = (v);                                                        \
		put((k), PAGE_##name##_lo, put64 &UINT32_MAX);                                     \
		put((k), PAGE_##name##_hi, put64 >> 32);                                           \
	} while (0)

/* The number of what was written to @k->text, which is empty again. */
static uint32_t number_of_text(struct collector *k)
{
	uint32_t n = k->text.len ? page_strings_number(&k->d->strings, k->text.s) : 0;

	k->text.len = 0;
	return n;
}

static uint32_t effect_text(struct collector *k, const struct trace_rec *r)
{
	lens_effect(&k->v.lens, r, &k->text);
	if (!k->text.len && r->kind == TRACE_EVENT && r->num < TRACE_EVENT_CNT)
		str_add(&k->text, "%s", trace_event_info[r->num].name);
	return number_of_text(k);
}

static uint8_t event_code(const struct trace_rec *r)
{
	if (r->kind != TRACE_EVENT)
		return PAGE_FIELD;
	return (uint8_t)(PAGE_EVENT + (r->num < TRACE_EVENT_CNT ? r->num : TRACE_EVENT_CNT));
}

static void add_time(struct collector *k, uint64_t t)
{
	uint64_t at = view_time(&k->v, t), dt;

	if (at < k->last) /* a file may say anything */
		at = k->last;
	dt = at - k->last;
	if (dt >= UINT32_MAX) {
		put(k, PAGE_gap_step, k->step);
		PUT64(k, gap, dt);
		dt = 0;
	}
	put(k, PAGE_dt, dt);
	k->last = at;
}

/* --- what came of it -------------------------------------------------------------------------- */

static void add_request(struct collector *k, const struct trace_rec *r, unsigned thread)
{
	struct request q;

	if (!requests_add(&k->d->requests, r, thread, &q))
		return;
	PUT64(k, q_at, view_time(&k->v, q.begin));
	PUT64(k, q_took, q.end - q.begin);
	put(k, PAGE_q_dev, q.dev);
	put(k, PAGE_q_thread, q.thread);
	put(k, PAGE_q_op, q.op & UINT32_MAX);
	PUT64(k, q_offset, q.offset);
	PUT64(k, q_len, q.len);
	put(k, PAGE_q_status, q.status & UINT32_MAX);
}

static void add_effects(struct collector *k, const struct trace_item *it)
{
	unsigned cnt = it->effect_cnt < PAGE_EFFECTS_MAX ? it->effect_cnt : PAGE_EFFECTS_MAX;

	k->d->effects_left_out += it->effect_cnt - cnt;
	put(k, PAGE_effects, cnt);
	for (unsigned i = 0; i < it->effect_cnt; i++) {
		const struct trace_rec *r = &it->effects[i];
		uint64_t after = r->t > it->rec->t ? r->t - it->rec->t : 0;

		add_request(k, r, it->thread);
		if (i >= cnt)
			continue;
		put(k, PAGE_e_at, min_u64(after, UINT32_MAX));
		put(k, PAGE_e_text, effect_text(k, r));
		put(k, PAGE_e_dev, r->dev);
		put(k, PAGE_e_code, event_code(r));
	}
	k->d->steps += cnt;
}

/* --- steps ------------------------------------------------------------------------------------ */

static void add_place(struct collector *k, const struct trace_item *it)
{
	const struct trace_rec *x = it->rec;
	struct lens_insn insn;

	lens_symbol(&k->v.lens, x->exit.rip, &k->text);
	put(k, PAGE_sym, number_of_text(k));
	if (it->code && lens_insn(&k->v.lens, x, it->code, &insn))
		str_add(&k->text, "%s", insn.text);
	put(k, PAGE_insn, number_of_text(k));
	PUT64(k, rip, x->exit.rip);
}

/* Its parts, between separators that no text has. */
static uint32_t why_text(struct collector *k, const struct trace_rec *x)
{
	const struct trace_machine *m = &k->v.trace->machine;
	struct lens_reason r;

	if (lens_reason(&(struct lens_why){ .irqchip = m->irqchip }, x, &r))
		str_add(&k->text, "%s\x1f%s\x1f%s\x1f%s\x1f%s", r.cpu, r.kvm, r.sdm, r.apm,
			r.kept ? r.kept : "");
	return number_of_text(k);
}

static void add_exit(struct collector *k, const struct trace_item *it)
{
	const struct trace_rec *x = it->rec;

	put(k, PAGE_code, x->exit.reason);
	put(k, PAGE_flags, x->exit.flags);
	put(k, PAGE_size, x->exit.size);
	put(k, PAGE_label, page_strings_number(&k->d->strings, lens_kind_name(x)));
	lens_register_name(&k->v.lens, x, &k->text);
	put(k, PAGE_name, number_of_text(k));
	lens_value(&k->v.lens, x, &k->text);
	put(k, PAGE_means, number_of_text(k));
	put(k, PAGE_why, why_text(k, x));
	add_place(k, it);
	PUT64(k, addr, x->exit.addr);
	PUT64(k, value, x->exit.value);
	put(k, PAGE_count, x->exit.count);
	put(k, PAGE_guest, x->exit.guest);
	put(k, PAGE_handler, x->exit.handler);
	put(k, PAGE_away, x->exit.away);
	add_effects(k, it);
	k->d->last = max_u64(k->d->last, k->last + x->exit.away);
	k->d->exits++;
}

static const char *event_label(const struct trace_rec *r)
{
	if (r->kind != TRACE_EVENT)
		return "state changed";
	return r->num < TRACE_EVENT_CNT ? trace_event_info[r->num].name : "event";
}

static void add_event(struct collector *k, const struct trace_item *it)
{
	static const enum page_column_id none[] = {
		PAGE_flags,   PAGE_size,     PAGE_sym,      PAGE_insn,    PAGE_rip_lo, PAGE_why,
		PAGE_means,   PAGE_rip_hi,   PAGE_addr_lo,  PAGE_addr_hi, PAGE_count,  PAGE_guest,
		PAGE_handler, PAGE_value_lo, PAGE_value_hi, PAGE_effects, PAGE_away,
	};
	const struct trace_rec *r = it->rec;

	put(k, PAGE_code, event_code(r));
	put(k, PAGE_label, page_strings_number(&k->d->strings, event_label(r)));
	put(k, PAGE_name, effect_text(k, r));
	for (unsigned i = 0; i < ARRAY_LEN(none); i++)
		put(k, none[i], 0);
	add_request(k, r, it->thread);
	k->d->last = max_u64(k->d->last, k->last);
	k->d->events++;
}

static int too_large(const struct collector *k, struct error **errp)
{
	char at[SPAN_MAX];
	int r = err_set(errp, E2BIG,
			"the recording is too large for a page, which shows %" PRIu64
			" steps (exits, events "
			"and what came of them): it is full %s after the beginning",
			k->d->max_steps, lens_span(k->last, at));

	err_hint(errp,
		 "show a part: --from 1s --to 2s, or a filter, 'kind=mmio'; or look at `trapeze "
		 "trace summary`, which takes any length");
	return r;
}

static int walk(struct collector *k, struct error **errp)
{
	struct page_data *d = k->d;
	struct trace_item it;

	while (view_next(&k->v, &it)) {
		if (++d->steps > d->max_steps)
			return too_large(k, errp);
		add_time(k, it.rec->t);
		put(k, PAGE_thread, it.thread);
		put(k, PAGE_dev, it.rec->dev);
		put(k, PAGE_num, it.rec->num);
		if (it.rec->kind == TRACE_EXIT)
			add_exit(k, &it);
		else
			add_event(k, &it);
		k->step++;
		if (d->strings.failed)
			return too_large(k, errp);
	}
	return 0;
}

int page_data_collect(struct page_data *d, const struct trace *t, const struct lens_cut *c,
		      struct error **errp)
{
	struct collector k = { .d = d };
	bool fine = true;
	int r;

#define X(name, width) page_column_open(&d->col[PAGE_##name], #name, width);
	PAGE_COLUMNS(X)
#undef X
	if (!page_strings_init(&d->strings))
		return err_errno(errp, ENOMEM, "cannot make a page");
	view_begin(&k.v, t, c);
	r = walk(&k, errp);
	view_end(&k.v);
	fine = !k.text.failed;
	str_free(&k.text);
	if (r < 0)
		return r;
	page_column_add_bytes(&d->col[PAGE_strings], d->strings.text.s, d->strings.text.len);
	for (unsigned i = 0; i < PAGE_COLUMN_CNT; i++)
		fine = page_column_finish(&d->col[i]) && fine;
	return fine ? 0 : err_errno(errp, ENOMEM, "cannot make a page");
}

void page_data_free(struct page_data *d)
{
	for (unsigned i = 0; i < PAGE_COLUMN_CNT; i++)
		page_column_free(&d->col[i]);
	page_strings_free(&d->strings);
}
