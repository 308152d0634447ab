/* SPDX-License-Identifier: MIT */
/*
 * test_lens_views.c: recordings as a page, as trace events and side by side; and what names and
 * times that nobody should trust do there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lens/json_out.h"
#include "lens/page_data.h"
#include "lens/summary.h"
#include "tests/lib/fake.h"
#include "vmm/json.h"
#include "vmm/lens_views.h"

#define BEGIN  UINT64_C(1000000)
#define MARKUP "</script><script>alert('x')</script>&\xff\xe2\x80\xa8"

static struct trace_region region = { "window", false, 0x1000, 256 };
static struct trace_device devices[] = {
	{ .id = "thing", .type = "of-ours", .pci = -1, .region = &region, .region_cnt = 1 },
	{ .id = "</script><b>", .type = "<img>", .pci = -1, .region = &region, .region_cnt = 1 },
	{ .id = "unused", .type = "of-ours", .pci = -1 },
};
static struct trace_machine machine = {
	.version = (char *)"0.1.0",
	.cmdline = (char *)"trapeze run " MARKUP,
	.cpu_cnt = 2,
	.begin = BEGIN,
	.irqchip = "split",
	.device = devices,
	.device_cnt = ARRAY_LEN(devices),
};
static const struct trace_thread vcpu0 = { "vcpu0", 0, 0 }, vcpu1 = { "vcpu1", 1, 7 },
				 io = { "io<b>", -1, 0 };

/* --- recordings ------------------------------------------------------------------------------- */

static struct trace_rec exit_of(uint64_t t, uint16_t dev, uint32_t off, uint32_t away)
{
	return (struct trace_rec){
		.t = t,
		.kind = TRACE_EXIT,
		.dev = dev,
		.num = 1,
		.exit = { .rip = 0x1234,
			  .addr = 0x1000 + off,
			  .value = 0x41,
			  .count = 1,
			  .guest = 5000,
			  .handler = away / 2,
			  .away = away,
			  .off = off,
			  .reason = TRACE_PIO,
			  .size = 1,
			  .flags = TRACE_X_WRITE },
	};
}

static struct trace_rec event_of(uint64_t t, uint16_t dev, enum trace_event e, uint64_t id)
{
	return (struct trace_rec){
		.t = t, .kind = TRACE_EVENT, .dev = dev, .num = e, .event = { { id } }
	};
}

struct recording {
	char path[64];
	struct trace_writer *w;
};

