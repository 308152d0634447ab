/* SPDX-License-Identifier: MIT */
/* disk_option.c: -d PATH[,KEY=VALUE]...: the keys of a disk, and the rules between them. */
#include "cli/disk_option.h"

#include <errno.h>
#include <string.h>

#include "cli/path_option.h"
#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/parse.h"

#define DEFAULT_QUEUE_SIZE 128
/* The device's, and what a driver can do with fewer: header, data, status. */
#define MIN_QUEUE_SIZE 4
#define MAX_QUEUE_SIZE 256
#define MAX_QUEUES     64
#define MAX_SERIAL     20 /* virtio 1.2, 5.2.6: GET_ID returns 20 bytes */

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
	.set = set_disk_serial,
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
	{ .name = "bw", .type = &opt_size, AT(blk.bw), .range = { 4 * KIB, 1024 * GIB, 0 } },
	{ .name = "overlay", .type = &opt_switch, AT(blk.overlay) },
	{ .name = "backing", .type = &opt_switch, AT(blk.backing) },
	{ .name = "iothread", .type = &opt_thread, AT(iothread) },
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

static const struct disk_config plain_disk = { .queue_size = DEFAULT_QUEUE_SIZE };
static const struct opt path_row = {
	.name = "path",
	.arg = "PATH",
	.type = &opt_file,
	AT(blk.path),
};
static const struct path_option disk_option = {
	.thing = "a disk",
	.file = "image",
	.key = disk_keys,
	.key_cnt = ARRAY_LEN(disk_keys),
	.first = &path_row,
	.plain = &plain_disk,
	.size = sizeof(plain_disk),
};

/* --- the list --------------------------------------------------------------------------------- */

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
	struct disk_config d = plain_disk, *v;
	int r = path_option_parse(&disk_option, text, &d, errp);

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

static char *disk_text(const json_t *obj, struct error **errp)
{
	return path_option_text(&disk_option, obj, errp);
}

static json_t *get_disks(const void *field, const struct opt *o)
{
	const struct disk_list *l = field;

	(void)o;
	return path_option_list(&disk_option, l->v, l->cnt);
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
