/* SPDX-License-Identifier: MIT */
/* img.c: `trapeze img`: makes, describes, checks and changes disk images. */
#include "cli/img.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "block/file.h"
#include "vmm/error.h"
#include "vmm/json.h"
#include "vmm/log.h"
#include "vmm/loop.h"
#include "vmm/parse.h"
#include "vmm/str.h"

/* `img check`, besides STATUS_OK, STATUS_ERROR and STATUS_USAGE */
#define STATUS_LEAKS   3
#define STATUS_CORRUPT 4

/* --- options ---------------------------------------------------------------------------------- */

static const struct opt_word format_words[] = {
	{ "raw", BLK_FORMAT_RAW, "the disk's bytes, nothing else" },
	{ "qcow2", BLK_FORMAT_QCOW2, "grows as it is written" },
	{ 0 },
};

static const struct opt_word compress_words[] = {
	{ "zlib", IMG_ZLIB, "any program can read it" },
	{ "zstd", IMG_ZSTD, "faster and smaller; QEMU 5.1 or later" },
	{ 0 },
};

static const struct opt_word repair_words[] = {
	{ "leaks", QCOW2_REPAIR_LEAKS, "give back space that nothing uses" },
	{ "all", QCOW2_REPAIR_ALL, "also what contradicts itself; copy the image first" },
	{ 0 },
};

#define OFF(field) offsetof(struct img_args, field)

const struct opt img_options[] = {
	{ "Images", NULL, "format", NULL, 'f', "FORMAT", &opt_enum, OFF(format), format_words,
	  .fallback = "qcow2 for create, else what the image looks like",
	  .help = "The format of the image that is made, or read" },
	{ "Images", NULL, "output", NULL, 'O', "FORMAT", &opt_enum, OFF(output), format_words,
	  .fallback = "qcow2", .help = "convert: the format of the new image" },
	{ "Images", NULL, "backing", NULL, 'b', "FILE", &opt_file, OFF(backing),
	  .help = "create: the file to read what was not written yet from; in the same directory" },
	{ "Images", NULL, "backing-format", NULL, 'F', "FORMAT", &opt_text, OFF(backing_format),
	  .fallback = "what it looks like", .help = "create: the format of the backing file" },
	{ "Images", NULL, "allow-backing", NULL, 0, NULL, &opt_action, OFF(allow_backing),
	  .help = "convert, resize: open the backing files that the image names" },
	{ "Images", NULL, "cluster-size", NULL, 0, "SIZE", &opt_size, OFF(cluster),
	  .range = { 512, 2 * MIB, 0 }, .fallback = "64K",
	  .help = "create, convert: the unit in which a qcow2 image grows" },
	{ "Images", NULL, "image-version", NULL, 0, "N", &opt_number, OFF(version),
	  .range = { 2, 3, 0 }, .fallback = "3", .help = "create, convert: the version of qcow2" },
	{ "Images", NULL, "refcount-bits", NULL, 0, "N", &opt_number, OFF(refcount_bits),
	  .range = { 1, 64, 0 }, .fallback = "16",
	  .help = "create, convert: the width of a qcow2 image's reference counts" },
	{ "Images", NULL, "lazy-refcounts", NULL, 0, NULL, &opt_action, OFF(lazy_refcounts),
	  .help = "create, convert: count references when the image is closed; after a crash they "
		  "are computed anew" },
	{ "Images", NULL, "compress", NULL, 0, "METHOD", &opt_enum, OFF(compress), compress_words,
	  .help = "convert: compress the new qcow2 image" },
	{ "Images", NULL, "force", NULL, 0, NULL, &opt_action, OFF(force),
	  .help = "convert: replace a file that exists" },
	{ "Images", NULL, "shrink", NULL, 0, NULL, &opt_action, OFF(shrink),
	  .help = "resize: make the disk smaller although what is behind its new end is lost" },
	{ "Images", NULL, "repair", NULL, 'r', "WHAT", &opt_enum, OFF(repair), repair_words,
	  .help = "check: repair what is wrong" },
	{ "Images", NULL, "json", NULL, 0, NULL, &opt_action, OFF(json),
	  .help = "info, check: print JSON" },
	{ "Images", NULL, "help", NULL, 'h', NULL, &opt_action, OFF(help),
	  .help = "Print this help and exit" },
};
const unsigned img_option_cnt = ARRAY_LEN(img_options);

