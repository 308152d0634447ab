/* SPDX-License-Identifier: MIT */
/* test_disk_option.c: -d PATH[,KEY=VALUE]... and its JSON form. */
#include "cli/disk_option.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "vmm/cli.h"
#include "vmm/json.h"

static const struct opt *row(void)
{
	for (unsigned i = 0; i < run_option_cnt; i++) {
		if (run_options[i].letter == 'd')
			return &run_options[i];
	}
	fail_msg("no row has the letter d");
	return NULL;
}

/* The one disk of @text. The caller frees *l. */
static struct disk_config *accept(const char *text, struct disk_list *l)
{
	struct error *e = NULL;

	*l = (struct disk_list){ 0 };
	if (opt_disks.set(l, row(), text, &e) < 0)
		fail_msg("'%s': %s", text, error_msg(e));
	assert_int_equal(l->cnt, 1);
	return l->v;
}

static void refuse(const char *text, const char *msg)
{
	struct disk_list l = { 0 };
	struct error *e = NULL;

	assert_true(opt_disks.set(&l, row(), text, &e) < 0);
	assert_non_null(e);
	assert_string_equal(error_msg(e), msg);
	error_free(e);
	/* "@field ... is untouched on error." */
	assert_int_equal(l.cnt, 0);
	assert_null(l.v);
}

static void a_bare_path(void **state)
{
	struct disk_list l;
	struct disk_config *d = accept("disk.img", &l);

	(void)state;
	assert_string_equal(d->blk.path, "disk.img");
	assert_int_equal(d->blk.format, BLK_FORMAT_PROBE);
	assert_int_equal(d->blk.cache, BLK_CACHE_WRITEBACK);
	assert_int_equal(d->blk.engine, BLK_ENGINE_AUTO);
	assert_false(d->blk.readonly || d->blk.overlay || d->blk.backing || d->blk.no_discard);
	assert_true(d->blk.iops == 0 && d->blk.bw == 0);
	assert_null(d->serial);
	assert_null(d->iothread);
	assert_int_equal(d->queues, 0);
	assert_int_equal(d->queue_size, 128);
	assert_int_equal(d->block_size, 0);
	assert_false(d->write_through);
	disk_list_free(&l);
	assert_null(l.v);
	disk_list_free(&l);
}

#define EVERYTHING                                                                                 \
	"a,format=qcow2,ro,cache=none,engine=aio,serial=S 1,discard=off,iops=500,bw=10M,backing,"  \
	"iothread=io-1,queues=3,queue-size=64,block-size=4096,write-through"

static void every_key(void **state)
{
	struct disk_list l;
	struct disk_config *d = accept(EVERYTHING, &l);

	(void)state;
	assert_string_equal(d->blk.path, "a");
	assert_int_equal(d->blk.format, BLK_FORMAT_QCOW2);
	assert_true(d->blk.readonly);
	assert_int_equal(d->blk.cache, BLK_CACHE_NONE);
	assert_int_equal(d->blk.engine, BLK_ENGINE_AIO);
	assert_string_equal(d->serial, "S 1");
	assert_true(d->blk.no_discard);
	assert_int_equal(d->blk.iops, 500);
	assert_int_equal(d->blk.bw, 10 * MIB);
	assert_true(d->blk.backing);
	assert_false(d->blk.overlay);
	assert_string_equal(d->iothread, "io-1");
	assert_int_equal(d->queues, 3);
	assert_int_equal(d->queue_size, 64);
	assert_int_equal(d->block_size, 4096);
	assert_true(d->write_through);
	disk_list_free(&l);
}

static void words_of_each_key(void **state)
{
	static const struct {
		const char *text;
		size_t off;
		int value;
	} cases[] = {
		{ "a,format=raw", offsetof(struct disk_config, blk.format), BLK_FORMAT_RAW },
		{ "a,cache=writeback", offsetof(struct disk_config, blk.cache),
		  BLK_CACHE_WRITEBACK },
		{ "a,cache=unsafe", offsetof(struct disk_config, blk.cache), BLK_CACHE_UNSAFE },
		{ "a,engine=uring", offsetof(struct disk_config, blk.engine), BLK_ENGINE_URING },
		{ "a,engine=threads", offsetof(struct disk_config, blk.engine),
		  BLK_ENGINE_THREADS },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct disk_list l;
		const struct disk_config *d = accept(cases[i].text, &l);
		int v;

		memcpy(&v, (const char *)d + cases[i].off, sizeof(v));
		assert_int_equal(v, cases[i].value);
		disk_list_free(&l);
	}
}

