/* SPDX-License-Identifier: MIT */
/*
 * file_io.c: the life of one asynchronous request, from file_start() to done().
 *
 * Most are begun and are over. The rest of this file is for those that are not: short transfers,
 * the end of the file, syncs that share one system call, durable writes, zeros on file systems that
 * know no fallocate, and O_DIRECT with something unaligned.
 *
 * Everything but file_perform() runs on the loop's thread; a request belongs to the engine between
 * queue() and file_result().
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include <linux/falloc.h>
#include <linux/fs.h>

#include "block/engine.h"
#include "block/file_rw.h"
#include "block/host.h"

/* file_io.state: what is not plain about it. 0: one transfer, and it is over. */
enum {
	ST_PART = 1,      /* the piece is not all there is to do */
	ST_TRACKED = 2,   /* counts in file.writes */
	ST_EXCLUSIVE = 4, /* has the file for itself */
	ST_DURABLE = 8,   /* a sync follows */
	ST_OTHER = 16,    /* not a transfer */
};

#define TRIES 64

/* Never written to; .bss costs no space in the program. */
static uint8_t zeros[64 * KIB] __attribute__((aligned(4096)));

/* --- beginnings --------------------------------------------------------------------------------
 */

static void queue(struct file_io *io, enum file_act act)
{
	struct engine *e = io->file->engine;

	io->act = (uint8_t)act;
	e->queued = true;
	e->ops->queue(e, io);
}

/* Over before it began. */
static void finish_later(struct file_io *io, int err)
{
	engine_ready(io->file->engine, io, err);
}

static void begin_sync(struct file_io *io)
{
	struct blk_file *f = io->file;

	io->state |= ST_OTHER;
	if (f->flags & FILE_NOSYNC || f->sync_error) {
		finish_later(io, f->flags & FILE_NOSYNC ? 0 : f->sync_error);
	} else if (f->sync_now) {
		/* The one that runs began before some write that this one must cover. */
		io->next = f->sync_next;
		f->sync_next = io;
	} else {
		f->sync_now = io;
		queue(io, ACT_SYNC);
	}
}

/* The rest of a transfer, from io->pos on: as many segments as there is place for. */
static void continue_transfer(struct file_io *io, enum file_act act)
{
	io->part_cnt = (uint8_t)iov_window(io->iov, io->iov_cnt, io->pos, io->len - io->pos,
					   io->part, FILE_PARTS, &io->piece);
	io->state |= ST_PART;
	queue(io, act);
}

/* Zeros by hand, a bounded piece at a time. */
static void continue_zero(struct file_io *io)
{
	uint64_t left = io->len - io->pos;

	io->piece = 0;
	io->part_cnt = 0;
	while (io->part_cnt < FILE_PARTS && left) {
		size_t n = (size_t)min_u64(left, sizeof(zeros));

		io->part[io->part_cnt++] = (struct iovec){ zeros, n };
		io->piece += n;
		left -= n;
	}
	io->state |= ST_PART;
	queue(io, file_aligned(io->file, io->part, io->part_cnt, io->off + io->pos, io->piece)
			  ? ACT_WRITE
			  : ACT_BOUNCE);
}

/* By the means that the file is not known to lack. */
static void begin_zero(struct file_io *io)
{
	struct blk_file *f = io->file;

	io->state |= ST_OTHER;
	if (io->flags & FILE_UNMAP && !f->no_punch && !(f->flags & FILE_NODISCARD)) {
		io->mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		queue(io, ACT_FALLOCATE);
	} else if (!f->no_zero_range) {
		io->mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
		queue(io, ACT_FALLOCATE);
	} else {
		continue_zero(io);
	}
}

/* A device discards whole blocks only; what sticks out stays as it is. */
static void begin_discard(struct file_io *io)
{
	struct blk_file *f = io->file;
	uint64_t a = f->logical_block;
	uint64_t lo = f->is_bdev ? align_up(io->off, a) : io->off;
	uint64_t hi = f->is_bdev ? align_down(io->off + io->len, a) : io->off + io->len;

	io->state |= ST_OTHER;
	if (f->flags & FILE_NODISCARD || !f->discard_granularity || lo >= hi) {
		finish_later(io, 0);
		return;
	}
	io->pos = lo - io->off;
	io->piece = hi - lo;
	io->mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	queue(io, f->is_bdev ? ACT_DISCARD : ACT_FALLOCATE);
}

