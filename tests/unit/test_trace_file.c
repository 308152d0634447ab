/* SPDX-License-Identifier: MIT */
/* test_trace_file.c: recordings that are written, read, cut, damaged and made up. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lens/trace_format.h"
#include "tests/lib/fake.h"
#include "tests/lib/trace_kit.h"
#include "vmm/symbols.h"

#define HEADER sizeof(struct trace_file_header)

static struct trace *load(const void *p, size_t len)
{
	_cleanup_(error_freep) struct error *e = NULL;
	struct trace *t = NULL;

	if (trace_load_mem(p, len, "t", &t, &e) < 0)
		assert_no_error(e);
	assert_non_null(t);
	return t;
}

static void assert_cut(const struct trace *t, const char *why)
{
	assert_true(t->cut);
	if (!strstr(t->cut_why, why))
		fail_msg("'%s' does not say '%s'", t->cut_why, why);
}

/* --- there and back --------------------------------------------------------------------------- */

static void machine_comes_back(void **state)
{
	size_t len;
	_cleanup_free_ void *p = kit_trace(&len);
	struct trace *t = load(p, len);
	const struct trace_machine *m = &t->machine;

	(void)state;
	assert_false(t->cut);
	assert_string_equal(m->version, "0.1.0");
	assert_string_equal(m->cmdline, "trapeze run -k vmlinuz -a 'caf\\xe9'");
	assert_string_equal(m->kernel, "vmlinuz");
	assert_string_equal(m->irqchip, "split");
	assert_int_equal(m->cpu_cnt, 2);
	assert_int_equal(m->begin, 1000000);
	assert_int_equal(m->wall_sec, 1700000000);
	assert_int_equal(m->device_cnt, kit_machine.device_cnt);
	for (unsigned i = 0; i < m->device_cnt; i++) {
		const struct trace_device *a = &kit_machine.device[i], *b = &m->device[i];

		assert_string_equal(a->id, b->id);
		assert_string_equal(a->type, b->type);
		assert_int_equal(a->pci, b->pci);
		assert_int_equal(a->region_cnt, b->region_cnt);
		for (unsigned k = 0; k < a->region_cnt; k++) {
			assert_string_equal(a->region[k].name, b->region[k].name);
			assert_int_equal(a->region[k].mmio, b->region[k].mmio);
			assert_int_equal(a->region[k].base, b->region[k].base);
			assert_int_equal(a->region[k].len, b->region[k].len);
		}
		assert_int_equal(a->field_cnt, b->field_cnt);
		for (unsigned k = 0; k < a->field_cnt; k++) {
			assert_string_equal(a->field[k].name, b->field[k].name);
			assert_int_equal(a->field[k].size, b->field[k].size);
			assert_int_equal(a->field[k].is_bool, b->field[k].is_bool);
			assert_int_equal(a->field[k].count, b->field[k].count);
		}
	}
	trace_free(t);
}

static void threads_and_end_come_back(void **state)
{
	size_t len;
	_cleanup_free_ void *p = kit_trace(&len);
	struct trace *t = load(p, len);
	uint64_t off;

	(void)state;
	assert_int_equal(t->thread_cnt, 3);
	assert_string_equal(t->thread[0].name, "vcpu0");
	assert_int_equal(t->thread[1].vcpu, 1);
	assert_string_equal(t->thread[2].name, "disk0");
	assert_int_equal(t->thread[2].vcpu, -1);
	assert_int_equal(t->lost, 0 + 1 + 2);
	assert_int_equal(t->rec_cnt, 10);
	assert_int_equal(t->exit_cnt, 4);
	assert_int_equal(t->cpu_time[1].guest_ns, 50);
	assert_int_equal(t->stat_cnt, 2);
	assert_string_equal(t->stat[1].name, "io_exits");
	assert_int_equal(t->stat[1].value, 4);
	assert_true(t->slide_known);
	assert_int_equal(t->kernel_cnt, 1);
	/* "start", which has the RIP, and "next" behind it. */
	assert_int_equal(t->symbols->cnt, 2);
	assert_string_equal(symbol_name(t->symbols, symbols_find(t->symbols, 0x100010, &off)),
			    "start");
	assert_int_equal(off, 0x10);
	trace_free(t);
}

