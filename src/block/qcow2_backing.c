/* SPDX-License-Identifier: MIT */
/*
 * qcow2_backing.c: the file below an image.
 *
 * Its name comes from the image, that is, from whoever made it, and may have been written by a
 * guest. So it is followed only if the user said so, and then only to a regular file in the image's
 * own directory or below that, which is opened for reading.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "block/qcow2_internal.h"
#include "vmm/error.h"

#define DEPTH_MAX 10

/* --- where the name leads --------------------------------------------------------------------- */

static bool has_protocol(const char *name)
{
	size_t n = strcspn(name, ":/");

	return name[n] == ':';
}

static bool climbs(const char *name)
{
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && !memcmp(p, "..", 2))
			return true;
		p += n + (p[n] == '/');
	}
	return false;
}

/* The real path of the directory that @path is in, with a slash at its end. Caller frees. */
static char *real_dir(const char *path)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;

	return slash ? strndup(real, (size_t)(slash + 1 - real)) : NULL;
}

static int resolve(const char *image, const char *name, char **ret, struct error **errp)
{
	_cleanup_free_ char *dir = real_dir(image), *path = NULL, *real = NULL;
	struct stat st;

	if (has_protocol(name))
		return err_set(errp, ENOTSUP, "it is no plain file name");
	if (climbs(name))
		return err_set(errp, EPERM, "a backing file's name must not contain '..'");
	if (!dir || asprintf(&path, "%s%s", name[0] == '/' ? "" : dir, name) < 0) {
		path = NULL;
		return err_set(errp, ENOMEM, "cannot find the directory of '%s'", image);
	}
	real = realpath(path, NULL);
	if (!real)
		return err_errno(errp, errno, "cannot find it");
	if (strncmp(real, dir, strlen(dir)) != 0) {
		err_set(errp, EPERM, "it is '%s', outside of the image's directory '%s'", real,
			dir);
		err_hint(errp, "keep images that belong together in one directory");
		return -EPERM;
	}
	if (stat(real, &st) < 0)
		return err_errno(errp, errno, "cannot find it");
	if (!S_ISREG(st.st_mode))
		return err_set(errp, EINVAL, "it is no regular file");
	*ret = take_ptr(real);
	return 0;
}

/* --- which format ----------------------------------------------------------------------------- */

/* A file whose format is not named is raw, whatever it looks like: a guest may have written it. */
static int format_of(const struct q2_header *h, enum blk_format *ret, struct error **errp)
{
	if (!h->backing_format || !strcmp(h->backing_format, "raw"))
		*ret = BLK_FORMAT_RAW;
	else if (!strcmp(h->backing_format, "qcow2"))
		*ret = BLK_FORMAT_QCOW2;
	else
		return err_set(errp, ENOTSUP, "its format '%s' is not raw or qcow2",
			       h->backing_format);
	return 0;
}

static int check_unnamed(struct blk *below, struct error **errp)
{
	uint8_t head[512] = { 0 };
	size_t len = (size_t)min_u64(sizeof(head), below->info.size);
	int r = file_pread(below->file, head, len, 0);

	if (r < 0)
		return err_errno(errp, -r, "cannot read it");
	if (!q2_header_probe(head, sizeof(head)))
		return 0;
	err_set(errp, EINVAL, "it looks like qcow2, but the image does not say that it is");
	err_hint(errp, "if it is: qemu-img rebase -u -F qcow2 -b BACKING IMAGE");
	return -EINVAL;
}

/* --- chains ----------------------------------------------------------------------------------- */

static bool same_file(const struct blk_file *a, const struct blk_file *b)
{
	struct stat x, y;

	return !fstat(a->fd, &x) && !fstat(b->fd, &y) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

static int check_chain(const struct qcow2 *q, const char *path, struct error **errp)
{
	unsigned depth = 1;
	struct stat st, up;

	if (stat(path, &st) < 0)
		return err_errno(errp, errno, "cannot find it");
	for (const struct blk *b = q->blk; b; b = b->above) {
		if (b->file && !fstat(b->file->fd, &up) && up.st_dev == st.st_dev &&
		    up.st_ino == st.st_ino)
			return err_set(errp, ELOOP, "it is one of those that stand on it");
		if (b->above && depth++ >= DEPTH_MAX)
			return err_set(errp, ELOOP, "that is more than %u files deep", DEPTH_MAX);
	}
	return 0;
}

static int open_below(struct qcow2 *q, const struct blk_config *c, const char *name,
		      struct error **errp)
{
	_cleanup_free_ char *path = NULL;
	struct blk_config below = *c;
	int r = resolve(q->file->path, name, &path, errp);

	if (!r)
		r = check_chain(q, path, errp);
	if (!r)
		r = format_of(&q->h, &below.format, errp);
	if (r < 0)
		return r;
	below.path = path;
	below.readonly = true;
	below.overlay = false;
	r = blk_open_below(q->blk, &below, &q->blk->base, errp);
	if (r < 0)
		return r;
	q->backing = q->blk->base;
	q->backing_size = q->backing->info.size;
	/* The name may mean another file by now. */
	if (q->backing->file->is_bdev || same_file(q->backing->file, q->file))
		return err_set(errp, EINVAL, "it is no other regular file");
	return q->h.backing_format ? 0 : check_unnamed(q->backing, errp);
}

int q2_backing_open(struct qcow2 *q, const struct blk_config *c, struct error **errp)
{
	const char *name = q->h.backing;

	if (!name)
		return 0;
	if (!c->backing) {
		err_set(errp, EPERM,
			"'%s' stands on the backing file '%s', and backing files are not opened "
			"unless that is allowed",
			q->file->path, name);
		err_hint(errp,
			 "if you trust the image, say backing=on (trapeze img: --allow-backing)");
		return -EPERM;
	}
	if (open_below(q, c, name, errp) == 0)
		return 0;
	return err_wrap(errp, "'%s': backing file '%s'", q->file->path, name);
}