static bool aligned(const struct file_io *io)
{
	return file_aligned(io->file, io->iov, io->iov_cnt, io->off, io->len);
}

/* Does it read, change and write blocks of the host's that hold others' bytes, too? */
static bool needs_exclusion(const struct file_io *io)
{
	return (io->off | io->len) & (io->file->offset_align - 1);
}

static void begin_other_act(struct file_io *io)
{
	struct blk_file *f = io->file;

	switch (io->op) {
	case FILE_READ:
		queue(io, aligned(io) && io->off + io->len <= f->zero_from ? ACT_READ : ACT_BOUNCE);
		break;
	case FILE_WRITE:
		queue(io, aligned(io) ? ACT_WRITE : ACT_BOUNCE);
		break;
	case FILE_ZERO:
		begin_zero(io);
		break;
	case FILE_DISCARD:
		begin_discard(io);
		break;
	case FILE_SYNC:
		begin_sync(io);
		break;
	}
}

/* Of a FILE_DIRECT file: may this one begin now? Then it is counted. */
static bool admit(struct file_io *io)
{
	struct blk_file *f = io->file;

	if (io->op != FILE_WRITE && io->op != FILE_ZERO)
		return true;
	if (f->exclusive || (needs_exclusion(io) && f->writes))
		return false;
	if (needs_exclusion(io)) {
		io->state |= ST_EXCLUSIVE;
		f->exclusive = true;
	} else {
		io->state |= ST_TRACKED;
		f->writes++;
	}
	return true;
}

static void begin_other(struct file_io *io)
{
	struct blk_file *f = io->file;

	if (io->flags & FILE_DURABLE)
		io->state |= ST_DURABLE;
	if (f->offset_align > 1 && io->op != FILE_READ) {
		if (io->op == FILE_SYNC || io->op == FILE_DISCARD) {
			begin_other_act(io);
			return;
		}
		/* First come, first served: none overtakes who waits for its turn alone. */
		if (f->held || !admit(io)) {
			io->next = NULL;
			*f->held_tail = io;
			f->held_tail = &io->next;
			return;
		}
	}
	begin_other_act(io);
}

void file_start(struct file_io *io)
{
	io->pos = 0;
	io->piece = io->len;
	io->tries = 0;
	io->part_cnt = 0;
	io->state = 0;
	io->file->engine->in_flight++;
	if (likely(io->op <= FILE_WRITE && !io->flags && io->file->offset_align == 1))
		queue(io, io->op == FILE_READ ? ACT_READ : ACT_WRITE);
	else
		begin_other(io);
}

/* --- what a worker does ------------------------------------------------------------------------
 */

static int32_t result(int64_t r)
{
	return r < 0 ? -errno : (int32_t)r;
}

int32_t file_perform(struct file_io *io)
{
	struct blk_file *f = io->file;
	uint64_t off = io->off + io->pos, range[2] = { off, io->piece };
	unsigned cnt;
	const struct iovec *iov = file_iov(io, &cnt);
	int r;

	switch ((enum file_act)io->act) {
	case ACT_READ:
		return result(host->read(f->fd, iov, (int)cnt, (off_t)off, 0));
	case ACT_WRITE:
		return result(host->write(f->fd, iov, (int)cnt, (off_t)off, 0));
	case ACT_SYNC:
		return result(host->fdatasync(f->fd));
	case ACT_FALLOCATE:
		return result(host->fallocate(f->fd, io->mode, (off_t)off, (off_t)io->piece));
	case ACT_DISCARD:
		return result(host->ioctl(f->fd, BLKDISCARD, range));
	case ACT_BOUNCE:
		r = file_transfer(f, io->op != FILE_READ, iov, cnt, off, io->piece);
		return r; /* 0: all of it */
	}
	return -EINVAL;
}

/* --- ends --------------------------------------------------------------------------------------
 */

void file_finish(struct file_io *io, int err)
{
	io->file->engine->in_flight--;
	io->done(io, err);
}

/* Those who waited for a write that changed its neighbours. */
static void release_held(struct blk_file *f)
{
	while (f->held) {
		struct file_io *io = f->held;
		struct file_io *next = io->next;

		if (!admit(io))
			return;
		f->held = next;
		if (!next)
			f->held_tail = &f->held;
		begin_other_act(io);
	}
}