static void the_story_is_in_order(void **state)
{
	static const struct {
		uint64_t t;
		unsigned thread, effects;
		uint16_t kind;
	} story[] = {
		{ 1900000, 1, 0, TRACE_EXIT },  { 2000000, 0, 2, TRACE_EXIT },
		{ 2000550, 2, 0, TRACE_EVENT }, { 2500000, 0, 0, TRACE_EVENT },
		{ 2900000, 1, 0, TRACE_EXIT },  { 3000000, 0, 0, TRACE_EXIT },
	};
	size_t len;
	_cleanup_free_ void *p = kit_trace(&len);
	struct trace *t = load(p, len);
	struct trace_cursor c = { 0 };
	struct trace_item it;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(story); i++) {
		assert_true(trace_next(t, &c, &it));
		assert_int_equal(it.rec->t, story[i].t);
		assert_int_equal(it.rec->kind, story[i].kind);
		assert_int_equal(it.thread, story[i].thread);
		assert_int_equal(it.effect_cnt, story[i].effects);
		assert_int_equal(it.code != NULL, it.rec->kind == TRACE_EXIT);
		if (i == 1) {
			assert_int_equal(it.effects[0].kind, TRACE_FIELD);
			assert_int_equal(it.effects[1].event.arg[0], 4);
		}
	}
	assert_false(trace_next(t, &c, &it));
	trace_free(t);
}

/* A recording longer than a chunk, of threads that come in turns. */
static void many_records(void **state)
{
	char path[] = "/tmp/test_trace.XXXXXX";
	int fd = mkstemp(path);
	struct trace_writer *w;
	struct trace_cursor c = { 0 };
	struct trace_item it;
	struct trace *t;
	uint64_t last = 0;

	(void)state;
	close(fd);
	assert_int_equal(trace_writer_open(path, &kit_machine, &w, NULL), 0);
	for (unsigned i = 0; i < 5000; i++) {
		const struct trace_thread th = { .name = "vcpu", .vcpu = (int)(i & 1) };
		struct trace_rec x = kit_pio(UINT64_C(1000) * i, KIT_SERIAL, 0x3f8, true, i);

		assert_int_equal(trace_writer_put(w, i & 1, &th, &x, 1, NULL), 0);
	}
	assert_int_equal(trace_writer_finish(w, NULL, 0, NULL, 0, NULL, 0, NULL), 0);
	trace_writer_free(w);
	assert_int_equal(trace_load(path, &t, NULL), 0);
	assert_false(t->cut);
	assert_false(t->slide_known);
	assert_int_equal(t->exit_cnt, 5000);
	while (trace_next(t, &c, &it))
		assert_int_equal(it.rec->exit.value, last++);
	assert_int_equal(last, 5000);
	trace_free(t);
	unlink(path);
}

/* --- what is wrong ---------------------------------------------------------------------------- */

static void cut_anywhere(void **state)
{
	size_t len;
	_cleanup_free_ uint8_t *p = kit_trace(&len);
	uint64_t most = 0;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		_cleanup_free_ void *part = malloc(i + 1); /* so that a read behind it shows */
		struct error *e = NULL;
		struct trace *t = NULL;

		memcpy(part, p, i);
		if (i < HEADER) {
			assert_int_equal(trace_load_mem(part, i, "t", &t, &e), -EINVAL);
			assert_error(e, "'t' is not a trace");
			assert_null(t);
			continue;
		}
		t = load(part, i);
		assert_true(t->cut);
		assert_non_null(t->machine.version);
		assert_true(t->rec_cnt >= most);
		most = t->rec_cnt;
		trace_free(t);
	}
	assert_int_equal(most, 10);
}

static void every_byte_counts(void **state)
{
	size_t len;
	_cleanup_free_ uint8_t *p = kit_trace(&len);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		struct trace *t = NULL;
		struct error *e = NULL;

		p[i] ^= 0x41;
		if (trace_load_mem(p, len, "t", &t, &e) == 0)
			assert_true(t->cut);
		assert_int_equal(e != NULL, i < HEADER);
		error_free(e);
		trace_free(t);
		p[i] ^= 0x41;
	}
}

static void other_versions(void **state)
{
	struct trace_file_header h = { .version = le32_make(2) };
	struct error *e = NULL;
	struct trace *t = NULL;

	(void)state;
	memcpy(h.magic, TRACE_MAGIC, sizeof(h.magic));
	h.crc = le32_make(crc32c(0, &h, offsetof(struct trace_file_header, crc)));
	assert_int_equal(trace_load_mem(&h, sizeof(h), "t", &t, &e), -EPROTO);
	assert_error(e, "'t' is a trace of version 2; this program reads version 1");
}

/* --- made up ---------------------------------------------------------------------------------- */

static void begin(struct str *b)
{
	struct trace_file_header h = { .version = le32_make(TRACE_VERSION) };

	memcpy(h.magic, TRACE_MAGIC, sizeof(h.magic));
	h.crc = le32_make(crc32c(0, &h, offsetof(struct trace_file_header, crc)));
	str_add_bytes(b, (char *)&h, sizeof(h));
}