static struct qcow2_options new_options(const struct img_args *a, uint64_t size)
{
	return (struct qcow2_options){
		.size = size,
		.cluster = a->cluster,
		.version = a->version,
		.refcount_bits = a->refcount_bits,
		.lazy_refcounts = a->lazy_refcounts,
		.zstd = a->compress == IMG_ZSTD,
		.backing = a->backing,
		.backing_format = a->backing_format,
	};
}

/* --- disks ------------------------------------------------------------------------------------ */

int img_open(const struct img_args *a, const char *path, enum blk_format format, bool readonly,
	     struct img_disk *ret, struct error **errp)
{
	const struct blk_config c = {
		.path = (char *)(uintptr_t)path,
		.format = format,
		.engine = BLK_ENGINE_THREADS,
		.readonly = readonly,
		.backing = a->allow_backing,
	};
	int r;

	*ret = (struct img_disk){ .loop = loop_create("img", errp) };
	if (!ret->loop)
		return -ENOMEM;
	r = blk_open(&c, ret->loop, &ret->blk, errp);
	if (r < 0)
		img_close(ret);
	return r;
}

void img_close(struct img_disk *d)
{
	blk_close(d->blk);
	if (d->loop)
		loop_destroy(d->loop);
	*d = (struct img_disk){ 0 };
}

struct waited {
	struct blk_req r;
	int err;
};

static void on_done(struct blk_req *r, int err)
{
	container_of(r, struct waited, r)->err = err;
}

int img_io(struct img_disk *d, enum blk_op op, unsigned flags, uint64_t off, void *buf,
	   uint64_t len)
{
	struct iovec iov = { buf, len };
	struct waited w = { .r = { .op = op,
				   .flags = flags,
				   .off = off,
				   .len = len,
				   .iov = &iov,
				   .iov_cnt = buf ? 1 : 0,
				   .done = on_done },
			    .err = EIO };

	blk_submit(d->blk, &w.r);
	blk_drain(d->blk);
	return -w.err;
}

/* --- create ----------------------------------------------------------------------------------- */

/* The backing file's path as the new image will see it. */
static char *beside(const char *image, const char *backing)
{
	const char *slash = strrchr(image, '/');
	char *path;

	if (backing[0] == '/' || !slash)
		return strdup(backing);
	return asprintf(&path, "%.*s/%s", (int)(slash - image), image, backing) < 0 ? NULL : path;
}

/* Opens what the new image will stand on: its format is named in the image, and its size taken. */
static int look_below(struct img_args *a, const char *image, uint64_t *size, struct error **errp)
{
	_cleanup_free_ char *path = beside(image, a->backing);
	_cleanup_(img_close) struct img_disk d = { 0 };
	struct img_args all = *a;
	enum blk_format format = BLK_FORMAT_PROBE;
	int r;

	if (!path)
		return err_errno(errp, ENOMEM, "cannot create '%s'", image);
	if (a->backing_format && !strcmp(a->backing_format, "raw"))
		format = BLK_FORMAT_RAW;
	else if (a->backing_format && !strcmp(a->backing_format, "qcow2"))
		format = BLK_FORMAT_QCOW2;
	else if (a->backing_format)
		return err_set(errp, EINVAL, "--backing-format: '%s' is unknown: use raw or qcow2",
			       a->backing_format);
	all.allow_backing = true;
	r = img_open(&all, path, format, true, &d, errp);
	if (r < 0) {
		err_wrap(errp, "backing file");
		return r;
	}
	if (!a->backing_format)
		a->backing_format = strdup(blk_info(d.blk).format);
	if (!*size)
		*size = blk_info(d.blk).size;
	return a->backing_format ? 0 : err_errno(errp, ENOMEM, "cannot create '%s'", image);
}