static void begin_recording(struct recording *r)
{
	struct error *e = NULL;
	int fd;

	snprintf(r->path, sizeof(r->path), "/tmp/trapeze-views.XXXXXX");
	fd = mkstemp(r->path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(trace_writer_open(r->path, &machine, &r->w, &e), 0);
}

static void put(struct recording *r, unsigned thread, const struct trace_thread *t,
		struct trace_rec rec)
{
	struct error *e = NULL;

	assert_int_equal(trace_writer_put(r->w, thread, t, &rec, 1, &e), 0);
}

static struct trace *end_recording(struct recording *r, bool whole)
{
	static const struct trace_cpu_time time[2] = { { 1000000, 500000, 100000, 200000, 100000 },
						       { 1000000, 500000, 100000, 200000,
							 100000 } };
	static const struct trace_stat stat[] = { { "exits", 1000 } };
	struct error *e = NULL;
	struct trace *t = NULL;

	if (whole)
		assert_int_equal(trace_writer_finish(r->w, time, 2, stat, 1, NULL, 0, &e), 0);
	trace_writer_free(r->w);
	assert_int_equal(trace_load(r->path, &t, &e), 0);
	unlink(r->path);
	return t;
}

/* @cnt exits on two vCPUs, every third at the device with the bad name, with a request each. */
static struct trace *usual(unsigned cnt, uint32_t away, bool whole)
{
	struct recording r;

	begin_recording(&r);
	for (unsigned i = 0; i < cnt; i++) {
		uint64_t t = BEGIN + 10000 * (uint64_t)i;

		put(&r, i % 2, i % 2 ? &vcpu1 : &vcpu0, event_of(t + 1, 0, TRACE_E_IRQ_LINE, 4));
		put(&r, i % 2, i % 2 ? &vcpu1 : &vcpu0, exit_of(t, i % 3 ? 0 : 1, i % 4, away));
		put(&r, 2, &io, event_of(t + 2000, 1, TRACE_E_IO_BEGIN, i));
		put(&r, 2, &io, event_of(t + 5000, 1, TRACE_E_IO_END, i));
	}
	return end_recording(&r, whole);
}

static char *written(const struct trace *t, const struct lens_cut *c,
		     int (*fn)(const struct trace *, const struct lens_cut *, FILE *,
			       struct error **),
		     size_t *len)
{
	struct error *e = NULL;
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	assert_non_null(f);
	assert_int_equal(fn(t, c, f, &e), 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

static unsigned occurrences(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void strings_stay_strings(void **state)
{
	static const char *const text[] = { "",
					    "plain",
					    "\"\\/\n\t\x01\x7f",
					    MARKUP,
					    "\xc3\xa9",
					    "\xf0\x9f\x8e\xaa",
					    "\xc0\x80\xed\xa0\x80",
					    "\xf4\x90\x80\x80",
					    "\xe2\x82" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(text); i++) {
		_cleanup_(str_free) struct str s = { 0 };
		json_t *j, *plain = json_string(text[i]); /* NULL: that is no UTF-8 */

		json_out_string(&s, text[i]);
		assert_int_equal(strcspn(s.s, "<>&'"), strlen(s.s));
		j = json_loads(s.s, JSON_DECODE_ANY, NULL);
		if (!j)
			fail_msg("not JSON: %s", s.s);
		if (plain)
			assert_string_equal(json_string_value(j), text[i]);
		json_decref(plain);
		json_decref(j);
	}
}

/* --- the page --------------------------------------------------------------------------------- */

static void names_are_no_markup(void **state)
{
	struct trace *t = usual(100, 2000, true);
	const struct lens_cut all = { 0 };
	size_t len;
	char *page = written(t, &all, lens_write_page, &len);

	(void)state;
	assert_null(strstr(page, "alert('"));
	assert_null(strstr(page, "<b>"));
	assert_null(strstr(page, "<img"));
	/* Each column and the facts are an element, and there is one script. */
	assert_int_equal(occurrences(page, "<script"), PAGE_COLUMN_CNT + 2);
	assert_int_equal(occurrences(page, "</script>"), PAGE_COLUMN_CNT + 2);
	assert_int_equal(occurrences(page, "<script>"), 1);
	free(page);
	trace_free(t);
}

/* Nothing in it could be fetched, or is allowed to be. */
static void page_needs_nothing(void **state)
{
	static const char *const never[] = {
		"http:",     "https:",         " src=",          "href=",     "@import",
		"url(",      "fetch(",         "XMLHttpRequest", "WebSocket", "innerHTML",
		"outerHTML", "document.write", "eval(",          "@@"
	};
	struct trace *t = usual(10, 2000, true);
	const struct lens_cut all = { 0 };
	size_t len;
	char *page = written(t, &all, lens_write_page, &len);

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(never); i++)
		if (strstr(page, never[i]))
			fail_msg("'%s' is in the page", never[i]);
	assert_non_null(strstr(page, "default-src 'none'"));
	assert_non_null(strstr(page, "script-src 'sha256-"));
	free(page);
	trace_free(t);
}

static void limits_are_on_the_page(void **state)
{
	struct trace *t = usual(10, 2000, true), *cut = usual(10, 2000, false);
	const struct lens_cut all = { 0 };
	size_t len;
	char *page = written(t, &all, lens_write_page, &len);

	(void)state;
	assert_non_null(strstr(page, "KVM handled 990 others by itself"));
	assert_non_null(strstr(page, "\"lost\": 7"));
	assert_non_null(strstr(page, "\"cut\": null"));
	free(page);
	page = written(cut, &all, lens_write_page, &len);
	assert_null(strstr(page, "\"cut\": null"));
	assert_non_null(strstr(page, "\"cpu_time\": []"));
	free(page);
	trace_free(t);
	trace_free(cut);
}

static void too_large_for_a_page(void **state)
{
	struct page_data *d = calloc(1, sizeof(*d));
	struct trace *t = usual(100, 2000, true);
	struct lens_cut c = { 0 };
	struct error *e = NULL;

	(void)state;
	d->max_steps = 200;
	assert_int_equal(page_data_collect(d, t, &c, &e), -E2BIG);
	assert_non_null(strstr(error_hint(e), "--from"));
	assert_error(e, "which shows 200 steps");
	page_data_free(d);
	/* What the hint says does help. */
	memset(d, 0, sizeof(*d));
	d->max_steps = 200;
	c.to = 400000;
	assert_int_equal(page_data_collect(d, t, &c, &e), 0);
	assert_int_equal(d->exits, 40);
	assert_int_equal(d->events, 80);
	page_data_free(d);
	free(d);
	trace_free(t);
}

static void strings_are_numbered_once(void **state)
{
	struct page_strings s;

	(void)state;
	assert_true(page_strings_init(&s));
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 1; i < 5000; i++) {
			char text[16];

			snprintf(text, sizeof(text), "text %u", i);
			assert_int_equal(page_strings_number(&s, text), i);
		}
	assert_int_equal(page_strings_number(&s, ""), 0);
	page_strings_free(&s);
}

/* --- trace events ----------------------------------------------------------------------------- */

static json_t *events_of(const struct trace *t)
{
	const struct lens_cut all = { 0 };
	size_t len;
	char *text = written(t, &all, lens_write_perfetto, &len);
	json_error_t e;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	if (!j)
		fail_msg("line %d: %s", e.line, e.text);
	free(text);
	return j;
}

/* Slices of one track are in order and none reaches into the next; requests begin and end. */
static void check_events(json_t *all)
{
	double last[8][64] = { { 0 } };
	json_t *e, *list = json_object_get(all, "traceEvents");
	int open = 0;
	size_t i;

	assert_true(json_is_array(list));
	json_array_foreach(list, i, e)
	{
		const char *ph = json_string_value(json_object_get(e, "ph"));
		size_t pid = (size_t)json_integer_value(json_object_get(e, "pid"));
		size_t tid = (size_t)json_integer_value(json_object_get(e, "tid"));
		double ts = json_real_value(json_object_get(e, "ts"));

		assert_non_null(ph);
		assert_true(pid < 8 && tid < 64);
		open += (*ph == 'b') - (*ph == 'e');
		if (*ph != 'X')
			continue;
		assert_true(ts >= last[pid][tid] - 1e-6);
		last[pid][tid] = ts + json_real_value(json_object_get(e, "dur"));
	}
	assert_int_equal(open, 0);
}

static void events_are_sound(void **state)
{
	struct trace *t = usual(50, 2000, true);
	json_t *j = events_of(t);
	char *text = json_dumps(j, 0);

	(void)state;
	check_events(j);
	assert_int_equal(occurrences(text, "\"ph\": \"b\""), 50);
	assert_int_equal(occurrences(text, "\"cat\": \"exit\""), 50);
	assert_non_null(strstr(text, "IO OUT thing window+0x1"));
	free(text);
	json_decref(j);
	trace_free(t);
}

/* Exits that claim to have lasted into each other, and before everything began. */
static void times_that_cannot_be(void **state)
{
	struct recording r;
	struct trace *t;
	json_t *j;

	(void)state;
	begin_recording(&r);
	put(&r, 0, &vcpu0, exit_of(0, 0, 0, UINT32_MAX));
	for (unsigned i = 0; i < 100; i++)
		put(&r, i % 2, i % 2 ? &vcpu1 : &vcpu0,
		    exit_of(BEGIN + i, 0, 0, i % 3 ? UINT32_MAX : 0));
	put(&r, 0, &vcpu0, exit_of(UINT64_MAX, 0, 0, UINT32_MAX));
	t = end_recording(&r, true);
	j = events_of(t);
	check_events(j);
	json_decref(j);
	for (unsigned i = 0; i < 2; i++) {
		const struct lens_cut c = { i ? 10 : 0, 0, NULL };
		_cleanup_(str_free) struct str s = { 0 };
		struct error *e = NULL;
		size_t len;

		free(written(t, &c, lens_write_page, &len));
		assert_int_equal(lens_print_summary(t, &c, 0, &s, &e), 0);
	}
	trace_free(t);
}

/* --- side by side ----------------------------------------------------------------------------- */

static char *diff_of(const struct trace *a, const struct trace *b)
{
	const struct trace *both[2] = { a, b };
	static const char *const names[2] = { "one\033[2J.trace", "two.trace" };
	const struct lens_cut all[2] = { { 0 } };
	struct error *e = NULL;
	struct str s = { 0 };

	assert_int_equal(lens_print_diff(both, names, all, 40, &s, &e), 0);
	return str_take(&s);
}

static void what_was_saved(void **state)
{
	struct trace *a = usual(100, 4000, true), *b = usual(50, 2000, true);
	char *text = diff_of(a, b);

	(void)state;
	assert_non_null(strstr(text, "50 exits (50.0 %) saved, 300 us in the VMM (75.0 %) saved"));
	assert_non_null(strstr(text, "IO OUT thing window+0x1"));
	assert_null(strchr(text, '\033'));
	free(text);
	text = diff_of(b, a);
	assert_non_null(strstr(text, "50 exits (100.0 %) added"));
	free(text);
	text = diff_of(a, a);
	assert_non_null(strstr(text, "no exits more or less, no time in the VMM more or less"));
	free(text);
	trace_free(a);
	trace_free(b);
}

/* What changed most comes first, and a row that is in one of them only is there. */
static void most_changed_first(void **state)
{
	struct recording r;
	struct trace *a = usual(12, 2000, true), *b;
	char *text, *new;

	(void)state;
	begin_recording(&r);
	put(&r, 0, &vcpu0, exit_of(BEGIN, 0, 77, 9000000));
	b = end_recording(&r, true);
	text = diff_of(a, b);
	new = strstr(text, "IO OUT thing window+0x4d");
	assert_non_null(new);
	assert_true(new < strstr(text, "IO OUT thing window+0x1"));
	free(text);
	trace_free(a);
	trace_free(b);
}

/* --- parts ------------------------------------------------------------------------------------ */

static void parts_of_a_recording(void **state)
{
	struct trace *t = usual(100, 2000, true);
	const struct lens_cut c = { 100000, 300000, NULL };
	_cleanup_(str_free) struct str s = { 0 };
	struct error *e = NULL;

	(void)state;
	assert_int_equal(lens_print_summary(t, &c, 0, &s, &e), 0);
	/* 20 exits of 2 us in 200 us of 2 vCPUs */
	if (!strstr(s.s, "       20  10.0%  40.0 us"))
		fail_msg("%s", s.s);
	assert_non_null(strstr(s.s, "a part of the recording"));
	assert_non_null(strstr(s.s, "KVM handled 900 others"));
	trace_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_stay_strings), cmocka_unit_test(names_are_no_markup),
		cmocka_unit_test(page_needs_nothing),   cmocka_unit_test(limits_are_on_the_page),
		cmocka_unit_test(too_large_for_a_page), cmocka_unit_test(strings_are_numbered_once),
		cmocka_unit_test(events_are_sound),     cmocka_unit_test(times_that_cannot_be),
		cmocka_unit_test(what_was_saved),       cmocka_unit_test(most_changed_first),
		cmocka_unit_test(parts_of_a_recording),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