static void chunk(struct str *b, const char *type, const void *p, size_t len)
{
	struct trace_chunk c = { .len = le32_make((uint32_t)len) };

	memcpy(c.type, type, 4);
	c.crc = le32_make(trace_chunk_crc(&c, p, len));
	str_add_bytes(b, (char *)&c, sizeof(c));
	str_add_bytes(b, p, len);
}

static void chunk_text(struct str *b, const char *type, const char *text)
{
	chunk(b, type, text, strlen(text));
}

static void records(struct str *b, uint32_t thread, const struct trace_rec *r, unsigned cnt)
{
	_cleanup_(str_free) struct str s = { 0 };
	struct trace_records_header h = { .thread = le32_make(thread), .name = "a\033[2J" };

	str_add_bytes(&s, (char *)&h, sizeof(h));
	str_add_bytes(&s, (const char *)r, cnt * sizeof(*r));
	chunk(b, TRACE_CHUNK_RECORDS, s.s, s.len);
}

static const char *const machines[][2] = {
	{ "[]", "" }, /* an object of nothing: a machine of nothing */
	{ "{\"cpus\": 1000000000000}", "more CPUs" },
	{ "{\"cpus\": -1}", "more CPUs" },
	{ "{\"devices\": [{\"regions\": [[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}]}",
	  "more regions in a device" },
	{ "{\"devices\": [[], 7, {\"id\": 7, \"regions\": {}, \"fields\": [7]}]}", "" },
	{ "{\"devices\": 12}", "" },
	{ "{", "description" },
	{ "{\"a\": \"\\u001b\", ]", "description" },
	{ "", "empty" },
};

static void hostile_machines(void **state)
{
	_cleanup_(str_free) struct str many = { 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(machines); i++) {
		_cleanup_(str_free) struct str b = { 0 };
		struct trace *t;

		begin(&b);
		chunk_text(&b, TRACE_CHUNK_MACHINE, machines[i][0]);
		t = load(b.s, b.len);
		assert_cut(t, machines[i][1][0] ? machines[i][1] : "it has no end");
		assert_null(strchr(t->cut_why, '\033'));
		trace_free(t);
	}
	str_add(&many, "{\"devices\":[{}");
	for (unsigned i = 0; i < TRACE_DEVICES_MAX; i++)
		str_add(&many, ",{}");
	str_add(&many, "]}");
	{
		_cleanup_(str_free) struct str b = { 0 };
		struct trace *t;

		begin(&b);
		chunk_text(&b, TRACE_CHUNK_MACHINE, many.s);
		t = load(b.s, b.len);
		assert_cut(t, "more devices");
		trace_free(t);
	}
}

static void hostile_records(void **state)
{
	_cleanup_(str_free) struct str b = { 0 };
	struct trace_rec r[8] = { 0 };
	struct trace_item it;
	struct trace *t;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(r); i++)
		r[i] = kit_pio(100 - i, 0, 0x3f8, true, i);
	r[0].kind = 99;
	r[1].dev = 12;
	r[2].exit.region = 1;
	r[3].exit.reason = 77;
	r[4] = kit_event(1, 0, TRACE_EVENT_CNT, 0, 0);
	r[5].kind = TRACE_FIELD;
	r[6].kind = TRACE_CODE;
	r[6].code.before = 200;
	begin(&b);
	chunk_text(&b, TRACE_CHUNK_MACHINE, "{\"devices\":[{\"regions\":[[\"a\",\"port\",1,2]]}]}");
	chunk_text(&b, "WHAT", "not known"); /* passed over */
	records(&b, 511, r, ARRAY_LEN(r));
	chunk_text(&b, TRACE_CHUNK_END, "{\"lost\": [1, 2], \"cpu_time\": [[1]]}");
	t = load(b.s, b.len);
	assert_false(t->cut);
	assert_int_equal(t->rec_cnt, 8);
	assert_int_equal(t->exit_cnt, 3); /* two of a device that is not there */
	assert_int_equal(trace_item_cnt(t), 3);
	for (unsigned i = 0; i < 3; i++) {
		trace_item(t, i, &it);
		assert_int_equal(it.rec->dev, it.rec->exit.value == 7 ? 0 : TRACE_NO_DEV);
	}
	assert_int_equal(t->thread_cnt, 512);
	assert_string_equal(t->thread[511].name, "a\\x1b[2J");
	trace_free(t);
}

