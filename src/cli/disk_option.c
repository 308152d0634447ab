/* SPDX-License-Identifier: MIT */
/*
 * disk_option.c: -d PATH[,KEY=VALUE]..., as text and as an object of a configuration file. The keys
 * are rows of a table like the options are; a comma that belongs to a value is written twice.
 */
#include "cli/disk_option.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/parse.h"
#include "vmm/str.h"

#define DEFAULT_QUEUE_SIZE 128
/* The device's, and what a driver can do with fewer: header, data, status. */
#define MIN_QUEUE_SIZE 4
#define MAX_QUEUE_SIZE 256
#define MAX_QUEUES     64
#define MAX_SERIAL     20 /* virtio 1.2, 5.2.6: GET_ID returns 20 bytes */
#define MAX_THREAD     15 /* a thread's name on Linux */

static struct disk_config *disk_init(struct disk_config *d)
{
	*d = (struct disk_config){ .queue_size = DEFAULT_QUEUE_SIZE };
	return d;
}

static void disk_free(struct disk_config *d)
{
	free(d->blk.path);
	free(d->serial);
	free(d->iothread);
}

void disk_list_free(struct disk_list *l)
{
	for (unsigned i = 0; i < l->cnt; i++)
		disk_free(&l->v[i]);
	free(l->v);
	*l = (struct disk_list){ 0 };
}

/* --- kinds of values that only disks have ----------------------------------------------------- */

static int set_count(void *field, const struct opt *o, const char *text, struct error **errp)
{
	return parse_u64(text, o->range.min, o->range.max, field, errp);
}

static json_t *get_count(const void *field, const struct opt *o)
{
	uint64_t v = *(const uint64_t *)field;

	(void)o;
	return v ? json_integer((json_int_t)v) : NULL;
}

static const struct opt_type opt_count = {
	.wants = "a number",
	.json = OPT_INTEGER | OPT_STRING,
	.set = set_count,
	.get = get_count,
};

static json_t *get_rate(const void *field, const struct opt *o)
{
	return *(const uint64_t *)field ? opt_size.get(field, o) : NULL;
}

static int set_rate(void *field, const struct opt *o, const char *text, struct error **errp)
{
	return opt_size.set(field, o, text, errp);
}

static const struct opt_type opt_rate = {
	.wants = "a string such as \"10M\", or a number of MiB",
	.json = OPT_INTEGER | OPT_STRING,
	.set = set_rate,
	.get = get_rate,
};

static int set_pow2(void *field, const struct opt *o, const char *text, struct error **errp)
{
	uint64_t v = 0;
	int r = parse_u64(text, o->range.min, o->range.max, &v, errp);

	if (!r && !is_pow2(v))
		r = err_set(errp, EINVAL, "'%s' is no power of two", text);
	if (!r)
		*(unsigned *)field = (unsigned)v;
	return r;
}

static json_t *get_pow2(const void *field, const struct opt *o)
{
	return opt_number.get(field, o);
}

static const struct opt_type opt_pow2 = {
	.wants = "a number",
	.json = OPT_INTEGER | OPT_STRING,
	.set = set_pow2,
	.get = get_pow2,
};

static json_t *get_word(const void *field, const struct opt *o)
{
	return opt_text.get(field, o);
}

/* 5.2.6: "a NUL-padded ASCII string up to 20 bytes long". */
static int set_disk_serial(void *field, const struct opt *o, const char *text, struct error **errp)
{
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
			return err_set(errp, EINVAL, "'%s' has a character that is not ASCII",
				       text);
	}
	if (strlen(text) > MAX_SERIAL)
		return err_set(errp, ERANGE, "'%s' has %zu characters: a serial has at most %d",
			       text, strlen(text), MAX_SERIAL);
	return opt_text.set(field, o, text, errp);
}

static const struct opt_type opt_disk_serial = {
	.wants = "a string",
	.json = OPT_STRING,
	.set = set_disk_serial,
	.get = get_word,
};