/* The transfer is over, whatever came of it. */
static void transfer_over(struct file_io *io, int err)
{
	struct blk_file *f = io->file;

	if (io->state & ST_EXCLUSIVE)
		f->exclusive = false;
	if (io->state & ST_TRACKED)
		f->writes--;
	io->state &= (uint8_t) ~(ST_EXCLUSIVE | ST_TRACKED);
	if (f->held)
		release_held(f);
	if (!err && io->state & ST_DURABLE)
		begin_sync(io);
	else
		file_finish(io, err);
}

static struct file_io *reverse(struct file_io *list)
{
	struct file_io *r = NULL;

	while (list) {
		struct file_io *next = list->next;

		list->next = r;
		r = list;
		list = next;
	}
	return r;
}

/*
 * A sync has ended. All that came before it began are served; the next begins for those that came
 * after. A failure latches: the kernel has dropped the pages it could not write, and would call the
 * next sync a success (the "fsyncgate" of 2018).
 */
static void sync_over(struct file_io *io, int err)
{
	struct blk_file *f = io->file;
	struct file_io *riders = f->sync_riders, *waiting = reverse(f->sync_next);

	if (err && !f->sync_error)
		f->sync_error = err;
	f->sync_now = f->sync_riders = f->sync_next = NULL;
	if (waiting && !f->sync_error) {
		f->sync_now = waiting;
		f->sync_riders = waiting->next;
		queue(waiting, ACT_SYNC);
	} else {
		while (waiting) {
			struct file_io *next = waiting->next;

			finish_later(waiting, f->sync_error);
			waiting = next;
		}
	}
	file_finish(io, err);
	while (riders) {
		struct file_io *next = riders->next;

		file_finish(riders, err);
		riders = next;
	}
}

/* A read has come to the end of the file, or to where O_DIRECT cannot ask on from. */
static void read_at_end(struct file_io *io)
{
	if (io->off + io->pos < io->file->zero_from) {
		transfer_over(io, EIO); /* there were bytes here once */
		return;
	}
	iov_zero(io->iov, io->iov_cnt, io->pos);
	transfer_over(io, 0);
}

static void transferred(struct file_io *io, uint64_t res)
{
	io->pos += min_u64(res, io->piece);
	if (res)
		io->tries = 0;
	if (io->pos >= io->len)
		transfer_over(io, 0);
	else if (io->op == FILE_READ && (!res || (io->pos & (io->file->offset_align - 1))))
		read_at_end(io);
	else if (!res)
		transfer_over(io, EIO); /* pwrite(2) never says 0 for a disk */
	else if (io->op == FILE_ZERO)
		continue_zero(io);
	else
		continue_transfer(io, (enum file_act)io->act);
}

static bool unsupported(int err)
{
	return err == EOPNOTSUPP || err == ENOSYS || err == ENOTTY;
}

/* fallocate(2) cannot: the next best way to make zeros. */
static void zero_otherwise(struct file_io *io, int err)
{
	struct blk_file *f = io->file;

	if (err == EINVAL) { /* a range that is not blocks of a device */
		continue_zero(io);
		return;
	}
	if (io->mode & FALLOC_FL_PUNCH_HOLE)
		f->no_punch = true;
	else
		f->no_zero_range = true;
	begin_zero(io);
}

static void failed(struct file_io *io, int err)
{
	if ((err == EINTR || err == EAGAIN || err == ECANCELED) && ++io->tries < TRIES) {
		queue(io, (enum file_act)io->act);
	} else if (io->act == ACT_SYNC) {
		sync_over(io, err);
	} else if (io->op == FILE_DISCARD) {
		/* A hint that the host cannot take is no failure (virtio 1.2, 5.2.6.2). */
		file_finish(io, unsupported(err) ? 0 : err);
	} else if (io->act == ACT_FALLOCATE && (unsupported(err) || err == EINVAL)) {
		zero_otherwise(io, err);
	} else {
		transfer_over(io, err);
	}
}

void file_result(struct file_io *io, int32_t res)
{
	if (likely(!io->state && res >= 0 && (uint64_t)res == io->piece)) {
		file_finish(io, 0);
		return;
	}
	if (res < 0)
		failed(io, -res);
	else if (io->act == ACT_SYNC)
		sync_over(io, 0);
	else if (io->act == ACT_FALLOCATE || io->act == ACT_DISCARD)
		transfer_over(io, 0);
	else if (io->act == ACT_BOUNCE)
		transferred(io, io->piece);
	else
		transferred(io, (uint32_t)res);
}
