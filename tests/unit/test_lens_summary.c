/* SPDX-License-Identifier: MIT */
/* test_lens_summary.c: histograms, rows, what a hostile guest makes of them, and the text. */
#include <stdio.h>
#include <string.h>

#include "lens/requests.h"
#include "lens/summary.h"
#include "tests/lib/fake.h"

static struct trace_region com = { "com", false, 0x3f8, 8 };
static struct trace_region window = { "window", false, 0x1000, 256 };
static struct trace_region eight = { "eight\033[2J", false, 0x2000, 256 };
static struct trace_device devices[] = {
	{ .id = "serial0", .type = "ns16550", .pci = -1, .region = &com, .region_cnt = 1 },
	{ .id = "thing", .type = "of-ours", .pci = -1, .region = &window, .region_cnt = 1 },
	{ .id = "rtc", .type = "mc146818", .pci = -1 },
	{ .id = "disk\033[2J", .type = "virtio-blk", .pci = -1, .region = &eight, .region_cnt = 1 },
};
static const struct trace_machine machine = {
	.cpu_cnt = 2,
	.begin = 1000,
	.device = devices,
	.device_cnt = ARRAY_LEN(devices),
};
static const struct lens lens = { .machine = &machine };

static struct trace_rec exit_at(uint16_t dev, uint32_t off, bool write, uint32_t away)
{
	return (struct trace_rec){
		.t = 2000,
		.kind = TRACE_EXIT,
		.dev = dev,
		.exit = { .reason = TRACE_PIO,
			  .off = off,
			  .addr = 0x3f8 + off,
			  .size = 1,
			  .count = 1,
			  .flags = write ? TRACE_X_WRITE : 0,
			  .away = away,
			  .handler = away / 2,
			  .guest = 10 },
	};
}

static struct trace_rec nobody_at(uint16_t port, bool write)
{
	struct trace_rec r = exit_at(TRACE_NO_DEV, 0, write, 100);

	r.exit.addr = port;
	r.exit.flags |= TRACE_X_NOBODY;
	return r;
}

static struct trace_rec event(enum trace_event e, uint16_t dev, uint64_t t, uint64_t id)
{
	return (struct trace_rec){
		.t = t, .kind = TRACE_EVENT, .dev = dev, .num = e, .event = { { id } }
	};
}

/* --- histograms ------------------------------------------------------------------------------- */

/* What the header says of how far off a quantile is, for values of all sizes. */
static void quantiles_are_near(void **state)
{
	(void)state;
	for (uint64_t v = 0; v <= UINT32_MAX; v = v * 9 / 8 + 1) {
		struct histogram h = { 0 };
		int64_t off;

		/* Two far away ones, so that neither minimum nor maximum help. */
		histogram_add(&h, 0);
		for (unsigned i = 0; i < 8; i++)
			histogram_add(&h, (uint32_t)v);
		histogram_add(&h, UINT32_MAX);
		off = (int64_t)histogram_quantile(&h, 500) - (int64_t)v;
		assert_true(llabs(off) * 1000 <= (int64_t)v * 32);
	}
}

static void quantiles_of_few(void **state)
{
	struct histogram h = { 0 };

	(void)state;
	assert_int_equal(histogram_quantile(&h, 990), 0);
	histogram_add(&h, 12345);
	assert_int_equal(histogram_quantile(&h, 0), 12345);
	assert_int_equal(histogram_quantile(&h, 990), 12345);
	for (unsigned i = 0; i < 98; i++)
		histogram_add(&h, 12345);
	histogram_add(&h, 1000000);
	assert_true(histogram_quantile(&h, 990) < 13000);
	assert_int_equal(histogram_quantile(&h, 1000) / 40000, 1000000 / 40000 - 1);
}

static void merging_is_adding(void **state)
{
	struct histogram a = { 0 }, b = { 0 }, all = { 0 };

	(void)state;
	for (uint32_t i = 1; i < 5000; i++) {
		histogram_add(i % 3 ? &a : &b, i * i);
		histogram_add(&all, i * i);
	}
	histogram_merge(&a, &b);
	assert_memory_equal(&a, &all, sizeof(a));
}

/* --- requests --------------------------------------------------------------------------------- */