static void switches_have_values_too(void **state)
{
	struct disk_list l;
	struct disk_config *d = accept("a,ro=off,overlay=yes,discard=on,write-through=no", &l);

	(void)state;
	assert_false(d->blk.readonly);
	assert_true(d->blk.overlay);
	assert_false(d->blk.no_discard);
	assert_false(d->write_through);
	disk_list_free(&l);
}

/* "A comma in its name is written twice." */
static void commas(void **state)
{
	static const struct {
		const char *text, *path, *serial;
	} cases[] = {
		{ "a,,b", "a,b", NULL },          { ",,", ",", NULL },
		{ "a,,,serial=x", "a,", "x" },    { "a,,,,b,serial=x,,y", "a,,b", "x,y" },
		{ ",,ro,serial=,,", ",ro", "," }, { "dir/a=b,serial=c=d", "dir/a=b", "c=d" },
		{ "./file=x", "./file=x", NULL }, { "files=x", "files=x", NULL },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		struct disk_list l;
		const struct disk_config *d = accept(cases[i].text, &l);

		assert_string_equal(d->blk.path, cases[i].path);
		if (cases[i].serial)
			assert_string_equal(d->serial, cases[i].serial);
		else
			assert_null(d->serial);
		disk_list_free(&l);
	}
}

static void refusals(void **state)
{
	(void)state;
	refuse("", "the name of the image is missing: PATH[,KEY=VALUE]");
	refuse(",ro", "the name of the image is missing: PATH[,KEY=VALUE]");
	refuse("file=a.img,ro", "'file=a.img': the image comes first, by its name alone");
	refuse("path=a.img", "'path=a.img': the image comes first, by its name alone");
	refuse("a,", "'a,' has a comma with nothing behind it");
	refuse("a,ro,", "'a,ro,' has a comma with nothing behind it");
	refuse("a,chache=none", "a disk has no 'chache'; did you mean 'cache'?");
	refuse("a,readonly", "a disk has no 'readonly'");
	refuse("a,path=b", "a disk has no 'path'");
	refuse("a,=", "a disk has no ''");
	refuse("a,ro,ro=off", "'ro' is said twice");
	refuse("a,serial", "'serial' wants a value: serial=...");
	refuse("a,cache=writback",
	       "cache: 'writback' is unknown; did you mean 'writeback'? (writeback, none or "
	       "unsafe)");
	refuse("a,format=vmdk", "format: 'vmdk' is unknown: use raw or qcow2");
	refuse("a,ro=maybe", "ro: 'maybe' is neither on nor off");
	refuse("a,serial=123456789012345678901",
	       "serial: '123456789012345678901' has 21 characters: a serial has at most 20");
	refuse("a,serial=\xc3\xa4", "serial: '\xc3\xa4' has a character that is not ASCII");
	refuse("a,iothread=", "iothread: '' is no name of a thread: 1 to 15 letters, digits, -, _ "
			      "and .");
	refuse("a,iothread=a/b", "iothread: 'a/b' is no name of a thread: 1 to 15 letters, digits, "
				 "-, _ and .");
	refuse("a,iothread=1234567890123456",
	       "iothread: '1234567890123456' is no name of a thread: 1 to 15 letters, digits, -, _ "
	       "and .");
	refuse("a,queue-size=100", "queue-size: '100' is no power of two");
	refuse("a,block-size=1536", "block-size: '1536' is no power of two");
	refuse("a,ro,overlay", "'ro' and 'overlay' exclude each other: what cannot be written "
			       "needs no place to write to");
	refuse("a,format=raw,backing", "'backing' is for qcow2 images, and format is raw");
}

static void ranges(void **state)
{
	static const char *const good[] = { "a,queues=1",       "a,queues=64",
					    "a,queue-size=4",   "a,queue-size=256",
					    "a,block-size=512", "a,iops=1",
					    "a,bw=4K",          "a,iops=4294967295" };
	static const char *const bad[] = {
		"a,queues=0",       "a,queues=65",       "a,queue-size=2",    "a,queue-size=512",
		"a,block-size=256", "a,iops=0",          "a,block-size=8192", "a,bw=1K",
		"a,bw=0",           "a,iops=4294967296", "a,bw=2000T",        "a,iops=-1",
		"a,queues="
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		struct disk_list l;

		accept(good[i], &l);
		disk_list_free(&l);
	}
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct disk_list l = { 0 };
		struct error *e = NULL;

		if (!opt_disks.set(&l, row(), bad[i], &e))
			fail_msg("'%s' was taken", bad[i]);
		error_free(e);
	}
}

