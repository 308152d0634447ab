/* SPDX-License-Identifier: MIT */
/*
 * img_convert.c: copies a disk from one image to a new one. Zeros are left out, cluster by cluster.
 * The new image gets its name when it is complete and on the disk, not before.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "block/file.h"
#include "cli/img.h"
#include "vmm/error.h"

struct copy {
	const struct img_args *args;
	struct img_disk from, to;
	uint64_t size, unit; /* bytes: of the disk; what is looked at for zeros */
	uint8_t *buf, *scratch;
};

#define PIECE (2 * MIB) /* read at a time; a multiple of every cluster size */

static bool is_zero(const uint8_t *p, size_t len)
{
	return !len || (!*p && !memcmp(p, p + 1, len - 1));
}

/* One run of units with something in them, @len bytes. */
static int put(struct copy *c, uint64_t off, uint8_t *p, uint64_t len)
{
	int r;

	if (c->args->compress < 0)
		return img_io(&c->to, BLK_WRITE, 0, off, p, len);
	/* The last cluster may be behind the end of the disk for a part; that is zeros. */
	if (len < c->unit)
		memset(p + len, 0, c->unit - len);
	r = qcow2_write_compressed(c->to.blk, off, p, c->scratch);
	return r == -E2BIG ? img_io(&c->to, BLK_WRITE, 0, off, p, len) : r;
}

static int put_piece(struct copy *c, uint64_t off, uint64_t len)
{
	uint64_t at = 0;

	while (at < len) {
		uint64_t n = min_u64(c->unit, len - at);
		int r;

		if (is_zero(c->buf + at, n)) {
			at += n;
			continue;
		}
		/* Together with what follows, if that is not to be compressed by itself. */
		while (c->args->compress < 0 && at + n < len &&
		       !is_zero(c->buf + at + n, min_u64(c->unit, len - at - n)))
			n += min_u64(c->unit, len - at - n);
		r = put(c, off + at, c->buf + at, n);
		if (r < 0)
			return r;
		at += n;
	}
	return 0;
}

static int copy_all(struct copy *c, const char *from, const char *to, struct error **errp)
{
	int r;

	for (uint64_t off = 0; off < c->size; off += PIECE) {
		uint64_t len = min_u64(PIECE, c->size - off);

		r = img_io(&c->from, BLK_READ, 0, off, c->buf, len);
		if (r < 0)
			return err_errno(errp, -r, "cannot read '%s' at %" PRIu64, from, off);
		r = put_piece(c, off, len);
		if (r < 0)
			return err_errno(errp, -r, "cannot write to '%s'", to);
	}
	r = img_io(&c->to, BLK_FLUSH, 0, 0, NULL, 0);
	return r < 0 ? err_errno(errp, -r, "cannot write to '%s'", to) : 0;
}

/* An empty image at @path, open. A file that was made is gone if this fails; another's stays. */
static int make_new(struct copy *c, const char *path, struct error **errp)
{
	struct blk_file *f = NULL;
	int r = file_open(NULL, path, FILE_CREATE, &f, errp);

	if (r < 0)
		return r;
	r = img_fill(f, c->args, c->args->output, c->size, errp);
	file_close(f);
	if (!r)
		r = img_open(c->args, path, c->args->output, false, &c->to, errp);
	if (r < 0)
		unlink(path);
	return r;
}

static int fsync_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = slash ? strndup(path, (size_t)(slash - path + 1)) : strdup(".");
	_cleanup_close_ int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int give_name(const struct copy *c, const char *tmp, const char *to, struct error **errp)
{
	int r = c->args->force ? rename(tmp, to)
			       : renameat2(AT_FDCWD, tmp, AT_FDCWD, to, RENAME_NOREPLACE);

	if (r < 0)
		return err_errno(errp, errno, "cannot name the new image '%s'", to);
	/* The name is to last as long as what it names. */
	fsync_dir(to);
	return 0;
}

static void copy_free(struct copy *c)
{
	img_close(&c->from);
	img_close(&c->to);
	free(c->buf);
	free(c->scratch);
}

static int check_target(const struct img_args *a, const char *to, struct error **errp)
{
	struct stat st;

	if (stat(to, &st) < 0)
		return 0;
	if (!S_ISREG(st.st_mode))
		return err_set(errp, EEXIST, "'%s' exists and is no regular file", to);
	if (a->force)
		return 0;
	err_set(errp, EEXIST, "'%s' exists already", to);
	err_hint(errp, "--force replaces it");
	return -EEXIST;
}

int img_convert(const struct img_args *a, const char *from, const char *to, struct error **errp)
{
	_cleanup_(copy_free) struct copy c = { .args = a };
	_cleanup_free_ char *tmp = NULL;
	int r = check_target(a, to, errp);

	if (r < 0)
		return r;
	if (asprintf(&tmp, "%s.new-%d", to, (int)getpid()) < 0) {
		tmp = NULL;
		return err_errno(errp, ENOMEM, "cannot convert '%s'", from);
	}
	r = img_open(a, from, a->format, true, &c.from, errp);
	if (r < 0)
		return r;
	c.size = blk_info(c.from.blk).size;
	c.unit = a->compress < 0 ? 4096 : a->cluster ? a->cluster : 64 * KIB;
	c.buf = aligned_alloc(4096, PIECE);
	c.scratch = malloc(PIECE);
	if (!c.buf || !c.scratch)
		return err_errno(errp, ENOMEM, "cannot convert '%s'", from);
	r = make_new(&c, tmp, errp);
	if (r < 0)
		return r;
	r = copy_all(&c, from, to, errp);
	img_close(&c.to);
	if (!r)
		r = give_name(&c, tmp, to, errp);
	if (r < 0)
		unlink(tmp);
	return r;
}
