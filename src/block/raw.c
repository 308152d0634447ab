/* SPDX-License-Identifier: MIT */
/*
 * raw.c: byte N of the disk is byte N of the file.
 *
 * A file that is no multiple of 512 bytes has a last sector that it does not fill: the rest of that
 * reads as zeros, and a write to it makes the file longer.
 *
 * A disk whose format was guessed has a guarded first sector (probe.c says why). What a write there
 * would leave is copied, judged, and written from the copy: the guest can change its own memory
 * after we have looked.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "block/block_internal.h"
#include "block/file_rw.h"
#include "block/probe.h"
#include "vmm/error.h"
#include "vmm/log.h"

#define SECTOR 512u
#define PIECES (BLK_IOV_MAX + 1) /* the guarded sector, and what may follow it */

struct raw {
	/* Of a guarded disk; one such write at a time. */
	struct blk_req *guarded, *waiting, **waiting_tail;
	struct iovec iov[PIECES];
	bool told;
	uint8_t head[BLK_PROBE_LEN] __attribute__((aligned(4096)));
};

_Static_assert(sizeof(struct file_io) <= sizeof(((struct blk_req *)0)->priv), "fits a request");
_Static_assert(BLK_ZERO_UNMAP == FILE_UNMAP && BLK_SYNC == FILE_DURABLE, "flags need no table");

static const uint8_t file_op[] = {
	[BLK_READ] = FILE_READ,       [BLK_WRITE] = FILE_WRITE, [BLK_FLUSH] = FILE_SYNC,
	[BLK_DISCARD] = FILE_DISCARD, [BLK_ZERO] = FILE_ZERO,
};

static void start(struct blk *b, struct blk_req *r, const struct iovec *iov, unsigned cnt,
		  void (*done)(struct file_io *io, int err))
{
	struct file_io *io = (struct file_io *)(void *)r->priv;

	io->op = (enum file_op)file_op[r->op];
	io->flags = r->flags;
	io->file = b->file;
	io->off = r->off;
	io->len = r->len;
	io->iov = iov;
	io->iov_cnt = cnt;
	io->done = done;
	file_start(io);
}

static struct blk_req *to_req(struct file_io *io)
{
	return container_of((void *)io, struct blk_req, priv);
}

static void raw_done(struct file_io *io, int err)
{
	blk_complete(to_req(io), err);
}

/* --- the guarded sector ------------------------------------------------------------------------
 */

static void begin_guarded(struct blk *b, struct blk_req *r);

static void guarded_over(struct blk *b, struct blk_req *r, int err)
{
	struct raw *s = b->state;
	struct blk_req *next = s->waiting;

	s->guarded = NULL;
	if (next) {
		s->waiting = next->next;
		if (!s->waiting)
			s->waiting_tail = &s->waiting;
		begin_guarded(b, next);
	}
	blk_complete(r, err);
}

static void guarded_done(struct file_io *io, int err)
{
	struct blk_req *r = to_req(io);

	guarded_over(r->blk, r, err);
}

static void begin_guarded(struct blk *b, struct blk_req *r)
{
	struct raw *s = b->state;
	const struct blk_format_ops *ops;
	const char *name;
	uint64_t len;
	unsigned cnt;

	s->guarded = r;
	iov_to_buf(r->iov, r->iov_cnt, s->head, SECTOR);
	name = probe_head(s->head, &ops);
	if (name) {
		if (!s->told)
			log_msg(LOG_WARN, "disk",
				"'%s': refused to let the guest make it look like a %s image "
				"(format=raw lets it)",
				b->path, name);
		s->told = true;
		guarded_over(b, r, EPERM);
		return;
	}
	s->iov[0] = (struct iovec){ s->head, SECTOR };
	cnt = iov_window(r->iov, r->iov_cnt, SECTOR, r->len - SECTOR, s->iov + 1, PIECES - 1, &len);
	start(b, r, s->iov, cnt + 1, guarded_done);
}

static void submit_guarded(struct blk *b, struct blk_req *r)
{
	struct raw *s = b->state;

	if (!s->guarded) {
		begin_guarded(b, r);
		return;
	}
	r->next = NULL;
	*s->waiting_tail = r;
	s->waiting_tail = &r->next;
}

/* --- the format --------------------------------------------------------------------------------
 */

static void raw_submit(struct blk *b, struct blk_req *r)
{
	if (unlikely(b->state && r->op == BLK_WRITE && r->off == 0 && r->len))
		submit_guarded(b, r);
	else
		start(b, r, r->iov, r->iov_cnt, raw_done);
}

static int raw_open(struct blk *b, const struct blk_config *c, struct error **errp)
{
	uint64_t size = b->file->zero_from;
	struct raw *s;

	(void)c;
	b->info.size = align_up(size, SECTOR);
	if (b->info.size != size)
		log_msg(LOG_WARN, "disk",
			"'%s': %" PRIu64
			" bytes are no multiple of 512: the last sector ends in zeros",
			b->path, size);
	if (!size)
		log_msg(LOG_WARN, "disk", "'%s': is empty, and so is the disk", b->path);
	if (!b->probed || b->info.readonly)
		return 0;
	s = aligned_alloc(_Alignof(struct raw), sizeof(*s));
	if (!s)
		return err_set(errp, ENOMEM, "no memory to open '%s'", b->path);
	memset(s, 0, sizeof(*s));
	s->waiting_tail = &s->waiting;
	b->state = s;
	return 0;
}

static bool raw_refresh(struct blk *b)
{
	uint64_t size, old = b->info.size;

	if (file_size(b->file, &size) < 0)
		return false;
	b->file->zero_from = size;
	b->info.size = align_up(size, SECTOR);
	return b->info.size != old;
}

static void raw_close(struct blk *b)
{
	free(b->state);
	b->state = NULL;
}

const struct blk_format_ops blk_raw = {
	.name = "raw",
	.format = BLK_FORMAT_RAW,
	.open = raw_open,
	.submit = raw_submit,
	.refresh = raw_refresh,
	.close = raw_close,
};