static int set_iothread(void *field, const struct opt *o, const char *text, struct error **errp)
{
	size_t len = strlen(text);

	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			len = 0;
	}
	if (!len || len > MAX_THREAD)
		return err_set(errp, EINVAL,
			       "'%s' is no name of a thread: 1 to %d letters, digits, -, _ and .",
			       text, MAX_THREAD);
	return opt_text.set(field, o, text, errp);
}

static const struct opt_type opt_iothread = {
	.wants = "a string",
	.json = OPT_STRING,
	.set = set_iothread,
	.get = get_word,
};

/* --- the keys --------------------------------------------------------------------------------- */

static const struct opt_word format_words[] = {
	{ "raw", BLK_FORMAT_RAW, NULL },
	{ "qcow2", BLK_FORMAT_QCOW2, NULL },
	{ 0 },
};

static const struct opt_word cache_words[] = {
	{ "writeback", BLK_CACHE_WRITEBACK, NULL },
	{ "none", BLK_CACHE_NONE, NULL },
	{ "unsafe", BLK_CACHE_UNSAFE, NULL },
	{ 0 },
};

static const struct opt_word engine_words[] = {
	{ "uring", BLK_ENGINE_URING, NULL },
	{ "aio", BLK_ENGINE_AIO, NULL },
	{ "threads", BLK_ENGINE_THREADS, NULL },
	{ 0 },
};

_Static_assert(sizeof(enum blk_format) == sizeof(int) && sizeof(enum blk_cache) == sizeof(int) &&
		       sizeof(enum blk_engine) == sizeof(int) &&
		       sizeof(uint32_t) == sizeof(unsigned),
	       "opt_enum stores an int, opt_pow2 an unsigned");

#define AT(member) .off = offsetof(struct disk_config, member)

/* Offsets count from struct disk_config. */
static const struct opt disk_keys[] = {
	{ .name = "format", .type = &opt_enum, AT(blk.format), .words = format_words },
	{ .name = "ro", .type = &opt_switch, AT(blk.readonly) },
	{ .name = "cache", .type = &opt_enum, AT(blk.cache), .words = cache_words },
	{ .name = "engine", .type = &opt_enum, AT(blk.engine), .words = engine_words },
	{ .name = "serial", .type = &opt_disk_serial, AT(serial) },
	{ .name = "discard", .type = &opt_inverted, AT(blk.no_discard) },
	{ .name = "iops", .type = &opt_count, AT(blk.iops), .range = { 1, UINT32_MAX, 0 } },
	{ .name = "bw", .type = &opt_rate, AT(blk.bw), .range = { 4 * KIB, 1024 * GIB, 0 } },
	{ .name = "overlay", .type = &opt_switch, AT(blk.overlay) },
	{ .name = "backing", .type = &opt_switch, AT(blk.backing) },
	{ .name = "iothread", .type = &opt_iothread, AT(iothread) },
	{ .name = "queues", .type = &opt_number, AT(queues), .range = { 1, MAX_QUEUES, 0 } },
	{ .name = "queue-size",
	  .type = &opt_pow2,
	  AT(queue_size),
	  .range = { MIN_QUEUE_SIZE, MAX_QUEUE_SIZE, 0 } },
	{ .name = "block-size", .type = &opt_pow2, AT(block_size), .range = { 512, 4096, 0 } },
	{ .name = "write-through", .type = &opt_switch, AT(write_through) },
};

/* What --help and the manual say of them. */
const struct opt_word disk_words[] = {
	{ ",format=raw|qcow2", 0, "what the file holds; else looked at, and said" },
	{ ",ro", 0, "the guest cannot write" },
	{ ",overlay", 0, "writes go to a temporary layer and are gone at the end" },
	{ ",cache=MODE", 0,
	  "writeback (default): the host's page cache; none: past it (O_DIRECT); unsafe: page "
	  "cache, and a flush does nothing" },
	{ ",engine=NAME", 0,
	  "uring, aio or threads: how files are read and written; else the best the host has" },
	{ ",serial=TEXT", 0, "serial number for the guest, at most 20 characters" },
	{ ",discard=on|off", 0,
	  "give space that the guest discards back to the host (default on)" },
	{ ",iops=N", 0, "at most N operations a second" },
	{ ",bw=SIZE", 0, "at most SIZE bytes a second" },
	{ ",backing", 0, "let a qcow2 image name a backing file" },
	{ ",iothread=NAME", 0, "disks with the same NAME share a thread; else each has its own" },
	{ ",queues=N", 0, "virtqueues (default: one per CPU, at most 4)" },
	{ ",queue-size=N", 0, "entries of each, a power of two, 4 to 256 (default 128)" },
	{ ",block-size=N", 0,
	  "logical block, a power of two, 512 to 4096 (default: a block device's "
	  "own, 512 for files)" },
	{ ",write-through", 0, "writes are durable when they complete, without a flush" },
	{ 0 },
};

