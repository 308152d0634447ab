/* SPDX-License-Identifier: MIT */
/*
 * dispatch.c: requests taken apart and checked. A request is a header, a fixed part of the
 * operation's own, and names or data:
 *
 *	in    struct fuse_in_header   struct fuse_*_in   name NUL [name NUL]   or data
 *	out   struct fuse_out_header  struct fuse_*_out                        or data
 *
 * All but data is copied, once, before it is looked at; data goes straight between the guest's
 * memory and the file.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "fs/fs_internal.h"
#include "vmm/iov.h"

#define CHANGES  1u /* something on the host */
#define NO_REPLY 2u
#define ANY_NODE 4u  /* nodeid means nothing */
#define DATA     8u  /* more follows the fixed part, and is not copied */
#define TARGET   16u /* behind the name is what a symbolic link says */

/* virtio-fs came with 7.31: so all structures are as they have been since. */
#define MIN_MINOR 31u

struct fs_op {
	int (*fn)(struct fs_req *rq); /* 0 or -errno */
	uint16_t in;                  /* bytes of the fixed part */
	uint16_t out;                 /* bytes that there must be room for, behind the header */
	uint8_t names, flags;
};

void req_args(const struct fs_req *rq, void *to, size_t len)
{
	memcpy(to, rq->s->args, len);
}

size_t req_room(const struct fs_req *rq)
{
	return rq->m->out_len - sizeof(struct fuse_out_header);
}

void req_put(struct fs_req *rq, size_t off, const void *from, size_t len)
{
	iov_scatter(rq->m->out, sizeof(struct fuse_out_header) + off, from, len);
}

int req_reply(struct fs_req *rq, const void *from, size_t len)
{
	req_put(rq, 0, from, len);
	rq->replied = len;
	return 0;
}

/* --- the session ------------------------------------------------------------------------------ */

static int op_init(struct fs_req *rq)
{
	static const uint32_t wanted = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES |
				       FUSE_AUTO_INVAL_DATA | FUSE_DO_READDIRPLUS |
				       FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO |
				       FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES;
	struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION,
				     .minor = FUSE_KERNEL_MINOR_VERSION };
	struct {
		uint32_t major, minor, max_readahead, flags;
	} in;

	req_args(rq, &in, sizeof(in));
	/* "expect a new INIT message from the kernel with a matching major version" */
	if (in.major > FUSE_KERNEL_VERSION)
		return req_reply(rq, &out, sizeof(out));
	if (in.major < FUSE_KERNEL_VERSION || in.minor < MIN_MINOR)
		return -EPROTO;
	share_reset(rq->s);
	out.max_readahead = (uint32_t)min_u64(in.max_readahead, SHARE_DATA_PAGES * 4 * KIB);
	out.flags = in.flags & wanted;
	out.max_background = 64;
	out.congestion_threshold = 48;
	out.max_write = SHARE_DATA_PAGES * 4 * KIB;
	out.time_gran = 1;
	out.max_pages = SHARE_DATA_PAGES;
	return req_reply(rq, &out, sizeof(out));
}

static int op_destroy(struct fs_req *rq)
{
	share_reset(rq->s);
	return 0;
}

static int op_forget(struct fs_req *rq)
{
	struct fuse_forget_in in;

	req_args(rq, &in, sizeof(in));
	node_forget(rq->s, rq->h.nodeid, in.nlookup);
	return 0;
}

/* As many as there are, whatever the request says, in pieces of what fits. */
static int op_batch_forget(struct fs_req *rq)
{
	struct fuse_forget_one one;
	struct fuse_batch_forget_in in;
	size_t at = sizeof(rq->h) + sizeof(in), end = sizeof(rq->h) + rq->len;

	req_args(rq, &in, sizeof(in));
	for (uint32_t i = 0; i < in.count && end - at >= sizeof(one); i++, at += sizeof(one)) {
		iov_gather(&one, rq->m->in, at, sizeof(one));
		node_forget(rq->s, one.nodeid, one.nlookup);
	}
	return 0;
}

