/* SPDX-License-Identifier: MIT */
/*
 * share_kit.h: a shared directory and a guest that asks about it, without a device in between. In
 * the directory that is made for each are `tree`, which is shared, and `secret` beside it, which
 * nothing may reach.
 *
 *	struct share_kit k;
 *	sk_init(&k, true);
 *	uint64_t dir = sk_lookup(&k, FUSE_ROOT_ID, "dir");
 *	assert_int_equal(sk_name(&k, FUSE_UNLINK, dir, "x"), -ENOENT);
 *	sk_end(&k);
 */
#ifndef TESTS_SHARE_KIT_H
#define TESTS_SHARE_KIT_H

#include <linux/fuse.h>

#include "fs/share.h"
#include "tests/lib/fake.h"

#define SK_BUF (1100 * 1024)

struct share_kit {
	struct share *share;
	bool writable;
	char top[64], tree[80];
	uint64_t unique;
	size_t cut; /* pieces of so many bytes; 0: one */
	size_t out_room;
	size_t out_len; /* of the last answer, behind its header */
	uint8_t in[SK_BUF], out[SK_BUF];
};

void sk_init(struct share_kit *k, bool writable);
/* The same with a limit of descriptors. */
void sk_init_limited(struct share_kit *k, bool writable, unsigned descriptors);
/* Closes the share, and removes all. */
void sk_end(struct share_kit *k);

/* Paths on the host: of @name in the tree (a ring of buffers); a file with @text in it. */
const char *sk_path(struct share_kit *k, const char *name);
void sk_file(struct share_kit *k, const char *name, const char *text);
void sk_text(struct share_kit *k, const char *name, char *buf, size_t len);

/* What share_answer() says of @in_len bytes at k->in, with k->out_room bytes for the answer. */
ssize_t sk_raw(struct share_kit *k, size_t in_len);
/* A request: the fixed part, then the rest, as they are. 0 or the answer's -errno; the answer is
 * at sk_out(). Fails the test if there is none, or one of another request. */
int sk_ask(struct share_kit *k, uint32_t op, uint64_t nodeid, const void *arg, size_t len,
	   const void *rest, size_t rest_len);
const void *sk_out(struct share_kit *k);
/* Those with no answer. */
void sk_tell(struct share_kit *k, uint32_t op, uint64_t nodeid, const void *arg, size_t len);

int sk_begin(struct share_kit *k); /* INIT */
/* A name and nothing else: LOOKUP, UNLINK, RMDIR. */
int sk_name(struct share_kit *k, uint32_t op, uint64_t nodeid, const char *name);
/* LOOKUP that works; and one that may not. */
uint64_t sk_lookup(struct share_kit *k, uint64_t dir, const char *name);
struct fuse_attr sk_attr(struct share_kit *k, uint64_t nodeid);
void sk_forget(struct share_kit *k, uint64_t nodeid, uint64_t cnt);
/* MKDIR, and what else takes a struct in front of a name. */
int sk_struct_name(struct share_kit *k, uint32_t op, uint64_t nodeid, const void *arg, size_t len,
		   const char *name);
int sk_mkdir(struct share_kit *k, uint64_t dir, const char *name, uint32_t mode);
int sk_rename(struct share_kit *k, uint64_t from, const char *name, uint64_t to, const char *name2,
	      uint32_t flags);
/* OPEN, OPENDIR: *fh. */
int sk_open(struct share_kit *k, uint32_t op, uint64_t nodeid, uint32_t flags, uint64_t *fh);
int sk_create(struct share_kit *k, uint64_t dir, const char *name, uint32_t flags, uint32_t mode,
	      uint64_t *nodeid, uint64_t *fh);
int sk_read(struct share_kit *k, uint32_t op, uint64_t nodeid, uint64_t fh, uint64_t off,
	    uint32_t size);
int sk_write(struct share_kit *k, uint64_t nodeid, uint64_t fh, uint64_t off, const void *p,
	     uint32_t size);
int sk_release(struct share_kit *k, uint32_t op, uint64_t nodeid, uint64_t fh);
int sk_setattr(struct share_kit *k, uint64_t nodeid, const struct fuse_setattr_in *in);

#endif