int img_fill(struct blk_file *f, const struct img_args *a, enum blk_format format, uint64_t size,
	     struct error **errp)
{
	const struct qcow2_options o = new_options(a, size);
	int r;

	if (format == BLK_FORMAT_QCOW2) {
		r = qcow2_create(f, &o, errp);
		return r < 0 ? err_wrap(errp, "'%s'", f->path) : r;
	}
	r = file_truncate(f, size);
	return r < 0 ? err_errno(errp, -r, "cannot make '%s' %" PRIu64 " bytes long", f->path, size)
		     : 0;
}

static int do_create(struct img_args *a, const char **arg, unsigned cnt, struct error **errp)
{
	enum blk_format format = a->format ? a->format : BLK_FORMAT_QCOW2;
	struct blk_file *f = NULL;
	uint64_t size = 0;
	int r;

	if (cnt < 2 && !a->backing) {
		err_set(errp, EINVAL, "img create: how large? trapeze img create '%s' SIZE",
			arg[0]);
		return STATUS_USAGE;
	}
	if (cnt > 1 && parse_size(arg[1], &size, errp) < 0)
		return STATUS_USAGE;
	size = align_up(size, 512);
	if (a->backing && format == BLK_FORMAT_RAW) {
		err_set(errp, EINVAL, "img create: a raw image has no backing file");
		return STATUS_USAGE;
	}
	if (a->backing && look_below(a, arg[0], &size, errp) < 0)
		return STATUS_ERROR;
	r = file_open(NULL, arg[0], FILE_CREATE, &f, errp);
	if (r < 0)
		return STATUS_ERROR;
	r = img_fill(f, a, format, size, errp);
	file_close(f);
	if (r < 0)
		unlink(arg[0]);
	return r < 0 ? STATUS_ERROR : STATUS_OK;
}

/* --- info ------------------------------------------------------------------------------------- */

static void print_text(const char *path, const char *format, uint64_t size, uint64_t used,
		       const struct qcow2_facts *i, FILE *out)
{
	char a[24], name[256];

	fprintf(out, "image         %s\n", str_escape(path, strlen(path), name, sizeof(name)));
	fprintf(out, "format        %s\n", format);
	fprintf(out, "disk          %s (%" PRIu64 " bytes)\n", format_size(size, a, sizeof(a)),
		size);
	fprintf(out, "on the host   %s\n", format_size(used, a, sizeof(a)));
	if (!i)
		return;
	fprintf(out, "version       %u\n", i->version);
	fprintf(out, "clusters      %s, compressed with %s\n",
		format_size(i->cluster, a, sizeof(a)), i->zstd ? "zstd" : "zlib");
	fprintf(out, "refcounts     %u bits%s\n", i->refcount_bits,
		i->lazy_refcounts ? ", lazy" : "");
	if (i->backing)
		fprintf(out, "backing file  %s (%s)\n",
			str_escape(i->backing, strlen(i->backing), name, sizeof(name)),
			i->backing_format ? i->backing_format : "its format is not named");
	if (i->dirty)
		fputs("state         dirty: it was not closed, refcounts may be wrong\n", out);
	if (i->corrupt)
		fputs("state         corrupt: it can only be read\n", out);
	if (i->bitmap_cnt)
		fprintf(out, "bitmaps       %u\n", i->bitmap_cnt);
	for (unsigned n = 0; n < i->snapshot_cnt; n++)
		fprintf(out, "snapshot      %s\n",
			str_escape(i->snapshot[n].name, strlen(i->snapshot[n].name), name,
				   sizeof(name)));
}

