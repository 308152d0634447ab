/* SPDX-License-Identifier: MIT */
/* file.c: files that are open. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/syscall.h>

#include "fs/fs_internal.h"
#include "vmm/iov.h"

/* What one COPY_FILE_RANGE copies; it may do less than it is asked for. */
#define COPY_MAX (8 * MIB)

/* The one of open(2)'s flags that the host has to know. What the guest's page cache does is the
 * guest's, and O_DIRECT would ask for an alignment that memory of a guest need not have. */
#define PASSED (O_ACCMODE | O_APPEND | O_TRUNC | O_SYNC | O_DSYNC)

static bool writes(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

static int reply_open(struct fs_req *rq, uint64_t nodeid, int fd)
{
	struct fuse_open_out out = { 0 };
	int r = handle_add(rq->s, nodeid, fd, false, &out.fh);

	return r < 0 ? r : req_reply(rq, &out, sizeof(out));
}

int op_open(struct fs_req *rq)
{
	struct fuse_open_in in;
	int fd;

	req_args(rq, &in, sizeof(in));
	if (writes(in.flags) && !rq->s->writable)
		return -EROFS;
	if (S_ISDIR(rq->node->type))
		return -EISDIR;
	fd = node_open(rq->s, rq->node, (int)in.flags & PASSED);
	return fd < 0 ? fd : reply_open(rq, rq->h.nodeid, fd);
}

/* A new file, or -EEXIST. */
static int create_new(struct fs_req *rq, const struct fuse_create_in *in)
{
	int flags =
		((int)in->flags & PASSED & ~O_TRUNC) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(rq->node->fd, rq->name[0], flags, in->mode & 07777), r;

	if (fd < 0)
		return -errno;
	r = set_mode(rq->s, fd, in->mode);
	if (r >= 0)
		return fd;
	close(fd);
	return r;
}

/*
 * What is opened in the end is what was looked up: so that a file that somebody else has put there
 * is treated as any that is found, whatever its kind.
 */
int op_create(struct fs_req *rq)
{
	struct fuse_entry_out e;
	struct fuse_open_out out = { 0 };
	struct fuse_create_in in;
	int fd, r = check_dir(rq->node);

	req_args(rq, &in, sizeof(in));
	if (r < 0)
		return r;
	if (!S_ISREG(in.mode) && (in.mode & S_IFMT))
		return -EINVAL;
	fd = create_new(rq, &in);
	if (fd < 0 && (fd != -EEXIST || (in.flags & O_EXCL)))
		return fd;
	r = lookup(rq->s, rq->node, rq->name[0], &e);
	if (r >= 0 && fd < 0) {
		struct node *n = node_get(rq->s, e.nodeid);

		fd = S_ISDIR(n->type) ? -EISDIR : node_open(rq->s, n, (int)in.flags & PASSED);
		r = fd < 0 ? fd : r;
		if (fd < 0)
			node_forget(rq->s, e.nodeid, 1);
	}
	if (r < 0) {
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = handle_add(rq->s, e.nodeid, fd, false, &out.fh);
	if (r < 0) {
		node_forget(rq->s, e.nodeid, 1);
		return r;
	}
	req_put(rq, 0, &e, sizeof(e));
	req_put(rq, sizeof(e), &out, sizeof(out));
	rq->replied = sizeof(e) + sizeof(out);
	return 0;
}

static struct handle *file_of(const struct fs_req *rq, uint64_t fh)
{
	return handle_get(rq->s, fh, rq->h.nodeid, false);
}

int op_release(struct fs_req *rq)
{
	struct fuse_release_in in;
	struct handle *h;

	req_args(rq, &in, sizeof(in));
	h = file_of(rq, in.fh);
	if (!h)
		return -EBADF;
	handle_close(rq->s, h);
	return 0;
}

/* --- data ------------------------------------------------------------------------------------- */

int op_read(struct fs_req *rq)
{
	UNINITIALIZED struct iovec iov[SHARE_MSG_PIECES];
	const struct handle *h;
	struct fuse_read_in in;
	unsigned cnt;
	ssize_t n;

	req_args(rq, &in, sizeof(in));
	h = file_of(rq, in.fh);
	if (!h)
		return -EBADF;
	cnt = iov_part(iov, ARRAY_LEN(iov), rq->m->out, rq->m->out_cnt,
		       sizeof(struct fuse_out_header), min_u64(in.size, req_room(rq)));
	n = preadv(h->fd, iov, (int)cnt, (off_t)in.offset);
	if (n < 0)
		return -errno;
	rq->replied = (size_t)n;
	return 0;
}

int op_write(struct fs_req *rq)
{
	UNINITIALIZED struct iovec iov[SHARE_MSG_PIECES];
	struct fuse_write_out out = { 0 };
	const struct handle *h;
	struct fuse_write_in in;
	unsigned cnt;
	ssize_t n;

	req_args(rq, &in, sizeof(in));
	h = file_of(rq, in.fh);
	if (!h)
		return -EBADF;
	if (in.size > rq->len - sizeof(in))
		return -EINVAL;
	cnt = iov_part(iov, ARRAY_LEN(iov), rq->m->in, rq->m->in_cnt, sizeof(rq->h) + sizeof(in),
		       in.size);
	n = pwritev(h->fd, iov, (int)cnt, (off_t)in.offset);
	if (n < 0)
		return -errno;
	out.size = (uint32_t)n;
	return req_reply(rq, &out, sizeof(out));
}

/* Some file systems have errors to tell when a descriptor is closed. */
int op_flush(struct fs_req *rq)
{
	struct fuse_flush_in in;
	const struct handle *h;
	int fd;

	req_args(rq, &in, sizeof(in));
	h = file_of(rq, in.fh);
	if (!h)
		return -EBADF;
	fd = dup(h->fd);
	return fd < 0 || close(fd) < 0 ? -errno : 0;
}

int op_fsync(struct fs_req *rq)
{
	struct fuse_fsync_in in;
	const struct handle *h;

	req_args(rq, &in, sizeof(in));
	h = file_of(rq, in.fh);
	if (!h)
		return -EBADF;
	if (!rq->s->writable)
		return 0;
	return (in.fsync_flags & FUSE_FSYNC_FDATASYNC ? fdatasync(h->fd) : fsync(h->fd)) < 0
		       ? -errno
		       : 0;
}

int op_syncfs(struct fs_req *rq)
{
	int fd, r;

	if (!rq->s->writable)
		return 0;
	fd = node_open(rq->s, &rq->s->node[ROOT_SLOT], O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd;
	r = syncfs(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int op_lseek(struct fs_req *rq)
{
	struct fuse_lseek_out out;
	struct fuse_lseek_in in;
	const struct handle *h;
	off_t at;

	req_args(rq, &in, sizeof(in));
	h = file_of(rq, in.fh);
	if (!h)
		return -EBADF;
	/* The others a guest works out for itself. */
	if (in.whence != SEEK_DATA && in.whence != SEEK_HOLE)
		return -EINVAL;
	at = lseek(h->fd, (off_t)in.offset, (int)in.whence);
	if (at < 0)
		return -errno;
	out.offset = (uint64_t)at;
	return req_reply(rq, &out, sizeof(out));
}

int op_fallocate(struct fs_req *rq)
{
	static const uint32_t known =
		FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
	struct fuse_fallocate_in in;
	const struct handle *h;

	req_args(rq, &in, sizeof(in));
	h = file_of(rq, in.fh);
	if (!h)
		return -EBADF;
	if (in.mode & ~known)
		return -EOPNOTSUPP;
	if (fallocate(h->fd, (int)in.mode, (off_t)in.offset, (off_t)in.length) < 0)
		return -errno;
	return 0;
}

int op_copy_file_range(struct fs_req *rq)
{
	struct fuse_copy_file_range_in in;
	struct fuse_write_out out = { 0 };
	const struct handle *from, *to;
	off_t off_in, off_out;
	ssize_t n;

	req_args(rq, &in, sizeof(in));
	from = file_of(rq, in.fh_in);
	to = handle_get(rq->s, in.fh_out, in.nodeid_out, false);
	if (!from || !to)
		return -EBADF;
	if (in.flags)
		return -EINVAL;
	off_in = (off_t)in.off_in;
	off_out = (off_t)in.off_out;
	n = copy_file_range(from->fd, &off_in, to->fd, &off_out, min_u64(in.len, COPY_MAX), 0);
	if (n < 0)
		return -errno;
	out.size = (uint32_t)n;
	return req_reply(rq, &out, sizeof(out));
}
