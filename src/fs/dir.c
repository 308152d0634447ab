/* SPDX-License-Identifier: MIT */
/* dir.c: directories that are open, and what is in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "fs/fs_internal.h"

/* What one request lists at most, whatever room there is: each name of READDIRPLUS is looked up. */
#define LIST_MAX (64 * KIB)

int op_opendir(struct fs_req *rq)
{
	struct fuse_open_out out = { 0 };
	int fd = -1, r;

	if (!S_ISDIR(rq->node->type))
		return -ENOTDIR;
	if (!rq->node->closed) {
		fd = node_open(rq->s, rq->node, O_RDONLY | O_DIRECTORY);
		if (fd < 0)
			return fd;
	}
	r = handle_add(rq->s, rq->h.nodeid, fd, true, &out.fh);
	return r < 0 ? r : req_reply(rq, &out, sizeof(out));
}

static struct handle *dir_of(const struct fs_req *rq, uint64_t fh)
{
	return handle_get(rq->s, fh, rq->h.nodeid, true);
}

int op_releasedir(struct fs_req *rq)
{
	struct fuse_release_in in;
	struct handle *h;

	req_args(rq, &in, sizeof(in));
	h = dir_of(rq, in.fh);
	if (!h)
		return -EBADF;
	handle_close(rq->s, h);
	return 0;
}

int op_fsyncdir(struct fs_req *rq)
{
	struct fuse_fsync_in in;
	const struct handle *h;

	req_args(rq, &in, sizeof(in));
	h = dir_of(rq, in.fh);
	if (!h)
		return -EBADF;
	if (!rq->s->writable || h->fd < 0)
		return 0;
	return fsync(h->fd) < 0 ? -errno : 0;
}

/* --- listing ---------------------------------------------------------------------------------- */

/* What one name takes, as READDIR and READDIRPLUS have it. */
union entry {
	struct fuse_dirent dirent;
	struct fuse_direntplus plus;
	char room[FUSE_REC_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + NAME_MAX + 1)];
};

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/*
 * Puts the name behind what is there. False: there is no room for it. One that cannot be looked up
 * now has no number, and the guest asks when it wants to know.
 */
static bool put_entry(struct fs_req *rq, const struct dirent64 *d, bool plus, size_t max)
{
	size_t name_len = strnlen(d->d_name, NAME_MAX);
	size_t head = plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
	size_t len = FUSE_REC_ALIGN(head + name_len);
	struct fuse_dirent *out;
	union entry e;

	if (len > max - rq->replied)
		return false;
	memset(&e, 0, len);
	out = plus ? &e.plus.dirent : &e.dirent;
	if (plus && (is_dots(d->d_name) || lookup(rq->s, rq->node, d->d_name, &e.plus.entry_out)))
		e.plus.entry_out = (struct fuse_entry_out){ 0 };
	out->ino = guest_ino(rq->s, rq->node->dev, d->d_ino);
	/* What the tree's root is in is no business of the guest's. */
	if (rq->h.nodeid == FUSE_ROOT_ID && !strcmp(d->d_name, ".."))
		out->ino = rq->node->ino;
	out->off = (uint64_t)d->d_off;
	out->namelen = (uint32_t)name_len;
	out->type = d->d_type;
	memcpy((char *)&e + head, d->d_name, name_len);
	req_put(rq, rq->replied, &e, len);
	rq->replied += len;
	return true;
}

/* The host's next entries, of which some may not fit: then the descriptor stands elsewhere. */
static int put_entries(struct fs_req *rq, struct handle *h, bool plus, size_t max)
{
	struct share *s = rq->s;
	ssize_t n = getdents64(h->fd, s->dents, max_u64(1024, min_u64(max, sizeof(s->dents))));

	if (n < 0)
		return -errno;
	for (ssize_t at = 0; at < n;) {
		const struct dirent64 *d = (const struct dirent64 *)(void *)(s->dents + at);

		if (!put_entry(rq, d, plus, max)) {
			h->pos = -1;
			return rq->replied ? 0 : -EINVAL;
		}
		h->pos = d->d_off;
		at += d->d_reclen;
	}
	return 0;
}

static int list(struct fs_req *rq, bool plus)
{
	struct fuse_read_in in;
	struct handle *h;
	int64_t at;

	req_args(rq, &in, sizeof(in));
	h = dir_of(rq, in.fh);
	if (!h)
		return -EBADF;
	if (h->fd < 0)
		return 0;
	at = (int64_t)in.offset;
	/* A position is what the host's file system has said before; any other it makes out. */
	if (at < 0 || (h->pos != at && lseek(h->fd, at, SEEK_SET) < 0)) {
		h->pos = -1;
		return at < 0 ? -EINVAL : -errno;
	}
	h->pos = -1;
	return put_entries(rq, h, plus, min_u64(min_u64(in.size, req_room(rq)), LIST_MAX));
}

int op_readdir(struct fs_req *rq)
{
	return list(rq, false);
}

int op_readdirplus(struct fs_req *rq)
{
	return list(rq, true);
}
