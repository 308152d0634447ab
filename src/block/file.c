/* SPDX-License-Identifier: MIT */
/* file.c: opening a host file or block device, and what it is like. */
#include "block/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/falloc.h>
#include <linux/fs.h>

#include "block/engine.h"
#include "block/file_rw.h"
#include "block/host.h"
#include "block/lock.h"
#include "vmm/error.h"
#include "vmm/log.h"

/* Why a file of this type cannot be a disk; NULL: it can. */
static const char *unfit(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFBLK:
		return NULL;
	case S_IFDIR:
		return "is a directory";
	case S_IFCHR:
		return "is a character device";
	case S_IFIFO:
		return "is a pipe";
	case S_IFSOCK:
		return "is a socket";
	default:
		return "is of an unknown kind";
	}
}

static int check_kind(const char *path, const struct stat *st, struct error **errp)
{
	const char *why = unfit(st->st_mode);
	int r;

	if (!why)
		return 0;
	r = err_set(errp, S_ISDIR(st->st_mode) ? EISDIR : EINVAL, "'%s' %s", path, why);
	err_hint(errp, "a disk is a regular file or a block device");
	return r;
}

static int say_open_failed(const char *path, unsigned flags, int code, struct error **errp)
{
	int r = err_errno(errp, code, "cannot open disk image '%s'", path);

	if (code == EINVAL && (flags & FILE_DIRECT))
		err_hint(errp, "its file system may not support O_DIRECT; say cache=writeback");
	else if ((code == EACCES || code == EPERM || code == EROFS) && !(flags & FILE_READONLY))
		err_hint(errp, "'ro' opens it for reading only, 'overlay' keeps writes elsewhere");
	else if (code == EBUSY)
		err_hint(errp, "the host itself uses the device; unmount it first");
	return r;
}

/*
 * Looks before it opens: opening a tape or a pipe has effects. O_NONBLOCK, should the path have
 * turned into a pipe in between; it must not stay, for io_uring takes it at its word. O_EXCL on a
 * block device fails while the host has it mounted.
 */
static int open_path(const char *path, unsigned flags, struct error **errp)
{
	int how = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	_cleanup_close_ int fd = -1;
	struct stat st;

	how |= flags & FILE_READONLY ? O_RDONLY : O_RDWR;
	how |= flags & FILE_DIRECT ? O_DIRECT : 0;
	if (flags & FILE_CREATE) {
		how |= O_CREAT | O_EXCL;
	} else {
		if (stat(path, &st) < 0)
			return say_open_failed(path, flags, errno, errp);
		if (check_kind(path, &st, errp) < 0)
			return -EINVAL;
		if (S_ISBLK(st.st_mode) && !(flags & FILE_READONLY))
			how |= O_EXCL;
	}
	fd = open(path, how, 0666);
	if (fd < 0)
		return say_open_failed(path, flags, errno, errp);
	how = fcntl(fd, F_GETFL);
	if (how < 0 || fcntl(fd, F_SETFL, how & ~O_NONBLOCK) < 0)
		return err_errno(errp, errno, "cannot make '%s' wait for its data", path);
	return take_fd(&fd);
}

/* --- what it is like ---------------------------------------------------------------------------
 */

int file_size(struct blk_file *f, uint64_t *ret)
{
	struct stat st;

	if (f->is_bdev)
		return host->ioctl(f->fd, BLKGETSIZE64, ret) < 0 ? -errno : 0;
	if (fstat(f->fd, &st) < 0)
		return -errno;
	*ret = (uint64_t)st.st_size;
	return 0;
}

static bool power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

static uint32_t ask_block(struct blk_file *f, unsigned long request, uint32_t fallback)
{
	int v = 0;

	if (host->ioctl(f->fd, request, &v) < 0 || v < 512 || v > 65536 ||
	    !power_of_two((unsigned)v))
		return fallback;
	return (uint32_t)v;
}

/* A number from /sys/dev/block/MAJOR:MINOR/queue; a partition's is its disk's. */
static uint64_t ask_queue(dev_t rdev, const char *name, uint64_t fallback)
{
	static const char *const where[] = { "queue", "../queue" };

	for (size_t i = 0; i < ARRAY_LEN(where); i++) {
		char path[96], line[32];
		bool ok;
		FILE *f;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(rdev), minor(rdev),
			 where[i], name);
		f = fopen(path, "re");
		if (!f)
			continue;
		ok = fgets(line, sizeof(line), f);
		fclose(f);
		return ok ? strtoull(line, NULL, 10) : fallback;
	}
	return fallback;
}

