/* SPDX-License-Identifier: MIT */
/*
 * fuzz_trace.c: a file that claims to be a recording. Its checksums are put right first, as a
 * hostile one's would be.
 */
#include "tests/fuzz/fuzz_trace.h"
#include "vmm/lens.h"

/* Whatever they hold, records have names and lines. */
static void tell(const struct trace *t)
{
	struct lens l = { .machine = &t->machine,
			  .symbols = t->symbols,
			  .slide = t->slide,
			  .slide_known = t->slide_known,
			  .seen = lens_seen_new(&t->machine) };
	struct trace_cursor c = { 0 };
	struct lens_slides slides;
	struct trace_item it;

	(void)!lens_slides_find(t->symbols, t->kernel, t->kernel_cnt, &slides, NULL);
	while (trace_next(t, &c, &it)) {
		struct str s = { 0 };

		lens_slide_at(&slides, it.rec->t, &l);
		lens_line(&l, &it, &t->thread[it.thread], &s);
		must(s.len && s.len < 16384 && !memchr(s.s, '\n', s.len));
		lens_see(&l, it.rec);
		str_free(&s);
	}
	lens_seen_free(l.seen);
}

/* What is promised of a trace that was loaded. */
static void check(const struct trace *t)
{
	const struct trace_machine *m = &t->machine;
	struct trace_cursor c = { 0 };
	struct trace_item it;
	uint64_t last = 0, exits = 0;

	must(m->version && m->cmdline && t->symbols);
	while (trace_next(t, &c, &it)) {
		must(it.rec->t >= last && it.thread < t->thread_cnt);
		last = it.rec->t;
		exits += it.rec->kind == TRACE_EXIT;
		must(it.rec->dev == TRACE_NO_DEV || it.rec->dev < m->device_cnt);
		if (it.rec->kind == TRACE_EXIT && it.rec->dev != TRACE_NO_DEV)
			must(it.rec->exit.region < m->device[it.rec->dev].region_cnt);
		for (unsigned i = 0; i < it.effect_cnt; i++)
			must(it.effects[i].kind == TRACE_EVENT ||
			     it.effects[i].kind == TRACE_FIELD);
	}
	must(exits == t->exit_cnt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len + 1);
	struct trace *t;

	memcpy(copy, data, len);
	put_right(copy, len);
	if (trace_load_mem(copy, len, "fuzz", &t, NULL) == 0) {
		check(t);
		tell(t);
		trace_free(t);
	}
	free(copy);
	return 0;
}