static void requests_in_any_order(void **state)
{
	struct requests *q = calloc(1, sizeof(*q));
	struct trace_rec begin = event(TRACE_E_IO_BEGIN, 3, 100, 7);
	struct trace_rec end = event(TRACE_E_IO_END, 3, 250, 7);
	struct trace_rec elsewhere = event(TRACE_E_IO_END, 2, 300, 7);
	struct trace_rec early = event(TRACE_E_IO_END, 3, 50, 7);
	struct request r;

	(void)state;
	begin.event.arg[2] = 4096;
	assert_false(requests_add(q, &begin, 5, &r));
	assert_false(requests_add(q, &elsewhere, 6, &r));
	assert_false(requests_add(q, &early, 6, &r));
	assert_true(requests_add(q, &end, 6, &r));
	assert_int_equal(r.end - r.begin, 150);
	assert_int_equal(r.thread, 5);
	assert_int_equal(r.offset, 4096);
	end.event.arg[0] = begin.event.arg[0] = 8;
	assert_false(requests_add(q, &end, 6, &r));
	assert_true(requests_add(q, &begin, 5, &r));
	assert_int_equal(r.end - r.begin, 150);
	free(q);
}

/* Requests that never end push out the oldest. */
static void requests_without_end(void **state)
{
	struct requests *q = calloc(1, sizeof(*q));
	struct trace_rec end;
	struct request r;

	(void)state;
	for (uint64_t i = 0; i < 100000; i++) {
		struct trace_rec begin = event(TRACE_E_IO_BEGIN, 3, i, i);

		assert_false(requests_add(q, &begin, 0, &r));
	}
	end = event(TRACE_E_IO_END, 3, 200000, 99999);
	assert_true(requests_add(q, &end, 0, &r));
	end = event(TRACE_E_IO_END, 3, 200000, 1);
	assert_false(requests_add(q, &end, 0, &r));
	free(q);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void rows_by_kind_and_register(void **state)
{
	struct lens_summary *s = lens_summary_new();
	struct summary_table t;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct trace_rec r = exit_at(0, 0, true, 1000);

		lens_summary_add(s, &lens, &r);
		r = exit_at(0, 5, false, i < 50 ? 100 : 200);
		lens_summary_add(s, &lens, &r);
	}
	assert_true(summary_table(s, &t));
	assert_int_equal(t.cnt, 2);
	assert_string_equal(t.row[0].kind, "IO OUT");
	assert_string_equal(t.row[0].name, "COM1 THR");
	assert_int_equal(t.row[0].away.cnt, 100);
	assert_int_equal(t.row[0].away.total, 100000);
	assert_int_equal(t.row[0].handler_ns, 50000);
	assert_string_equal(t.row[1].kind, "IO IN");
	assert_int_equal(t.row[1].away.total, 15000);
	summary_table_free(&t);
	lens_summary_free(s);
}

/*
 * A guest that touches all ports, in both directions, many times: memory stays what it is, nothing
 * is lost from the sums, and a register that is used much keeps its row, also one that comes late.
 */
static void guest_that_touches_everything(void **state)
{
	struct lens_summary *s = lens_summary_new();
	uint64_t added = 0, seen = 0;
	struct summary_table t;
	bool other = false, first = false, late = false;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned port = 0; port < 65536; port++) {
			struct trace_rec r = nobody_at((uint16_t)port, port % 2);

			lens_summary_add(s, &lens, &r);
			r = exit_at(0, 0, true, 1000);
			lens_summary_add(s, &lens, &r);
			added += 2;
		}
	}
	for (unsigned i = 0; i < 1000; i++, added++) {
		struct trace_rec r = exit_at(1, 3, true, 1000);

		lens_summary_add(s, &lens, &r);
	}
	assert_true(summary_table(s, &t));
	assert_in_range(t.cnt, 2, SUMMARY_ROWS + 1);
	for (unsigned i = 0; i < t.cnt; i++) {
		seen += t.row[i].away.cnt;
		first |= t.row[i].away.cnt == 3 * 65536;
		late |= t.row[i].away.cnt == 1000;
		other |= t.row[i].other;
	}
	assert_int_equal(seen, added);
	assert_true(first && late && other);
	assert_true(t.row[t.cnt - 1].other);
	summary_table_free(&t);
	lens_summary_free(s);
}

/* Records that no program of ours has written. */
static void records_that_make_no_sense(void **state)
{
	struct lens_summary *s = lens_summary_new();
	_cleanup_(str_free) struct str text = { 0 };

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		struct trace_rec r;

		for (size_t b = 0; b < sizeof(r); b++)
			((uint8_t *)&r)[b] = (uint8_t)((i * 2654435761u + b * 40503u) >> 13);
		r.kind = i % 6;
		lens_summary_add(s, &lens, &r);
	}
	lens_summary_print(s, &lens, NULL, 0, NULL, 0, UINT64_MAX, &text);
	assert_non_null(text.s);
	lens_summary_free(s);
}