/* An answer is never far: there is nothing to interrupt. */
static int op_interrupt(struct fs_req *rq)
{
	(void)rq;
	return 0;
}

/* --- operations ------------------------------------------------------------------------------- */

#define IN(type)  sizeof(struct fuse_##type##_in)
#define OUT(type) sizeof(struct fuse_##type##_out)

/* What is not here is ENOSYS; a guest's kernel remembers that and does without. */
static const struct fs_op ops[] = {
	[FUSE_LOOKUP] = { op_lookup, 0, OUT(entry), 1, 0 },
	[FUSE_FORGET] = { op_forget, IN(forget), 0, 0, NO_REPLY | ANY_NODE },
	[FUSE_GETATTR] = { op_getattr, IN(getattr), OUT(attr), 0, 0 },
	[FUSE_SETATTR] = { op_setattr, IN(setattr), OUT(attr), 0, CHANGES },
	[FUSE_READLINK] = { op_readlink, 0, 0, 0, 0 },
	[FUSE_SYMLINK] = { op_symlink, 0, OUT(entry), 1, CHANGES | TARGET },
	[FUSE_MKNOD] = { op_mknod, IN(mknod), OUT(entry), 1, CHANGES },
	[FUSE_MKDIR] = { op_mkdir, IN(mkdir), OUT(entry), 1, CHANGES },
	[FUSE_UNLINK] = { op_unlink, 0, 0, 1, CHANGES },
	[FUSE_RMDIR] = { op_rmdir, 0, 0, 1, CHANGES },
	[FUSE_RENAME] = { op_rename, IN(rename), 0, 2, CHANGES },
	[FUSE_LINK] = { op_link, IN(link), OUT(entry), 1, CHANGES },
	[FUSE_OPEN] = { op_open, IN(open), OUT(open), 0, 0 },
	[FUSE_READ] = { op_read, IN(read), 0, 0, 0 },
	[FUSE_WRITE] = { op_write, IN(write), OUT(write), 0, CHANGES | DATA },
	[FUSE_STATFS] = { op_statfs, 0, OUT(statfs), 0, 0 },
	[FUSE_RELEASE] = { op_release, IN(release), 0, 0, 0 },
	[FUSE_FSYNC] = { op_fsync, IN(fsync), 0, 0, 0 },
	[FUSE_FLUSH] = { op_flush, IN(flush), 0, 0, 0 },
	[FUSE_INIT] = { op_init, 16, OUT(init), 0, ANY_NODE },
	[FUSE_OPENDIR] = { op_opendir, IN(open), OUT(open), 0, 0 },
	[FUSE_READDIR] = { op_readdir, IN(read), 0, 0, 0 },
	[FUSE_RELEASEDIR] = { op_releasedir, IN(release), 0, 0, 0 },
	[FUSE_FSYNCDIR] = { op_fsyncdir, IN(fsync), 0, 0, 0 },
	[FUSE_ACCESS] = { op_access, IN(access), 0, 0, 0 },
	[FUSE_CREATE] = { op_create, IN(create), OUT(entry) + OUT(open), 1, CHANGES },
	[FUSE_INTERRUPT] = { op_interrupt, IN(interrupt), 0, 0, NO_REPLY | ANY_NODE },
	[FUSE_DESTROY] = { op_destroy, 0, 0, 0, ANY_NODE },
	[FUSE_BATCH_FORGET] = { op_batch_forget, IN(batch_forget), 0, 0,
				NO_REPLY | ANY_NODE | DATA },
	[FUSE_FALLOCATE] = { op_fallocate, IN(fallocate), 0, 0, CHANGES },
	[FUSE_READDIRPLUS] = { op_readdirplus, IN(read), 0, 0, 0 },
	[FUSE_RENAME2] = { op_rename2, IN(rename2), 0, 2, CHANGES },
	[FUSE_LSEEK] = { op_lseek, IN(lseek), OUT(lseek), 0, 0 },
	[FUSE_COPY_FILE_RANGE] = { op_copy_file_range, IN(copy_file_range), OUT(write), 0,
				   CHANGES },
	[FUSE_SYNCFS] = { op_syncfs, 0, 0, 0, 0 },
};

