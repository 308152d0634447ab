/* SPDX-License-Identifier: MIT */
/* attr.c: what files are, and what a guest may make of that. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>

#include "fs/fs_internal.h"

/* The host may change the tree at any time; the guest asks again after this many seconds. */
#define ATTR_SECONDS 1

struct fd_name fd_name(int fd)
{
	struct fd_name n;

	snprintf(n.s, sizeof(n.s), "%d", fd);
	return n;
}

int node_open(struct share *s, struct node *n, int flags)
{
	int fd;

	/* Its kind is the inode's, and stays; what else an open(2) would do or wait for, it does
	 * not. */
	if (S_ISLNK(n->type))
		return -ELOOP;
	if (!S_ISREG(n->type) && !S_ISDIR(n->type))
		return -ENXIO;
	if (n->closed)
		return -EACCES;
	fd = node_fd(s, n);
	if (fd < 0)
		return fd;
	fd = openat(s->proc, fd_name(fd).s, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int node_stat(struct share *s, struct node *n, struct stat *st)
{
	int fd = node_fd(s, n);

	if (fd < 0)
		return fd;
	return fstatat(fd, "", st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

uint64_t guest_ino(const struct share *s, dev_t dev, ino_t ino)
{
	if (dev == s->node[ROOT_SLOT].dev)
		return ino;
	return ino ^ (uint64_t)dev * UINT64_C(0x9e3779b97f4a7c15);
}

void fill_attr(const struct share *s, const struct stat *st, struct fuse_attr *a)
{
	*a = (struct fuse_attr){ .ino = guest_ino(s, st->st_dev, st->st_ino),
				 .size = (uint64_t)st->st_size,
				 .blocks = (uint64_t)st->st_blocks,
				 .atime = (uint64_t)st->st_atim.tv_sec,
				 .mtime = (uint64_t)st->st_mtim.tv_sec,
				 .ctime = (uint64_t)st->st_ctim.tv_sec,
				 .atimensec = (uint32_t)st->st_atim.tv_nsec,
				 .mtimensec = (uint32_t)st->st_mtim.tv_nsec,
				 .ctimensec = (uint32_t)st->st_ctim.tv_nsec,
				 .mode = st->st_mode,
				 .nlink = (uint32_t)min_u64(st->st_nlink, UINT32_MAX),
				 .uid = st->st_uid == s->uid ? 0 : st->st_uid,
				 .gid = st->st_gid == s->gid ? 0 : st->st_gid,
				 .rdev = (uint32_t)st->st_rdev,
				 .blksize = (uint32_t)st->st_blksize };
}

static int reply_attr(struct fs_req *rq)
{
	struct fuse_attr_out out = { .attr_valid = ATTR_SECONDS };
	struct stat st;
	int r = node_stat(rq->s, rq->node, &st);

	if (r < 0)
		return r;
	fill_attr(rq->s, &st, &out.attr);
	return req_reply(rq, &out, sizeof(out));
}

int op_getattr(struct fs_req *rq)
{
	return reply_attr(rq);
}

/* --- changes ---------------------------------------------------------------------------------- */

/* The guest's root is the effective user; who that is on the host, a guest does not know. */
static int set_owner(const struct fs_req *rq, const struct fuse_setattr_in *in)
{
	const struct share *s = rq->s;
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;
	int fd = node_fd(rq->s, rq->node);

	if (fd < 0)
		return fd;

	if (in->valid & FATTR_UID)
		uid = in->uid ? in->uid : s->uid;
	if (in->valid & FATTR_GID)
		gid = in->gid ? in->gid : s->gid;
	if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int set_size(const struct fs_req *rq, const struct fuse_setattr_in *in)
{
	const struct handle *h = NULL;
	int fd, r;

	if (in->size > INT64_MAX)
		return -EFBIG;
	if (!S_ISREG(rq->node->type))
		return S_ISDIR(rq->node->type) ? -EISDIR : -EINVAL;
	if (in->valid & FATTR_FH) {
		h = handle_get(rq->s, in->fh, rq->h.nodeid, false);
		if (!h)
			return -EBADF;
	}
	fd = h ? h->fd : node_open(rq->s, rq->node, O_WRONLY);
	if (fd < 0)
		return fd;
	r = ftruncate(fd, (off_t)in->size) < 0 ? -errno : 0;
	if (!h)
		close(fd);
	return r;
}

static int set_permissions(const struct fs_req *rq, const struct fuse_setattr_in *in)
{
	int fd = node_fd(rq->s, rq->node);

	if (S_ISLNK(rq->node->type) || fd < 0)
		return fd < 0 ? fd : -EOPNOTSUPP;
	if (fchmodat(rq->s->proc, fd_name(fd).s, in->mode & 07777, 0) < 0)
		return -errno;
	return 0;
}

static struct timespec time_of(uint32_t valid, uint32_t set, uint32_t now, uint64_t sec,
			       uint32_t nsec)
{
	if (valid & now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	if (!(valid & set))
		return (struct timespec){ .tv_nsec = UTIME_OMIT };
	/* Not one of those two. */
	return (struct timespec){ .tv_sec = (time_t)sec,
				  .tv_nsec = (long)min_u64(nsec, 999999999) };
}

static int set_times(const struct fs_req *rq, const struct fuse_setattr_in *in)
{
	const struct timespec ts[2] = {
		time_of(in->valid, FATTR_ATIME, FATTR_ATIME_NOW, in->atime, in->atimensec),
		time_of(in->valid, FATTR_MTIME, FATTR_MTIME_NOW, in->mtime, in->mtimensec),
	};
	int fd = node_fd(rq->s, rq->node);

	if (fd < 0)
		return fd;
	if (utimensat(fd, "", ts, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

int op_setattr(struct fs_req *rq)
{
	/* The owner first: to change it takes set-user-ID bits off. The times last, as a size that
	 * changes changes them. */
	static const struct {
		uint32_t valid;
		int (*set)(const struct fs_req *rq, const struct fuse_setattr_in *in);
	} steps[] = {
		{ FATTR_UID | FATTR_GID, set_owner },
		{ FATTR_SIZE, set_size },
		{ FATTR_MODE, set_permissions },
		{ FATTR_ATIME | FATTR_ATIME_NOW | FATTR_MTIME | FATTR_MTIME_NOW, set_times },
	};
	struct fuse_setattr_in in;

	req_args(rq, &in, sizeof(in));
	if (rq->node->closed)
		return -EPERM;
	for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
		int r = in.valid & steps[i].valid ? steps[i].set(rq, &in) : 0;

		if (r < 0)
			return r;
	}
	return reply_attr(rq);
}

/* --- looking ---------------------------------------------------------------------------------- */

/* Guests that mount with default_permissions, as Linux does, decide for themselves. */
int op_access(struct fs_req *rq)
{
	struct fuse_access_in in;
	int fd = node_fd(rq->s, rq->node);

	req_args(rq, &in, sizeof(in));
	if (in.mask & ~(uint32_t)(R_OK | W_OK | X_OK))
		return -EINVAL;
	if ((in.mask & W_OK) && !rq->s->writable)
		return -EROFS;
	if (S_ISLNK(rq->node->type) || fd < 0)
		return fd < 0 ? fd : 0;
	if (faccessat(rq->s->proc, fd_name(fd).s, (int)in.mask, AT_EACCESS) < 0)
		return -errno;
	return 0;
}

int op_readlink(struct fs_req *rq)
{
	char buf[PATH_MAX];
	int fd = node_fd(rq->s, rq->node);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (!S_ISLNK(rq->node->type) || rq->node->closed)
		return -EINVAL;
	n = readlinkat(fd, "", buf, sizeof(buf));
	if (n < 0)
		return -errno;
	if ((size_t)n > req_room(rq))
		return -ENAMETOOLONG;
	return req_reply(rq, buf, (size_t)n);
}

int op_statfs(struct fs_req *rq)
{
	struct fuse_statfs_out out = { 0 };
	struct statfs st;
	int fd = node_fd(rq->s, rq->node);

	if (fd < 0)
		return fd;
	if (fstatfs(fd, &st) < 0)
		return -errno;
	out.st = (struct fuse_kstatfs){ .blocks = st.f_blocks,
					.bfree = st.f_bfree,
					.bavail = st.f_bavail,
					.files = st.f_files,
					.ffree = st.f_ffree,
					.bsize = (uint32_t)st.f_bsize,
					.namelen = (uint32_t)st.f_namelen,
					.frsize = (uint32_t)st.f_frsize };
	return req_reply(rq, &out, sizeof(out));
}