/* Each key that is told of exists, and each that exists is told of. */
static void words_tell_of_every_key(void **state)
{
	unsigned cnt = 0;

	(void)state;
	for (const struct opt_word *w = disk_words; w->word; w++, cnt++) {
		struct disk_list l = { 0 };
		struct error *e = NULL;
		char text[80];

		assert_int_equal(*w->word, ',');
		snprintf(text, sizeof(text), "a%.*s=?", (int)strcspn(w->word, "="), w->word);
		/* The value is bad; the key is not. */
		assert_true(opt_disks.set(&l, row(), text, &e) < 0 || l.cnt == 1);
		if (e)
			assert_null(strstr(error_msg(e), "a disk has no"));
		error_free(e);
		disk_list_free(&l);
	}
	assert_int_equal(cnt, 15);
	assert_ptr_equal(row()->words, disk_words);
}

/* --- files ------------------------------------------------------------------------------------ */

static int read_text(const char *text, struct run_args *a, struct error **e)
{
	struct opt_set set = run_option_set();

	run_args_init(a);
	return opt_read_json(&set, text, "vm.json", a, e);
}

static void strings_and_objects(void **state)
{
	struct run_args a;
	struct error *e = NULL;

	(void)state;
	assert_int_equal(read_text("{\"disks\": [\"a.img,ro\","
				   " {\"path\": \"b,c\", \"iops\": 7, \"bw\": \"1M\","
				   "  \"overlay\": true, \"serial\": \"x,y\", \"queues\": \"2\"}]}",
				   &a, &e),
			 0);
	assert_no_error(e);
	assert_int_equal(a.config.disks.cnt, 2);
	assert_string_equal(a.config.disks.v[0].blk.path, "a.img");
	assert_true(a.config.disks.v[0].blk.readonly);
	assert_string_equal(a.config.disks.v[1].blk.path, "b,c");
	assert_int_equal(a.config.disks.v[1].blk.iops, 7);
	assert_int_equal(a.config.disks.v[1].blk.bw, MIB);
	assert_true(a.config.disks.v[1].blk.overlay);
	assert_string_equal(a.config.disks.v[1].serial, "x,y");
	assert_int_equal(a.config.disks.v[1].queues, 2);
	run_args_free(&a);
	/* One alone needs no array. */
	assert_int_equal(read_text("{\"disks\": {\"path\": \"a\"}}", &a, &e), 0);
	assert_int_equal(a.config.disks.cnt, 1);
	run_args_free(&a);
}

static void refuse_file(const char *text, const char *msg)
{
	struct run_args a;
	struct error *e = NULL;

	assert_true(read_text(text, &a, &e) < 0);
	assert_error(e, msg);
	run_args_free(&a);
}

static void objects_refused(void **state)
{
	(void)state;
	refuse_file("{\"disks\": [{\"ro\": true}]}",
		    "disks: \"path\" is missing: the name of the image, a string");
	refuse_file("{\"disks\": [{\"path\": 5}]}", "disks: \"path\" is missing");
	refuse_file("{\"disks\": [{\"path\": \"\"}]}", "disks: the name of the image is missing");
	refuse_file("{\"disks\": [{\"path\": \"a\", \"formt\": \"raw\"}]}",
		    "disks: a disk has no 'formt'; did you mean 'format'?");
	refuse_file("{\"disks\": [{\"path\": \"a\", \"ro\": []}]}",
		    "disks: 'ro' wants a string, a number, true or false, not an array");
	refuse_file("{\"disks\": [{\"path\": \"a\", \"iops\": 1.5}]}", "disks: 'iops' wants");
	refuse_file("{\"disks\": [{\"path\": \"a\", \"a,ro\": \"b\"}]}",
		    "disks: a disk has no 'a,ro'");
	refuse_file("{\"disks\": 5}", "disks: wants an array of strings and objects, or one of "
				      "them, not a number");
	refuse_file("{\"disks\": [[\"a\"]]}", "disks: wants");
	/* Types that take no object say so. */
	refuse_file("{\"boot\": {\"initrd\": [{\"path\": \"a\"}]}}", "boot.initrd: wants");
}