/* Strings of an image need not be UTF-8, JSON's must be. */
static json_t *text_or_null(const char *s)
{
	json_t *j = s ? json_string(s) : NULL;
	char buf[1100];

	if (s && !j) {
		for (size_t i = 0; i < sizeof(buf); i++) {
			buf[i] = (char)(s[i] & 0x80 ? '?' : s[i]);
			if (!s[i] || i == sizeof(buf) - 1) {
				buf[i] = '\0';
				break;
			}
		}
		j = json_string(buf);
	}
	return j ? j : json_null();
}

static int print_json(json_t *root, FILE *out, struct error **errp)
{
	if (!root || json_dumpf(root, out, JSON_INDENT(2)) < 0)
		return err_errno(errp, ENOMEM, "cannot write JSON");
	fputc('\n', out);
	return 0;
}

static int info_json(const char *path, const char *format, uint64_t size, uint64_t used,
		     const struct qcow2_facts *i, FILE *out, struct error **errp)
{
	_cleanup_(json_freep) json_t *root =
		json_pack("{s:o, s:s, s:I, s:I}", "image", text_or_null(path), "format", format,
			  "disk_size", (json_int_t)size, "host_size", (json_int_t)used);

	if (i && root) {
		json_t *list = json_array();

		for (unsigned n = 0; n < i->snapshot_cnt; n++)
			json_array_append_new(list,
					      json_pack("{s:o, s:o, s:I}", "id",
							text_or_null(i->snapshot[n].id), "name",
							text_or_null(i->snapshot[n].name), "date",
							(json_int_t)i->snapshot[n].date_sec));
		json_object_update_new(
			root, json_pack("{s:i, s:I, s:i, s:s, s:b, s:b, s:b, s:o, s:o, s:i, s:o}",
					"version", i->version, "cluster_size",
					(json_int_t)i->cluster, "refcount_bits", i->refcount_bits,
					"compression", i->zstd ? "zstd" : "zlib", "lazy_refcounts",
					i->lazy_refcounts, "dirty", i->dirty, "corrupt", i->corrupt,
					"backing_file", text_or_null(i->backing), "backing_format",
					text_or_null(i->backing_format), "bitmaps", i->bitmap_cnt,
					"snapshots", list));
	}
	return print_json(root, out, errp);
}

/* qcow2 if it says so itself, unless it was said what it is. */
static int find_format(struct blk_file *f, const struct img_args *a, bool *is_qcow2,
		       struct error **errp)
{
	uint8_t magic[4] = { 0 };
	uint64_t size = 0;
	int r = file_size(f, &size);

	*is_qcow2 = a->format == BLK_FORMAT_QCOW2;
	if (!r && !a->format && size >= sizeof(magic)) {
		r = file_pread(f, magic, sizeof(magic), 0);
		*is_qcow2 = !memcmp(magic, "QFI\xfb", sizeof(magic));
	}
	return r < 0 ? err_errno(errp, -r, "cannot read '%s'", f->path) : 0;
}

static int info_of(struct blk_file *f, const struct img_args *a, struct error **errp)
{
	_cleanup_(qcow2_facts_free) struct qcow2_facts facts = { 0 };
	struct stat st = { 0 };
	uint64_t size = 0, used;
	bool is_qcow2;
	int r = find_format(f, a, &is_qcow2, errp);

	if (!r)
		r = file_size(f, &size);
	if (!r && is_qcow2) {
		r = qcow2_read_facts(f, &facts, errp);
		if (r < 0)
			return err_wrap(errp, "'%s'", f->path);
	}
	if (r < 0)
		return r;
	used = !fstat(f->fd, &st) && S_ISREG(st.st_mode) ? (uint64_t)st.st_blocks * 512 : size;
	size = is_qcow2 ? facts.size : align_down(size, 512);
	if (a->json)
		return info_json(f->path, is_qcow2 ? "qcow2" : "raw", size, used,
				 is_qcow2 ? &facts : NULL, stdout, errp);
	print_text(f->path, is_qcow2 ? "qcow2" : "raw", size, used, is_qcow2 ? &facts : NULL,
		   stdout);
	return 0;
}

