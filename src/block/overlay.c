/* SPDX-License-Identifier: MIT */
/*
 * overlay.c: a layer that takes the writes of a disk that is only read, and vanishes with us: a
 * sparse file without a name, and a bitmap in memory of the sectors that are in it.
 *
 * A bit per sector of 512 bytes, the guest's smallest write, so nothing is ever copied up: 256 KiB
 * of bitmap for a GiB that is written, none where nothing is. A bit is set when the write that
 * fills its sector has ended; until then, and if it fails, the sector is what it was.
 *
 * Nothing here survives us, so a flush has nothing to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "block/block_internal.h"
#include "block/file_rw.h"
#include "vmm/error.h"

#define SECTOR_SHIFT 9
#define SUBS         64 /* reads that go below, at a time; more wait */

/* A read of which some or all is below: goes through it run by run. */
struct sub {
	struct overlay *o;
	struct blk_req *parent;
	uint64_t pos, run; /* bytes done, and of the run in flight */
	struct sub *next;
	union {
		struct blk_req req; /* to the base */
		struct file_io io;  /* to the layer */
	};
	struct iovec iov[BLK_IOV_MAX];
};

struct overlay {
	struct blk *blk;
	uint64_t *map; /* mmap()ed: untouched parts cost nothing */
	size_t map_len;
	bool no_discard;
	struct sub *free;
	struct blk_req *waiting, **waiting_tail;
	struct sub *subs;
};

_Static_assert(sizeof(struct file_io) <= sizeof(((struct blk_req *)0)->priv), "fits a request");

/* --- the map -------------------------------------------------------------------------------------
 */

/* How many of the @cnt sectors from @first on are alike, and what they are. */
static uint64_t map_run(const uint64_t *map, uint64_t first, uint64_t cnt, bool *set)
{
	uint64_t i = first, end = first + cnt;
	uint64_t flip;

	*set = map[i / 64] >> (i % 64) & 1;
	flip = *set ? UINT64_MAX : 0;
	while (i < end) {
		uint64_t other = (map[i / 64] ^ flip) >> (i % 64);

		if (other) {
			i += (uint64_t)__builtin_ctzll(other);
			break;
		}
		i = (i / 64 + 1) * 64;
	}
	return min_u64(i, end) - first;
}