static void hostile_chunks(void **state)
{
	static const struct {
		const char *type, *text, *why;
	} bad[] = {
		{ TRACE_CHUNK_RECORDS, "short", "no whole records" },
		{ TRACE_CHUNK_RECORDS, "01234567890123456789012345678901x", "no whole records" },
		{ TRACE_CHUNK_RECORDS, "01234567890123456789012345678901", "there is no thread" },
		{ TRACE_CHUNK_MACHINE, "{}", "second machine" },
		{ TRACE_CHUNK_SYMBOLS, "rubbish", "" },
		{ TRACE_CHUNK_END, "[", "description" },
		{ "LONG", NULL, "longer than any" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		_cleanup_(str_free) struct str b = { 0 };
		struct trace *t;

		begin(&b);
		chunk_text(&b, TRACE_CHUNK_MACHINE, "{}");
		if (bad[i].text)
			chunk_text(&b, bad[i].type, bad[i].text);
		else
			str_add_bytes(&b, "LONG\xff\xff\xff\xff....", 12);
		t = load(b.s, b.len);
		assert_cut(t, bad[i].why);
		trace_free(t);
	}
	for (unsigned i = 0; i < 3; i++) { /* what comes in the wrong order */
		_cleanup_(str_free) struct str b = { 0 };
		struct trace *t;

		begin(&b);
		if (i == 0)
			records(&b, 0, &(struct trace_rec){ 0 }, 0);
		else if (i == 2)
			chunk_text(&b, TRACE_CHUNK_MACHINE, "{}");
		if (i)
			chunk_text(&b, TRACE_CHUNK_END, "{}");
		chunk_text(&b, TRACE_CHUNK_END, "{}");
		t = load(b.s, b.len);
		assert_cut(t, (const char *const[]){ "before the machine", "without a beginning",
						     "behind its end" }[i]);
		trace_free(t);
	}
}

/* --- files ------------------------------------------------------------------------------------ */

/* @gone: closed when the file is open. */
static void said_once(const char *path, int gone, int code, const char *words)
{
	struct trace_thread th = { .name = "vcpu0" };
	struct trace_rec x = kit_pio(1, KIT_SERIAL, 0x3f8, true, 0);
	struct trace_writer *w = NULL;
	struct error *e = NULL;
	int r = trace_writer_open(path, &kit_machine, &w, &e);

	if (gone >= 0)
		close(gone);
	if (r == 0)
		r = trace_writer_put(w, 0, &th, &x, 1, &e);
	if (r == 0)
		r = trace_writer_flush(w, &e);
	assert_int_equal(r, -code);
	assert_error(e, words);
	e = NULL;
	if (w) {
		assert_int_equal(trace_writer_put(w, 0, &th, &x, 1, &e), 0);
		assert_int_equal(trace_writer_finish(w, NULL, 0, NULL, 0, NULL, 0, &e), 0);
	}
	assert_no_error(e);
	trace_writer_free(w);
}

static void trouble_is_said_once(void **state)
{
	char path[64];
	int fd[2];

	(void)state;
	said_once("/dev/full", -1, ENOSPC, "cannot write the trace to '/dev/full': No space");
	said_once("/proc/nowhere/t", -1, ENOENT, "'/proc/nowhere/t': No such file");
	said_once("/tmp", -1, EISDIR, "'/tmp': Is a directory");
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fd), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[1]);
	said_once(path, fd[0], EPIPE, "Broken pipe");
	close(fd[1]);
	/* Nobody reads, and it does not wait for that. */
	snprintf(path, sizeof(path), "/tmp/test_trace.%d.fifo", getpid());
	assert_int_equal(mkfifo(path, 0600), 0);
	said_once(path, -1, ENXIO, "No such device");
	unlink(path);
}

static void no_files(void **state)
{
	struct error *e = NULL;
	struct trace *t = NULL;

	(void)state;
	assert_int_equal(trace_load("/proc/nowhere", &t, &e), -ENOENT);
	assert_error(e, "cannot read '/proc/nowhere': No such file");
	e = NULL;
	assert_int_equal(trace_load("/tmp", &t, &e), -EISDIR);
	assert_error(e, "cannot read '/tmp': Is a directory");
	e = NULL;
	assert_int_equal(trace_load("/dev/null", &t, &e), -EINVAL);
	assert_error(e, "'/dev/null' is not a trace");
}

/* TRAPEZE_WRITE_SEEDS=tests/fuzz/corpus puts one there for the fuzzer. */
static void seed(void **state)
{
	const char *dir = getenv("TRAPEZE_WRITE_SEEDS");
	size_t len;
	_cleanup_free_ void *p = kit_trace(&len);
	char path[256];
	FILE *f;

	(void)state;
	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/trace/kit", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(machine_comes_back),
		cmocka_unit_test(threads_and_end_come_back),
		cmocka_unit_test(the_story_is_in_order),
		cmocka_unit_test(many_records),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(other_versions),
		cmocka_unit_test(hostile_machines),
		cmocka_unit_test(hostile_records),
		cmocka_unit_test(hostile_chunks),
		cmocka_unit_test(trouble_is_said_once),
		cmocka_unit_test(no_files),
		cmocka_unit_test(seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