static const struct opt *find_key(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(disk_keys); i++) {
		if (!strcmp(disk_keys[i].name, name))
			return &disk_keys[i];
	}
	return NULL;
}

static int unknown_key(const char *name, struct error **errp)
{
	_cleanup_(str_free) struct str all = { 0 };
	const char *names[ARRAY_LEN(disk_keys)], *near;

	for (unsigned i = 0; i < ARRAY_LEN(disk_keys); i++) {
		names[i] = disk_keys[i].name;
		str_add(&all, "%s%s", i ? ", " : "", names[i]);
	}
	near = nearest(name, names, ARRAY_LEN(names));
	if (near)
		return err_set(errp, EINVAL, "a disk has no '%s'; did you mean '%s'?", name, near);
	err_set(errp, EINVAL, "a disk has no '%s'", name);
	err_hint(errp, "there is %s; a comma in a file's name is written twice",
		 all.s ? all.s : "");
	return -EINVAL;
}

/* --- text ------------------------------------------------------------------------------------- */

static int set_key(struct disk_config *d, const char *name, const char *value, uint64_t *seen,
		   struct error **errp)
{
	const struct opt *o = find_key(name);
	uint64_t bit;
	int r;

	if (!o)
		return unknown_key(name, errp);
	bit = UINT64_C(1) << (o - disk_keys);
	if (*seen & bit)
		return err_set(errp, EINVAL, "'%s' is said twice", name);
	*seen |= bit;
	if (!value && !o->type->is_switch)
		return err_set(errp, EINVAL, "'%s' wants a value: %s=...", name, name);
	r = o->type->set(opt_field(o, d), o, value ? value : "on", errp);
	return r < 0 ? err_wrap(errp, "%s", name) : 0;
}

/* QEMU's and others' habit. A file that is really called so is "./file=x". */
static int check_path(const char *path, struct error **errp)
{
	size_t n = strcspn(path, "=");

	if (!*path)
		return err_set(errp, EINVAL, "the name of the image is missing: PATH[,KEY=VALUE]");
	if (path[n] && n == 4 && (!strncmp(path, "file", 4) || !strncmp(path, "path", 4))) {
		err_set(errp, EINVAL, "'%s': the image comes first, by its name alone", path);
		err_hint(errp, "say -d %s; a file of just this name is ./%s", path + n + 1, path);
		return -EINVAL;
	}
	return 0;
}

static int parse_disk(const char *text, struct disk_config *d, struct error **errp)
{
	const char *rest = text;
	uint64_t seen = 0;
	int r;

	d->blk.path = parse_item(&rest);
	if (!d->blk.path)
		return err_errno(errp, ENOMEM, "cannot store '%s'", text);
	r = check_path(d->blk.path, errp);
	while (!r && rest) {
		_cleanup_free_ char *item = parse_item(&rest);
		char *value = item ? strchr(item, '=') : NULL;

		if (!item)
			return err_errno(errp, ENOMEM, "cannot store '%s'", text);
		if (!*item)
			return err_set(errp, EINVAL, "'%s' has a comma with nothing behind it",
				       text);
		if (value)
			*value++ = '\0';
		r = set_key(d, item, value, &seen, errp);
	}
	return r;
}

/* Rules between the keys of one disk. */
static int check_disk(const struct disk_config *d, struct error **errp)
{
	if (d->blk.readonly && d->blk.overlay)
		return err_set(errp, EINVAL,
			       "'ro' and 'overlay' exclude each other: what cannot "
			       "be written needs no place to write to");
	if (d->blk.backing && d->blk.format == BLK_FORMAT_RAW)
		return err_set(errp, EINVAL, "'backing' is for qcow2 images, and format is raw");
	return 0;
}