static void map_set(uint64_t *map, uint64_t first, uint64_t cnt)
{
	while (cnt) {
		uint64_t bit = first % 64, n = min_u64(cnt, 64 - bit);

		map[first / 64] |= (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << bit;
		first += n;
		cnt -= n;
	}
}

/* --- what changes the disk ------------------------------------------------------------------- */

static void change_done(struct file_io *io, int err)
{
	struct blk_req *r = container_of((void *)io, struct blk_req, priv);
	struct overlay *o = r->blk->state;

	if (!err)
		map_set(o->map, r->off >> SECTOR_SHIFT, r->len >> SECTOR_SHIFT);
	blk_complete(r, err);
}

static void layer_done(struct file_io *io, int err)
{
	blk_complete(container_of((void *)io, struct blk_req, priv), err);
}

static void start_layer(struct blk *b, struct blk_req *r, enum file_op op, unsigned flags,
			void (*done)(struct file_io *io, int err))
{
	struct file_io *io = (struct file_io *)(void *)r->priv;

	io->op = op;
	io->flags = flags;
	io->file = b->file;
	io->off = r->off;
	io->len = r->len;
	io->iov = r->iov;
	io->iov_cnt = r->iov_cnt;
	io->done = done;
	file_start(io);
}

/* --- reads -------------------------------------------------------------------------------------
 */

static void sub_next(struct sub *s);
static void begin_read(struct overlay *o, struct sub *s, struct blk_req *r);

static void sub_over(struct sub *s, int err)
{
	struct overlay *o = s->o;
	struct blk_req *r = s->parent, *next = o->waiting;

	if (next) {
		o->waiting = next->next;
		if (!o->waiting)
			o->waiting_tail = &o->waiting;
		begin_read(o, s, next);
	} else {
		s->next = o->free;
		o->free = s;
	}
	blk_complete(r, err);
}

static void run_done(struct sub *s, int err)
{
	s->pos += s->run;
	if (err || s->pos == s->parent->len)
		sub_over(s, err);
	else
		sub_next(s);
}

static void base_run_done(struct blk_req *r, int err)
{
	run_done(container_of(r, struct sub, req), err);
}

static void layer_run_done(struct file_io *io, int err)
{
	run_done(container_of(io, struct sub, io), err);
}

static void sub_next(struct sub *s)
{
	struct overlay *o = s->o;
	struct blk_req *r = s->parent;
	uint64_t off = r->off + s->pos, left = r->len - s->pos;
	const struct iovec *iov = r->iov;
	unsigned cnt = r->iov_cnt;
	bool here;

	s->run = map_run(o->map, off >> SECTOR_SHIFT, left >> SECTOR_SHIFT, &here) << SECTOR_SHIFT;
	if (s->run < r->len) {
		cnt = iov_window(iov, cnt, s->pos, s->run, s->iov, BLK_IOV_MAX, &left);
		iov = s->iov;
	}
	if (here) {
		s->io = (struct file_io){ .op = FILE_READ,
					  .file = o->blk->file,
					  .off = off,
					  .len = s->run,
					  .iov = iov,
					  .iov_cnt = cnt,
					  .done = layer_run_done };
		file_start(&s->io);
		return;
	}
	s->req.op = BLK_READ;
	s->req.flags = 0;
	s->req.off = off;
	s->req.len = s->run;
	s->req.iov = iov;
	s->req.iov_cnt = cnt;
	s->req.done = base_run_done;
	blk_start(o->blk->base, &s->req);
}

static void begin_read(struct overlay *o, struct sub *s, struct blk_req *r)
{
	s->o = o;
	s->parent = r;
	s->pos = 0;
	sub_next(s);
}

static void read_mixed(struct overlay *o, struct blk_req *r)
{
	struct sub *s = o->free;

	if (s) {
		o->free = s->next;
		begin_read(o, s, r);
		return;
	}
	r->next = NULL;
	*o->waiting_tail = r;
	o->waiting_tail = &r->next;
}

/* --- the format --------------------------------------------------------------------------------
 */

static void overlay_submit(struct blk *b, struct blk_req *r)
{
	struct overlay *o = b->state;
	bool here;

	switch (r->op) {
	case BLK_READ:
		if (map_run(o->map, r->off >> SECTOR_SHIFT, r->len >> SECTOR_SHIFT, &here) ==
			    r->len >> SECTOR_SHIFT &&
		    here)
			start_layer(b, r, FILE_READ, 0, layer_done);
		else
			read_mixed(o, r);
		break;
	case BLK_WRITE:
		start_layer(b, r, FILE_WRITE, 0, change_done);
		break;
	case BLK_DISCARD:
	case BLK_ZERO:
		/* Holes of the layer's, marked as being there: zeros that take no space. */
		if (r->op == BLK_DISCARD && o->no_discard)
			blk_complete(r, 0);
		else
			start_layer(b, r, FILE_ZERO, FILE_UNMAP, change_done);
		break;
	case BLK_FLUSH:
		blk_complete(r, 0);
		break;
	}
}

/* A file that has no name in @dir; -1 and errno. */
static int make_nameless(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	char name[4096];

	if (fd >= 0)
		return fd;
	/* Not every file system can. */
	snprintf(name, sizeof(name), "%s/trapeze-overlay-XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

/* Where the user says, or where the host keeps large temporary files (file-hierarchy(7)), or any.
 */
static int make_file(const char *path, struct error **errp)
{
	const char *said = getenv("TMPDIR");
	const char *const dirs[] = { said && *said ? said : "/var/tmp",
				     said && *said ? said : "/tmp" };
	int fd = make_nameless(dirs[0]), r;

	if (fd < 0 && errno == ENOENT)
		fd = make_nameless(dirs[1]);
	if (fd >= 0)
		return fd;
	r = err_errno(errp, errno, "cannot make a temporary layer for '%s' in '%s'", path, dirs[0]);
	err_hint(errp, "set TMPDIR to a directory with room");
	return r;
}

static int make_subs(struct overlay *o)
{
	o->subs = calloc(SUBS, sizeof(*o->subs));
	if (!o->subs)
		return -ENOMEM;
	for (unsigned i = SUBS; i-- > 0;) {
		o->subs[i].next = o->free;
		o->free = &o->subs[i];
	}
	return 0;
}

static int make_map(struct overlay *o, uint64_t size)
{
	void *p;

	o->map_len = (size_t)(size / (1u << SECTOR_SHIFT) / 64 + 1) * sizeof(uint64_t);
	p = mmap(NULL, o->map_len, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	o->map = p;
	return 0;
}

static int overlay_open(struct blk *b, const struct blk_config *c, struct error **errp)
{
	struct overlay *o = calloc(1, sizeof(*o));
	int r = -ENOMEM, fd;

	if (!o)
		return err_set(errp, ENOMEM, "no memory for the overlay of '%s'", b->path);
	b->state = o;
	o->blk = b;
	o->waiting_tail = &o->waiting;
	o->no_discard = c->no_discard;
	r = make_subs(o);
	if (!r)
		r = make_map(o, b->info.size);
	if (r < 0)
		return err_errno(errp, -r, "no memory for the overlay of '%s'", b->path);
	fd = make_file(b->path, errp);
	if (fd < 0)
		return fd;
	r = file_adopt(b->engine, fd, b->path, FILE_NOLOCK | FILE_NOSYNC, &b->file, errp);
	if (r < 0)
		return r;
	/* As long as the disk, all hole: what is punched out of it reads as zeros. */
	r = file_truncate(b->file, b->info.size);
	if (r < 0)
		return err_errno(errp, -r, "cannot make a temporary layer as large as '%s'",
				 b->path);
	b->info.readonly = false;
	b->info.discard_granularity = c->no_discard ? 0 : b->file->discard_granularity;
	return 0;
}

static void overlay_close(struct blk *b)
{
	struct overlay *o = b->state;

	if (!o)
		return;
	if (o->map)
		munmap(o->map, o->map_len);
	free(o->subs);
	free(o);
	b->state = NULL;
}

const struct blk_format_ops blk_overlay = {
	.name = "overlay",
	.open = overlay_open,
	.submit = overlay_submit,
	.close = overlay_close,
};
