/* SPDX-License-Identifier: MIT */
/* names.c: names in directories: looked up, made, moved and removed. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "fs/fs_internal.h"
#include "vmm/log.h"

/* As ATTR_SECONDS: names, too, may be others by then. */
#define ENTRY_SECONDS 1

int open_beneath(const struct node *dir, const char *name)
{
	const struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
						 RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, dir->fd, name, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static int too_many(struct share *s)
{
	if (!s->said_full)
		log_msg(LOG_WARN, "share",
			"'%s': the guest can look up no more: it remembers %u files, %u of them "
			"held "
			"open (ulimit -Hn says how many may be)",
			s->path, s->node_cnt, s->fd_cnt);
	s->said_full = true;
	return -ENFILE;
}

int lookup(struct share *s, struct node *dir, const char *name, struct fuse_entry_out *e)
{
	_cleanup_close_ int fd = -1;
	struct node *n;
	struct stat st;

	if (!S_ISDIR(dir->type))
		return -ENOTDIR;
	if (dir->closed)
		return -ENOENT;
	fd = open_beneath(dir, name);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	n = node_add(s, fd, &st, st.st_dev != dir->dev && is_kernel_interface(fd), dir, name);
	fd = -1;
	if (!n)
		return too_many(s);
	*e = (struct fuse_entry_out){ .nodeid = node_id(s, n),
				      .entry_valid = ENTRY_SECONDS,
				      .attr_valid = ENTRY_SECONDS };
	fill_attr(s, &st, &e->attr);
	return 0;
}

static int reply_entry(struct fs_req *rq, const char *name)
{
	struct fuse_entry_out out;
	int r = lookup(rq->s, rq->node, name, &out);

	return r < 0 ? r : req_reply(rq, &out, sizeof(out));
}

int op_lookup(struct fs_req *rq)
{
	return reply_entry(rq, rq->name[0]);
}

/* --- making ----------------------------------------------------------------------------------- */

int check_dir(const struct node *dir)
{
	if (!S_ISDIR(dir->type))
		return -ENOTDIR;
	return dir->closed ? -EPERM : 0;
}

int set_mode(const struct share *s, int fd, mode_t mode)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	/* A directory may have its set-group-ID bit from the one that it is in. */
	mode = (mode & 07777) | (S_ISDIR(st.st_mode) ? st.st_mode & S_ISGID : 0);
	if ((st.st_mode & 07777) == mode)
		return 0;
	return fchmodat(s->proc, fd_name(fd).s, mode, 0) < 0 ? -errno : 0;
}

/* What was just made as rq->name[0]. If somebody on the host was quicker, it is theirs now. */
static int finish_node(struct fs_req *rq, mode_t mode)
{
	int fd = open_beneath(rq->node, rq->name[0]), r;
	struct stat st;

	if (fd < 0)
		return fd;
	r = fstat(fd, &st) < 0 ? -errno : 0;
	if (!r && (st.st_mode & S_IFMT) == (mode & S_IFMT) && st.st_uid == rq->s->uid)
		r = set_mode(rq->s, fd, mode);
	close(fd);
	return r < 0 ? r : reply_entry(rq, rq->name[0]);
}

int op_mkdir(struct fs_req *rq)
{
	struct fuse_mkdir_in in;
	int r = check_dir(rq->node);

	req_args(rq, &in, sizeof(in));
	if (r < 0)
		return r;
	if (mkdirat(rq->node->fd, rq->name[0], in.mode & 07777) < 0)
		return -errno;
	return finish_node(rq, S_IFDIR | (in.mode & 07777));
}

int op_mknod(struct fs_req *rq)
{
	struct fuse_mknod_in in;
	mode_t type;
	int r = check_dir(rq->node);

	req_args(rq, &in, sizeof(in));
	type = in.mode & S_IFMT ? in.mode & S_IFMT : S_IFREG;
	if (r < 0)
		return r;
	/* A device is the host's to make. */
	if (!S_ISREG(type) && !S_ISFIFO(type) && !S_ISSOCK(type))
		return -EPERM;
	if (mknodat(rq->node->fd, rq->name[0], type | (in.mode & 07777), 0) < 0)
		return -errno;
	return finish_node(rq, type | (in.mode & 07777));
}

int op_symlink(struct fs_req *rq)
{
	int r = check_dir(rq->node);

	if (r < 0)
		return r;
	if (symlinkat(rq->target, rq->node->fd, rq->name[0]) < 0)
		return -errno;
	return reply_entry(rq, rq->name[0]);
}

int op_link(struct fs_req *rq)
{
	struct fuse_link_in in;
	struct node *old;
	int r = check_dir(rq->node), fd;

	req_args(rq, &in, sizeof(in));
	old = node_get(rq->s, in.oldnodeid);
	if (!old)
		return -ESTALE;
	if (r < 0)
		return r;
	if (S_ISDIR(old->type) || old->closed)
		return -EPERM;
	fd = node_fd(rq->s, old);
	if (fd < 0)
		return fd;
	/* linkat(2), AT_EMPTY_PATH wants a capability; this way does not. The magic link leads to
	 * the inode itself, be that a symbolic link. */
	if (linkat(rq->s->proc, fd_name(fd).s, rq->node->fd, rq->name[0], AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return reply_entry(rq, rq->name[0]);
}

/* --- removing and moving ---------------------------------------------------------------------- */

static int remove_name(struct fs_req *rq, int flags)
{
	int r = check_dir(rq->node);

	if (r < 0)
		return r;
	return unlinkat(rq->node->fd, rq->name[0], flags) < 0 ? -errno : 0;
}

int op_unlink(struct fs_req *rq)
{
	return remove_name(rq, 0);
}

int op_rmdir(struct fs_req *rq)
{
	return remove_name(rq, AT_REMOVEDIR);
}

static int rename_to(struct fs_req *rq, uint64_t newdir, uint32_t flags)
{
	const struct node *to = node_get(rq->s, newdir);
	struct stat moved, other;
	bool known, exchanged;
	int r = check_dir(rq->node);

	if (!to)
		return -ESTALE;
	if (!r)
		r = check_dir(to);
	if (r < 0)
		return r;
	/* RENAME_WHITEOUT makes a device. */
	if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	known = fstatat(rq->node->fd, rq->name[0], &moved, AT_SYMLINK_NOFOLLOW) == 0;
	exchanged = (flags & RENAME_EXCHANGE) &&
		    fstatat(to->fd, rq->name[1], &other, AT_SYMLINK_NOFOLLOW) == 0;
	if (renameat2(rq->node->fd, rq->name[0], to->fd, rq->name[1], flags) < 0)
		return -errno;
	/* If it was somebody else's by then, the node will be found stale when it is asked for. */
	if (known)
		node_moved(rq->s, &moved, to, rq->name[1]);
	if (exchanged)
		node_moved(rq->s, &other, rq->node, rq->name[0]);
	return 0;
}

int op_rename(struct fs_req *rq)
{
	struct fuse_rename_in in;

	req_args(rq, &in, sizeof(in));
	return rename_to(rq, in.newdir, 0);
}

int op_rename2(struct fs_req *rq)
{
	struct fuse_rename2_in in;

	req_args(rq, &in, sizeof(in));
	return rename_to(rq, in.newdir, in.flags);
}