static int do_info(struct img_args *a, const char **arg, unsigned cnt, struct error **errp)
{
	struct blk_file *f = NULL;
	int r = file_open(NULL, arg[0], FILE_READONLY, &f, errp);

	(void)cnt;
	if (!r)
		r = info_of(f, a, errp);
	file_close(f);
	return r < 0 ? STATUS_ERROR : STATUS_OK;
}

/* --- check ------------------------------------------------------------------------------------ */

static void say(void *opaque, bool corruption, const char *sentence)
{
	fprintf(opaque, "%-12s%s\n", corruption ? "corruption" : "leak", sentence);
}

static void check_text(const struct qcow2_result *res, FILE *out)
{
	char b[24];

	if (res->corruptions)
		fprintf(out, "%" PRIu64 " corruptions, %" PRIu64 " of them repaired\n",
			res->corruptions, res->corruptions_fixed);
	if (res->leaks)
		fprintf(out, "%" PRIu64 " leaked clusters, %" PRIu64 " of them given back\n",
			res->leaks, res->leaks_fixed);
	if (!res->corruptions && !res->leaks)
		fputs("nothing is wrong\n", out);
	fprintf(out,
		"%" PRIu64 " of %" PRIu64 " clusters are allocated, %" PRIu64
		" of them compressed; the file is in use up to %s\n",
		res->allocated, res->clusters, res->compressed,
		format_size(res->end, b, sizeof(b)));
}

static int check_json(const struct qcow2_result *res, FILE *out, struct error **errp)
{
	_cleanup_(json_freep) json_t *root =
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "corruptions",
			  (json_int_t)res->corruptions, "corruptions_fixed",
			  (json_int_t)res->corruptions_fixed, "leaks", (json_int_t)res->leaks,
			  "leaks_fixed", (json_int_t)res->leaks_fixed, "clusters",
			  (json_int_t)res->clusters, "allocated", (json_int_t)res->allocated,
			  "compressed", (json_int_t)res->compressed, "end", (json_int_t)res->end);

	return print_json(root, out, errp);
}

static int check_file(struct blk_file *f, const struct img_args *a, struct qcow2_result *res,
		      struct error **errp)
{
	bool is_qcow2;
	int r = find_format(f, a, &is_qcow2, errp);

	if (!r && !is_qcow2)
		return err_set(errp, ENOTSUP, "'%s' is a raw image: there is nothing to check",
			       f->path);
	if (!r)
		r = qcow2_check(f, (enum qcow2_repair)a->repair, a->json ? NULL : say, stdout, res,
				errp);
	return r < 0 ? err_wrap(errp, "'%s'", f->path) : 0;
}

static int do_check(struct img_args *a, const char **arg, unsigned cnt, struct error **errp)
{
	struct qcow2_result res = { 0 };
	struct blk_file *f = NULL;
	int r = file_open(NULL, arg[0], a->repair ? 0 : FILE_READONLY, &f, errp);

	(void)cnt;
	if (!r)
		r = check_file(f, a, &res, errp);
	file_close(f);
	if (r < 0)
		return STATUS_ERROR;
	if (!a->json)
		check_text(&res, stdout);
	else if (check_json(&res, stdout, errp) < 0)
		return STATUS_ERROR;
	if (res.corruptions > res.corruptions_fixed)
		return STATUS_CORRUPT;
	return res.leaks > res.leaks_fixed ? STATUS_LEAKS : STATUS_OK;
}

/* --- resize ----------------------------------------------------------------------------------- */

/* "20G", "+1G", "-512M" */
static int new_size(const char *text, uint64_t old, uint64_t *ret, struct error **errp)
{
	char sign = text[0] == '+' || text[0] == '-' ? text[0] : 0;
	uint64_t v = 0;
	int r = parse_size(text + !!sign, &v, errp);

	if (r < 0)
		return r;
	if (sign == '-' && v >= old)
		return err_set(errp, ERANGE, "'%s': the disk has %" PRIu64 " bytes", text, old);
	if (sign == '+' && __builtin_add_overflow(old, v, &v))
		return err_set(errp, ERANGE, "'%s' is too large", text);
	v = sign == '-' ? old - v : v;
	if (!v || v > INT64_MAX - 511)
		return err_set(errp, ERANGE, "'%s': no disk is that large", text);
	*ret = align_up(v, 512);
	return 0;
}