/* Dump, read, dump: the same text, and the same disks. */
static void dump_reads_back(void **state)
{
	char *argv[] = { (char[]){ "run" },
			 (char[]){ "-d" },
			 (char[]){ EVERYTHING },
			 (char[]){ "--disk=b,,c,overlay,cache=unsafe" },
			 (char[]){ "-dd" },
			 (char[]){ "-d" },
			 (char[]){ "e,discard=on,cache=writeback" } };
	struct opt_set set = run_option_set();
	struct run_args a, b;
	struct error *e = NULL;
	char *first, *second;

	(void)state;
	assert_int_equal(run_args_parse(ARRAY_LEN(argv), argv, &a, &e), 0);
	assert_no_error(e);
	assert_int_equal(a.config.disks.cnt, 4);
	assert_int_equal(opt_dump_json(&set, &a, &first, &e), 0);
	/* What was not said, or said as it is anyway, is left out. */
	assert_non_null(strstr(first, "{\n      \"path\": \"d\"\n    }"));
	assert_non_null(strstr(first, "{\n      \"path\": \"e\"\n    }"));
	assert_non_null(strstr(first, "\"path\": \"b,c\""));
	assert_int_equal(read_text(first, &b, &e), 0);
	assert_no_error(e);
	assert_int_equal(opt_dump_json(&set, &b, &second, &e), 0);
	assert_string_equal(first, second);
	for (unsigned i = 0; i < a.config.disks.cnt; i++) {
		struct disk_config x = a.config.disks.v[i], y = b.config.disks.v[i];

		assert_string_equal(x.blk.path, y.blk.path);
		x.blk.path = y.blk.path = x.serial = y.serial = x.iothread = y.iothread = NULL;
		assert_memory_equal(&x, &y, sizeof(x));
	}
	assert_string_equal(b.config.disks.v[0].serial, "S 1");
	assert_string_equal(b.config.disks.v[0].iothread, "io-1");
	free(first);
	free(second);
	run_args_free(&a);
	run_args_free(&b);
}

static void dump_needs_utf8(void **state)
{
	char *argv[] = { (char[]){ "run" }, (char[]){ "-d" }, (char[]){ "\xff" } };
	struct opt_set set = run_option_set();
	struct error *e = NULL;
	struct run_args a;
	char *text = NULL;

	(void)state;
	assert_int_equal(run_args_parse(ARRAY_LEN(argv), argv, &a, &e), 0);
	assert_int_equal(opt_dump_json(&set, &a, &text, &e), -EILSEQ);
	assert_error(e, "disks: the value is not UTF-8, which JSON cannot hold");
	run_args_free(&a);
}

/* Flags are a new source of values: they do not add to a file's disks. */
static void flags_replace_the_file(void **state)
{
	char *argv[] = { (char[]){ "run" }, (char[]){ "-d" }, (char[]){ "x" }, (char[]){ "-d" },
			 (char[]){ "y" } };
	struct opt_set set = run_option_set();
	_cleanup_(opt_args_free) struct opt_args args = { 0 };
	struct error *e = NULL;
	struct run_args a;

	(void)state;
	assert_int_equal(read_text("{\"disks\": [\"a\", \"b\", \"c\"]}", &a, &e), 0);
	assert_int_equal(opt_scan(&set, ARRAY_LEN(argv) - 1, argv + 1, &args, &e), 0);
	assert_int_equal(opt_apply(&args, &a, &e), 0);
	assert_int_equal(a.config.disks.cnt, 2);
	assert_string_equal(a.config.disks.v[1].blk.path, "y");
	run_args_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bare_path),
		cmocka_unit_test(every_key),
		cmocka_unit_test(words_of_each_key),
		cmocka_unit_test(switches_have_values_too),
		cmocka_unit_test(commas),
		cmocka_unit_test(refusals),
		cmocka_unit_test(ranges),
		cmocka_unit_test(words_tell_of_every_key),
		cmocka_unit_test(strings_and_objects),
		cmocka_unit_test(objects_refused),
		cmocka_unit_test(dump_reads_back),
		cmocka_unit_test(dump_needs_utf8),
		cmocka_unit_test(flags_replace_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