static const struct fs_op *find_op(uint32_t opcode)
{
	if (opcode >= ARRAY_LEN(ops) || !ops[opcode].fn)
		return NULL;
	return &ops[opcode];
}

/* --- names ------------------------------------------------------------------------------------ */

/* One component, which leads nowhere but into its directory. */
static int check_name(const char *name)
{
	size_t len = strlen(name);

	if (!len || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	return len > NAME_MAX ? -ENAMETOOLONG : 0;
}

/* The next string of the arguments; they end in NUL, and so does each. */
static const char *next_string(const struct fs_req *rq, size_t *at)
{
	const char *p = (const char *)rq->s->args + *at;
	const char *end = *at < rq->copied ? memchr(p, '\0', rq->copied - *at) : NULL;

	if (!end)
		return NULL;
	*at += (size_t)(end - p) + 1;
	return p;
}

static int parse_names(struct fs_req *rq, const struct fs_op *op)
{
	size_t at = op->in;

	for (unsigned i = 0; i < op->names; i++) {
		int r;

		rq->name[i] = next_string(rq, &at);
		r = rq->name[i] ? check_name(rq->name[i]) : -EINVAL;
		if (r < 0)
			return r;
	}
	if (!(op->flags & TARGET))
		return 0;
	rq->target = next_string(rq, &at);
	return rq->target ? 0 : -EINVAL;
}

/* --- one request ------------------------------------------------------------------------------ */

static int copy_args(struct fs_req *rq, const struct fs_op *op)
{
	rq->copied = op->flags & DATA ? op->in : rq->len;
	if (rq->len < op->in || rq->copied > sizeof(rq->s->args))
		return -EINVAL;
	iov_gather(rq->s->args, rq->m->in, sizeof(rq->h), rq->copied);
	return parse_names(rq, op);
}

static int carry_out(struct fs_req *rq, const struct fs_op *op)
{
	int r;

	if (!(op->flags & NO_REPLY) && req_room(rq) < op->out)
		return -EINVAL;
	r = copy_args(rq, op);
	if (r < 0)
		return r;
	if ((op->flags & CHANGES) && !rq->s->writable)
		return -EROFS;
	rq->node = op->flags & ANY_NODE ? NULL : node_get(rq->s, rq->h.nodeid);
	if (!rq->node && !(op->flags & ANY_NODE))
		return -ESTALE;
	return op->fn(rq);
}

ssize_t share_answer(struct share *s, const struct share_msg *m)
{
	struct fs_req rq = { .s = s, .m = m };
	struct fuse_out_header out;
	const struct fs_op *op;
	int r;

	if (m->in_len < sizeof(rq.h))
		return -EINVAL;
	iov_gather(&rq.h, m->in, 0, sizeof(rq.h));
	if (rq.h.len < sizeof(rq.h) || rq.h.len > m->in_len)
		return -EINVAL;
	rq.len = rq.h.len - sizeof(rq.h);
	op = find_op(rq.h.opcode);
	if (op && (op->flags & NO_REPLY)) {
		r = carry_out(&rq, op);
		return r < 0 ? r : 0;
	}
	if (m->out_len < sizeof(out))
		return -EINVAL;
	r = op ? carry_out(&rq, op) : -ENOSYS;
	if (r < 0)
		rq.replied = 0;
	out = (struct fuse_out_header){ .len = (uint32_t)(sizeof(out) + rq.replied),
					.error = r,
					.unique = rq.h.unique };
	iov_scatter(m->out, 0, &out, sizeof(out));
	return (ssize_t)out.len;
}