static int set_disk(void *field, const struct opt *o, const char *text, struct error **errp)
{
	struct disk_list *l = field;
	struct disk_config d, *v;
	int r = parse_disk(text, disk_init(&d), errp);

	(void)o;
	if (!r)
		r = check_disk(&d, errp);
	if (!r) {
		v = reallocarray(l->v, l->cnt + 1, sizeof(*v));
		if (v) {
			l->v = v;
			v[l->cnt++] = d;
			return 0;
		}
		r = err_errno(errp, ENOMEM, "cannot store '%s'", text);
	}
	disk_free(&d);
	return r;
}

/* --- files ------------------------------------------------------------------------------------ */

static void add_item(struct str *s, const char *p)
{
	for (; *p; p++)
		str_add_bytes(s, *p == ',' ? ",," : p, *p == ',' ? 2 : 1);
}

static int add_value(struct str *s, const char *key, const json_t *v, struct error **errp)
{
	str_add(s, ",");
	add_item(s, key);
	str_add(s, "=");
	if (json_is_string(v))
		add_item(s, json_string_value(v));
	else if (json_is_boolean(v))
		str_add(s, "%s", json_is_true(v) ? "on" : "off");
	else if (json_is_integer(v))
		str_add(s, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else
		return err_set(errp, EINVAL, "'%s' wants a string, a number, true or false, not %s",
			       key, json_kind(v));
	return 0;
}

/* { "path": "a.img", "ro": true } is "a.img,ro=on". */
static char *disk_text(const json_t *obj, struct error **errp)
{
	_cleanup_(str_free) struct str s = { 0 };
	const json_t *path = json_object_get(obj, "path");
	const char *key;
	json_t *v;
	char *text;

	if (!json_is_string(path)) {
		err_set(errp, EINVAL, "\"path\" is missing: the name of the image, a string");
		return NULL;
	}
	add_item(&s, json_string_value(path));
	/* jansson's iterators take no const; nothing is changed. */
	json_object_foreach((json_t *)(uintptr_t)obj, key, v)
	{
		if (v != path && add_value(&s, key, v, errp) < 0)
			return NULL;
	}
	text = str_take(&s);
	if (!text)
		err_errno(errp, ENOMEM, "cannot read a disk");
	return text;
}

/* What differs from a disk of which only the path was said. */
static json_t *disk_object(const struct disk_config *d)
{
	json_t *obj = json_object();
	struct disk_config plain;
	int bad = json_object_set_new(obj, "path", json_string(d->blk.path));

	disk_init(&plain);
	for (unsigned i = 0; i < ARRAY_LEN(disk_keys); i++) {
		const struct opt *o = &disk_keys[i];
		_cleanup_(json_freep) json_t *def = o->type->get(opt_cfield(o, &plain), o);
		json_t *v = o->type->get(opt_cfield(o, d), o);

		if (v && !json_equal(v, def))
			bad |= json_object_set_new(obj, o->name, v);
		else
			json_decref(v);
	}
	if (!bad)
		return obj;
	json_decref(obj);
	return NULL;
}

static json_t *get_disks(const void *field, const struct opt *o)
{
	const struct disk_list *l = field;
	json_t *a = l->cnt ? json_array() : NULL;

	(void)o;
	for (unsigned i = 0; a && i < l->cnt; i++) {
		if (json_array_append_new(a, disk_object(&l->v[i]))) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

static bool has_disks(const void *field)
{
	return ((const struct disk_list *)field)->cnt;
}

static void clear_disks(void *field, const struct opt *o)
{
	(void)o;
	disk_list_free(field);
}

const struct opt_type opt_disks = {
	.wants = "an array of strings and objects, or one of them",
	.json = OPT_STRING | OPT_OBJECT,
	.completes = OPT_FILES,
	.repeats = true,
	.is_list = true,
	.set = set_disk,
	.object_text = disk_text,
	.get = get_disks,
	.is_set = has_disks,
	.clear = clear_disks,
};