/* Zeros in [from, to), a piece at a time, and on the disk before this returns. */
static int make_zero(struct img_disk *d, uint64_t from, uint64_t to, struct error **errp)
{
	int r = 0;

	for (uint64_t n; !r && from < to; from += n) {
		n = min_u64(to - from, GIB);
		r = img_io(d, BLK_ZERO, BLK_ZERO_UNMAP, from, NULL, n);
	}
	if (!r)
		r = img_io(d, BLK_FLUSH, 0, 0, NULL, 0);
	return r < 0 ? err_errno(errp, -r, "cannot clear the end of the disk") : 0;
}

/*
 * Zeros first, then the new size: a longer disk must not show what a backing file has behind the
 * old end, nor a shorter one, that is made longer again, what it once had there.
 */
static int resize_qcow2(struct img_disk *d, uint64_t old, uint64_t size, struct error **errp)
{
	int r = qcow2_resize_begin(d->blk, size, errp);

	if (!r)
		r = make_zero(d, min_u64(old, size), max_u64(old, size), errp);
	return r < 0 ? r : qcow2_resize_end(d->blk, size, errp);
}

/* The length of the file; the host keeps zeros behind it. */
static int resize_raw(const char *path, uint64_t size, struct error **errp)
{
	struct blk_file *f = NULL;
	int r = file_open(NULL, path, 0, &f, errp);

	if (r < 0)
		return r;
	r = f->is_bdev ? -EINVAL : file_truncate(f, size);
	if (r < 0)
		err_errno(errp, -r, "cannot change the size of '%s'", path);
	file_close(f);
	return r;
}

static int may_shrink(const struct img_args *a, const char *path, uint64_t old, uint64_t size,
		      struct error **errp)
{
	if (size >= old || a->shrink)
		return 0;
	err_set(errp, EINVAL,
		"'%s' would shrink from %" PRIu64 " to %" PRIu64 " bytes, and lose what is behind",
		path, old, size);
	err_hint(errp, "make file systems and partitions smaller first, then say --shrink");
	return -EINVAL;
}

static int resize_to(const struct img_args *a, const char *path, const char *text,
		     struct error **errp)
{
	_cleanup_(img_close) struct img_disk d = { 0 };
	uint64_t old, size = 0;
	int r = img_open(a, path, a->format, false, &d, errp);

	if (r < 0)
		return r;
	old = blk_info(d.blk).size;
	r = new_size(text, old, &size, errp);
	if (!r)
		r = may_shrink(a, path, old, size, errp);
	if (r < 0 || size == old)
		return r;
	if (!strcmp(blk_info(d.blk).format, "qcow2")) {
		r = resize_qcow2(&d, old, size, errp);
		return r < 0 ? err_wrap(errp, "'%s'", path) : 0;
	}
	img_close(&d);
	return resize_raw(path, size, errp);
}

static int do_resize(struct img_args *a, const char **arg, unsigned cnt, struct error **errp)
{
	if (cnt < 2) {
		err_set(errp, EINVAL, "img resize: how large? trapeze img resize '%s' SIZE",
			arg[0]);
		return STATUS_USAGE;
	}
	return resize_to(a, arg[0], arg[1], errp) < 0 ? STATUS_ERROR : STATUS_OK;
}

static int do_convert(struct img_args *a, const char **arg, unsigned cnt, struct error **errp)
{
	if (cnt < 2) {
		err_set(errp, EINVAL, "img convert: to where? trapeze img convert '%s' FILE",
			arg[0]);
		return STATUS_USAGE;
	}
	if (a->compress >= 0 && a->output == BLK_FORMAT_RAW) {
		err_set(errp, EINVAL, "--compress: a raw image is not compressed");
		return STATUS_USAGE;
	}
	return img_convert(a, arg[0], arg[1], errp) < 0 ? STATUS_ERROR : STATUS_OK;
}

