/* SPDX-License-Identifier: MIT */
#include "tests/lib/share_kit.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

void sk_init_limited(struct share_kit *k, bool writable, unsigned descriptors)
{
	struct share_params p = { .writable = writable, .descriptors = descriptors };
	char secret[96];
	struct error *e = NULL;
	FILE *f;

	k->writable = writable;
	k->unique = 1000;
	k->cut = 0;
	k->out_room = sizeof(k->out);
	snprintf(k->top, sizeof(k->top), "/tmp/share-test-XXXXXX");
	assert_non_null(mkdtemp(k->top));
	snprintf(k->tree, sizeof(k->tree), "%s/tree", k->top);
	snprintf(secret, sizeof(secret), "%s/secret", k->top);
	assert_int_equal(mkdir(k->tree, 0755), 0);
	f = fopen(secret, "w");
	assert_non_null(f);
	fputs("secret", f);
	fclose(f);
	p.path = k->tree;
	assert_int_equal(share_open(&p, &k->share, &e), 0);
	assert_no_error(e);
	assert_int_equal(sk_begin(k), 0);
}

void sk_init(struct share_kit *k, bool writable)
{
	sk_init_limited(k, writable, 1000);
}

void sk_end(struct share_kit *k)
{
	k->share = share_close(k->share);
	assert_int_equal(nftw(k->top, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *sk_path(struct share_kit *k, const char *name)
{
	static char buf[4][600];
	static unsigned n;
	char *p = buf[n++ % 4];

	snprintf(p, sizeof(buf[0]), "%s/%s", k->tree, name);
	return p;
}

void sk_file(struct share_kit *k, const char *name, const char *text)
{
	FILE *f = fopen(sk_path(k, name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

void sk_text(struct share_kit *k, const char *name, char *buf, size_t len)
{
	FILE *f = fopen(sk_path(k, name), "r");

	assert_non_null(f);
	buf[fread(buf, 1, len - 1, f)] = '\0';
	fclose(f);
}

/* --- asking ----------------------------------------------------------------------------------- */

static unsigned pieces(struct iovec *iov, uint8_t *p, size_t len, size_t cut)
{
	unsigned n = 0;

	if (!cut || len / cut >= SHARE_MSG_PIECES - 2)
		cut = len;
	for (; len; n++) {
		size_t k = min_u64(len, cut);

		iov[n] = (struct iovec){ p, k };
		p += k;
		len -= k;
	}
	return n;
}

ssize_t sk_raw(struct share_kit *k, size_t in_len)
{
	struct iovec in[SHARE_MSG_PIECES], out[SHARE_MSG_PIECES];
	struct share_msg m = { .in = in, .out = out, .in_len = in_len, .out_len = k->out_room };
	size_t cut = k->cut && k->out_room / k->cut >= SHARE_MSG_PIECES - 2 ? k->out_room / 200 | 1
									    : k->cut;

	m.in_cnt = pieces(in, k->in, in_len, k->cut);
	m.out_cnt = pieces(out, k->out, k->out_room, cut);
	return share_answer(k->share, &m);
}

static size_t put(struct share_kit *k, uint32_t op, uint64_t nodeid, const void *arg, size_t len,
		  const void *rest, size_t rest_len)
{
	struct fuse_in_header h = { .len = (uint32_t)(sizeof(h) + len + rest_len),
				    .opcode = op,
				    .unique = ++k->unique,
				    .nodeid = nodeid,
				    .uid = 1,
				    .gid = 1,
				    .pid = 1 };

	assert_true(h.len <= sizeof(k->in));
	memcpy(k->in, &h, sizeof(h));
	if (len)
		memcpy(k->in + sizeof(h), arg, len);
	if (rest_len)
		memcpy(k->in + sizeof(h) + len, rest, rest_len);
	return h.len;
}

int sk_ask(struct share_kit *k, uint32_t op, uint64_t nodeid, const void *arg, size_t len,
	   const void *rest, size_t rest_len)
{
	struct fuse_out_header h;
	ssize_t n = sk_raw(k, put(k, op, nodeid, arg, len, rest, rest_len));

	assert_true(n >= (ssize_t)sizeof(h) && (size_t)n <= k->out_room);
	memcpy(&h, k->out, sizeof(h));
	assert_int_equal(h.len, n);
	assert_int_equal(h.unique, k->unique);
	assert_true(h.error <= 0 && h.error > -512);
	k->out_len = (size_t)n - sizeof(h);
	if (h.error)
		assert_int_equal(k->out_len, 0);
	return h.error;
}

const void *sk_out(struct share_kit *k)
{
	return k->out + sizeof(struct fuse_out_header);
}

void sk_tell(struct share_kit *k, uint32_t op, uint64_t nodeid, const void *arg, size_t len)
{
	size_t room = k->out_room;

	k->out_room = 0;
	assert_int_equal(sk_raw(k, put(k, op, nodeid, arg, len, NULL, 0)), 0);
	k->out_room = room;
}

int sk_begin(struct share_kit *k)
{
	struct fuse_init_in in = { .major = 7, .minor = 38, .max_readahead = 131072, .flags = ~0u };

	return sk_ask(k, FUSE_INIT, 0, &in, sizeof(in), NULL, 0);
}

int sk_struct_name(struct share_kit *k, uint32_t op, uint64_t nodeid, const void *arg, size_t len,
		   const char *name)
{
	return sk_ask(k, op, nodeid, arg, len, name, strlen(name) + 1);
}

int sk_name(struct share_kit *k, uint32_t op, uint64_t nodeid, const char *name)
{
	return sk_struct_name(k, op, nodeid, NULL, 0, name);
}

uint64_t sk_lookup(struct share_kit *k, uint64_t dir, const char *name)
{
	struct fuse_entry_out e;

	assert_int_equal(sk_name(k, FUSE_LOOKUP, dir, name), 0);
	assert_int_equal(k->out_len, sizeof(e));
	memcpy(&e, sk_out(k), sizeof(e));
	return e.nodeid;
}

struct fuse_attr sk_attr(struct share_kit *k, uint64_t nodeid)
{
	struct fuse_getattr_in in = { 0 };
	struct fuse_attr_out out;

	assert_int_equal(sk_ask(k, FUSE_GETATTR, nodeid, &in, sizeof(in), NULL, 0), 0);
	memcpy(&out, sk_out(k), sizeof(out));
	return out.attr;
}

void sk_forget(struct share_kit *k, uint64_t nodeid, uint64_t cnt)
{
	struct fuse_forget_in in = { .nlookup = cnt };

	sk_tell(k, FUSE_FORGET, nodeid, &in, sizeof(in));
}

int sk_mkdir(struct share_kit *k, uint64_t dir, const char *name, uint32_t mode)
{
	struct fuse_mkdir_in in = { .mode = mode };

	return sk_struct_name(k, FUSE_MKDIR, dir, &in, sizeof(in), name);
}

int sk_rename(struct share_kit *k, uint64_t from, const char *name, uint64_t to, const char *name2,
	      uint32_t flags)
{
	struct fuse_rename2_in in = { .newdir = to, .flags = flags };
	char both[1024];
	size_t a = strlen(name) + 1, b = strlen(name2) + 1;

	assert_true(a + b <= sizeof(both));
	memcpy(both, name, a);
	memcpy(both + a, name2, b);
	return sk_ask(k, FUSE_RENAME2, from, &in, sizeof(in), both, a + b);
}

int sk_open(struct share_kit *k, uint32_t op, uint64_t nodeid, uint32_t flags, uint64_t *fh)
{
	struct fuse_open_in in = { .flags = flags };
	int r = sk_ask(k, op, nodeid, &in, sizeof(in), NULL, 0);
	struct fuse_open_out out;

	if (r < 0)
		return r;
	memcpy(&out, sk_out(k), sizeof(out));
	*fh = out.fh;
	return 0;
}

int sk_create(struct share_kit *k, uint64_t dir, const char *name, uint32_t flags, uint32_t mode,
	      uint64_t *nodeid, uint64_t *fh)
{
	struct fuse_create_in in = { .flags = flags, .mode = mode };
	int r = sk_struct_name(k, FUSE_CREATE, dir, &in, sizeof(in), name);
	struct {
		struct fuse_entry_out e;
		struct fuse_open_out o;
	} out;

	if (r < 0)
		return r;
	memcpy(&out, sk_out(k), sizeof(out));
	*nodeid = out.e.nodeid;
	*fh = out.o.fh;
	return 0;
}

int sk_read(struct share_kit *k, uint32_t op, uint64_t nodeid, uint64_t fh, uint64_t off,
	    uint32_t size)
{
	struct fuse_read_in in = { .fh = fh, .offset = off, .size = size };

	return sk_ask(k, op, nodeid, &in, sizeof(in), NULL, 0);
}

int sk_write(struct share_kit *k, uint64_t nodeid, uint64_t fh, uint64_t off, const void *p,
	     uint32_t size)
{
	struct fuse_write_in in = { .fh = fh, .offset = off, .size = size };
	int r = sk_ask(k, FUSE_WRITE, nodeid, &in, sizeof(in), p, size);
	struct fuse_write_out out;

	if (r < 0)
		return r;
	memcpy(&out, sk_out(k), sizeof(out));
	return (int)out.size;
}

int sk_release(struct share_kit *k, uint32_t op, uint64_t nodeid, uint64_t fh)
{
	struct fuse_release_in in = { .fh = fh };

	return sk_ask(k, op, nodeid, &in, sizeof(in), NULL, 0);
}

int sk_setattr(struct share_kit *k, uint64_t nodeid, const struct fuse_setattr_in *in)
{
	return sk_ask(k, FUSE_SETATTR, nodeid, in, sizeof(*in), NULL, 0);
}