/* --- text ------------------------------------------------------------------------------------- */

static void spans(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} v[] = {
		{ 0, "0 ns" },
		{ 999, "999 ns" },
		{ 1000, "1.00 us" },
		{ 9994, "9.99 us" },
		{ 9999, "10.0 us" },
		{ 99949, "99.9 us" },
		{ 99951, "100 us" },
		{ 999400, "999 us" },
		{ 1500000, "1.50 ms" },
		{ UINT64_C(2000000000), "2.00 s" },
		{ UINT64_C(99999) * 1000000000, "99999 s" },
		{ UINT64_C(360000) * 1000000000, "100 h" },
	};
	char buf[SPAN_MAX];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(v); i++)
		assert_string_equal(lens_span(v[i].ns, buf), v[i].text);
	assert_true(strlen(lens_span(UINT64_MAX, buf)) <= 12);
}

static size_t widest(const char *text)
{
	size_t max = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		max = len > max ? len : max;
		text += len + (text[len] == '\n');
	}
	return max;
}

static struct lens_summary *some_exits(void)
{
	struct lens_summary *s = lens_summary_new();

	for (unsigned i = 0; i < 3000; i++) {
		struct trace_rec r = exit_at(1, i % 60, i % 2, 1000 + i);

		lens_summary_add(s, &lens, &r);
		r = event(i % 2 ? TRACE_E_IO_END : TRACE_E_IO_BEGIN, 3, i * 100, i / 2);
		lens_summary_add(s, &lens, &r);
	}
	return s;
}

static void all_is_told(void **state)
{
	static const struct trace_cpu_time time[2] = {
		{ 1000000000, 600000000, 100000000, 100000000, 200000000 },
		{ 1000000000, 0, 0, 0, 1000000000 },
	};
	static const struct trace_stat stat[] = { { "exits", 50000 },
						  { "io_exits", 3000 },
						  { "halt_exits", 17 } };
	static const char *const say[] = {
		"all exits",
		"share",
		"60.0%",
		"vCPU 1",
		"all vCPUs",
		"KVM handled 47000",
		"io_exits",
		"HLT",
		"serial0 (ns16550)",
		"1500 I/O requests: p50 100 ns",
		"Not used: serial0 (ns16550), rtc (mc146818)",
		"5 records were lost",
		"20 other registers",
	};
	struct lens_summary *s = some_exits();
	_cleanup_(str_free) struct str text = { 0 };

	(void)state;
	lens_summary_print(s, &lens, time, 2, stat, ARRAY_LEN(stat), 5, &text);
	for (unsigned i = 0; i < ARRAY_LEN(say); i++)
		if (!strstr(text.s, say[i]))
			fail_msg("does not say '%s':\n%s", say[i], text.s);
	assert_in_range(widest(text.s), 60, 80);
	assert_null(strchr(text.s, '\033'));
	lens_summary_free(s);
}

/* Without an end the recording has no times and no statistics, and that is said. */
static void what_is_not_known_is_said(void **state)
{
	struct lens_summary *s = some_exits();
	_cleanup_(str_free) struct str text = { 0 };

	(void)state;
	lens_summary_print(s, &lens, NULL, 0, NULL, 0, 0, &text);
	assert_non_null(strstr(text.s, "How time was split is not known"));
	assert_non_null(strstr(text.s, "it gave no statistics"));
	assert_null(strstr(text.s, "lost"));
	assert_in_range(widest(text.s), 60, 80);
	lens_summary_free(s);
}

static void nothing_at_all(void **state)
{
	struct lens_summary *s = lens_summary_new();
	_cleanup_(str_free) struct str text = { 0 };

	(void)state;
	lens_summary_print(s, &lens, NULL, 0, NULL, 0, 0, &text);
	assert_non_null(strstr(text.s, "No exits"));
	lens_summary_free(s);
	assert_null(lens_summary_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_near),
		cmocka_unit_test(quantiles_of_few),
		cmocka_unit_test(merging_is_adding),
		cmocka_unit_test(requests_in_any_order),
		cmocka_unit_test(requests_without_end),
		cmocka_unit_test(rows_by_kind_and_register),
		cmocka_unit_test(guest_that_touches_everything),
		cmocka_unit_test(records_that_make_no_sense),
		cmocka_unit_test(spans),
		cmocka_unit_test(all_is_told),
		cmocka_unit_test(what_is_not_known_is_said),
		cmocka_unit_test(nothing_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