/* Linux 6.1 says what O_DIRECT wants (statx(2)); before, only trying tells. */
static void find_alignment(struct blk_file *f)
{
	uint8_t *buf;

	f->offset_align = f->memory_align = 1;
	if (!(f->flags & FILE_DIRECT))
		return;
#ifdef STATX_DIOALIGN
	struct statx sx = { 0 };

	if (!statx(f->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &sx) &&
	    (sx.stx_mask & STATX_DIOALIGN) && power_of_two(sx.stx_dio_offset_align) &&
	    power_of_two(sx.stx_dio_mem_align) && sx.stx_dio_offset_align <= 65536 &&
	    sx.stx_dio_mem_align <= 65536) {
		f->offset_align = (uint32_t)max_u64(sx.stx_dio_offset_align, 512);
		f->memory_align = sx.stx_dio_mem_align;
		return;
	}
#endif
	f->offset_align = f->is_bdev ? f->logical_block : 512;
	buf = aligned_alloc(4096, 4096);
	if (buf) {
		struct iovec v = { buf, f->offset_align };

		if (host->read(f->fd, &v, 1, 0, 0) < 0 && errno == EINVAL)
			f->offset_align = 4096;
		free(buf);
	}
	f->memory_align = f->offset_align;
}

/* Tried on the byte range behind the end, where there is nothing to lose. */
static void find_discard(struct blk_file *f, const struct stat *st)
{
	uint64_t g;

	f->discard_granularity = 0;
	if (f->flags & (FILE_READONLY | FILE_NODISCARD))
		return;
	if (f->is_bdev) {
		if (!ask_queue(st->st_rdev, "discard_max_bytes", 0))
			return;
		g = ask_queue(st->st_rdev, "discard_granularity", 0);
		g = max_u64(g, f->logical_block);
	} else {
		g = (uint64_t)st->st_blksize;
		if (st->st_size > INT64_MAX - (int64_t)MIB ||
		    file_fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   align_up((uint64_t)st->st_size, 65536), 65536) < 0)
			return;
	}
	f->discard_granularity = g <= GIB && power_of_two(g) ? (uint32_t)g : f->physical_block;
}

static int find_properties(struct blk_file *f, struct error **errp)
{
	struct stat st;
	uint64_t size = 0;
	int r;

	if (fstat(f->fd, &st) < 0)
		return err_errno(errp, errno, "cannot tell what kind of file '%s' is", f->path);
	r = check_kind(f->path, &st, errp);
	if (r < 0)
		return r;
	f->is_bdev = S_ISBLK(st.st_mode);
	r = file_size(f, &size);
	if (r < 0)
		return err_errno(errp, -r, "cannot tell the size of '%s'", f->path);
	f->zero_from = size;
	/* A file's partition table was written for 512 byte sectors, whatever it lies on now. */
	f->logical_block = f->is_bdev ? ask_block(f, BLKSSZGET, 512) : 512;
	f->physical_block = f->is_bdev ? ask_block(f, BLKPBSZGET, f->logical_block) : 4096;
	find_alignment(f);
	find_discard(f, &st);
	if (f->offset_align > 1) {
		f->bounce = aligned_alloc(4096, FILE_BOUNCE);
		if (!f->bounce)
			return err_set(errp, ENOMEM, "no memory to open '%s'", f->path);
	}
	return 0;
}

/* --- life --------------------------------------------------------------------------------------
 */

int file_adopt(struct engine *e, int fd, const char *name, unsigned flags, struct blk_file **ret,
	       struct error **errp)
{
	_cleanup_close_ int own = fd;
	struct blk_file *f = calloc(1, sizeof(*f));
	int r = -ENOMEM;

	if (!f)
		return err_set(errp, ENOMEM, "no memory to open '%s'", name);
	mutex_init(&f->bounce_lock);
	f->fd = take_fd(&own);
	f->flags = flags;
	f->held_tail = &f->held;
	f->path = strdup(name);
	if (f->path)
		r = find_properties(f, errp);
	else
		err_set(errp, ENOMEM, "no memory to open '%s'", name);
	if (!r && !(flags & FILE_NOLOCK))
		r = file_lock(f->fd, name, flags & FILE_READONLY, errp);
	if (r < 0) {
		file_close(f);
		return r;
	}
	f->engine = e;
	*ret = f;
	return 0;
}

int file_open(struct engine *e, const char *path, unsigned flags, struct blk_file **ret,
	      struct error **errp)
{
	int fd = open_path(path, flags, errp);

	return fd < 0 ? fd : file_adopt(e, fd, path, flags, ret, errp);
}

struct blk_file *file_close(struct blk_file *f)
{
	if (!f)
		return NULL;
	if (f->fd >= 0)
		file_unlock(f->fd);
	base_closep(&f->fd);
	free(f->bounce);
	free(f->path);
	mutex_destroy(&f->bounce_lock);
	free(f);
	return NULL;
}