/* --- the verb --------------------------------------------------------------------------------- */

#define ANY_NEW "cluster-size image-version refcount-bits lazy-refcounts "

static const struct action {
	const char *name, *words; /* the words that follow */
	unsigned max;             /* of these */
	const char *options;      /* that it knows, besides --format and --help */
	int (*run)(struct img_args *a, const char **arg, unsigned cnt, struct error **errp);
} actions[] = {
	{ "create", "FILE [SIZE]", 2, ANY_NEW "backing backing-format ", do_create },
	{ "info", "FILE", 1, "json ", do_info },
	{ "check", "FILE", 1, "json repair ", do_check },
	{ "resize", "FILE SIZE|+SIZE|-SIZE", 2, "shrink allow-backing ", do_resize },
	{ "convert", "FILE NEW-FILE", 2, ANY_NEW "output compress force allow-backing ",
	  do_convert },
};

static const struct action *find_action(const char *name, struct error **errp)
{
	const char *names[ARRAY_LEN(actions)], *near;

	for (unsigned i = 0; i < ARRAY_LEN(actions); i++) {
		if (!strcmp(actions[i].name, name))
			return &actions[i];
		names[i] = actions[i].name;
	}
	near = nearest(name, names, ARRAY_LEN(names));
	err_set(errp, EINVAL, "img: '%s' is unknown%s%s%s", name, near ? "; did you mean '" : "",
		near ? near : ": use create, info, check, resize or convert", near ? "'?" : "");
	return NULL;
}

static bool knows(const struct action *act, const char *option)
{
	const size_t len = strlen(option);

	if (!strcmp(option, "format") || !strcmp(option, "help"))
		return true;
	for (const char *p = act->options; *p; p += strcspn(p, " ") + 1) {
		if (strcspn(p, " ") == len && !memcmp(p, option, len))
			return true;
	}
	return false;
}

static int check_usage(const struct action *act, const struct opt_args *args, struct error **errp)
{
	for (unsigned i = 0; i < args->given_cnt; i++) {
		if (!knows(act, args->given[i].opt->name))
			return err_set(errp, EINVAL, "%s is not for 'img %s'",
				       args->given[i].spelled, act->name);
	}
	if (args->rest_cnt < 2)
		return err_set(errp, EINVAL, "img %s: which image? trapeze img %s %s", act->name,
			       act->name, act->words);
	if (args->rest_cnt - 1 > act->max)
		return err_set(errp, EINVAL, "'%s' is one word too many: trapeze img %s %s",
			       args->rest[act->max + 1], act->name, act->words);
	return 0;
}

static void img_args_free(struct img_args *a)
{
	free(a->backing);
	free(a->backing_format);
}

int cmd_img(int argc, char **argv, struct error **errp)
{
	_cleanup_(img_args_free) struct img_args a = { .output = BLK_FORMAT_QCOW2, .compress = -1 };
	_cleanup_(opt_args_free) struct opt_args args = { 0 };
	const struct opt_set set = { img_options, img_option_cnt };
	const struct action *act;

	if (opt_scan(&set, argc - 1, argv + 1, &args, errp) < 0 || opt_apply(&args, &a, errp) < 0)
		return STATUS_USAGE;
	if (a.help) {
		help_verb(&verbs[VERB_IMG], stdout);
		return STATUS_OK;
	}
	if (!args.rest_cnt) {
		err_set(errp, EINVAL, "img: do what? create, info, check, resize or convert");
		return STATUS_USAGE;
	}
	act = find_action(args.rest[0], errp);
	/* What an image was taken to be is no news to who looks at it. */
	log_set_level(LOG_ERR);
	if (!act || check_usage(act, &args, errp) < 0)
		return STATUS_USAGE;
	return act->run(&a, args.rest + 1, args.rest_cnt - 1, errp);
}
