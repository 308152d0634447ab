/* SPDX-License-Identifier: MIT */
/*
 * engine_uring.c: io_uring(7). A request becomes an entry of the submission ring at once; submit()
 * is one io_uring_enter(2) for however many there are. What the page cache can answer is complete
 * when that call returns, and is reaped without another.
 *
 * The ring's own descriptor is what the loop watches: it is readable while there is something to
 * reap, so what was reaped in passing rings no bell, and there is no counter to read.
 *
 * IORING_SETUP_COOP_TASKRUN keeps completions from interrupting the thread in user mode: they are
 * finished at its next system call, or wake it from one. IORING_SETUP_DEFER_TASKRUN, though made
 * for loops like ours, was tried and is not used: poll(2) on such a ring does not wake for deferred
 * work (Linux 6.18), so it takes an eventfd, which costs a read(2) and an enter per wake-up; and
 * then only the thread that asked gets answers, even after its loop has stopped.
 */
#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "block/engine.h"
#include "block/host.h"
#include "vmm/error.h"

#define SQ_ENTRIES 256  /* a whole queue's batch */
#define CQ_ENTRIES 1024 /* what the kernel may have at a time; more waits here */

struct uring {
	struct engine *engine;
	struct io_uring ring;
	bool have_ring;
	struct file_io *only;  /* queued, and may stay alone: no entry made yet */
	unsigned misses, skip; /* of the page cache, by reads that were alone */
	unsigned in_kernel;    /* entries that were made and have not come back */
	struct file_io *backlog, **backlog_tail;
};

/* What a newer kernel makes cheaper, newest first: Linux 5.19; any. */
static const unsigned setups[] = { IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL, 0 };

/* Linux 5.6, which brought IORING_OP_READ, WRITE and FALLOCATE, and RW_CUR_POS. */
static bool new_enough(const struct io_uring_params *p)
{
	return p->features & IORING_FEAT_RW_CUR_POS && p->features & IORING_FEAT_NODROP;
}

static int make_ring(struct uring *u)
{
	int r = -EINVAL;

	for (size_t i = 0; i < ARRAY_LEN(setups) && r == -EINVAL; i++) {
		struct io_uring_params p = { .flags = setups[i] | IORING_SETUP_CQSIZE |
						      IORING_SETUP_CLAMP,
					     .cq_entries = CQ_ENTRIES };

		r = io_uring_queue_init_params(SQ_ENTRIES, &u->ring, &p);
		if (!r && !new_enough(&p)) {
			io_uring_queue_exit(&u->ring);
			r = -ENOSYS;
		}
	}
	u->have_ring = !r;
	return r;
}

/* --- requests ----------------------------------------------------------------------------------
 */

static void prepare(struct io_uring_sqe *sqe, struct file_io *io)
{
	int fd = io->file->fd;
	uint64_t off = io->off + io->pos;
	unsigned cnt;
	const struct iovec *iov = file_iov(io, &cnt);

	switch ((enum file_act)io->act) {
	case ACT_READ:
		if (cnt == 1)
			io_uring_prep_read(sqe, fd, iov->iov_base,
					   (unsigned)min_u64(iov->iov_len, INT32_MAX), off);
		else
			io_uring_prep_readv(sqe, fd, iov, cnt, off);
		break;
	case ACT_WRITE:
		if (cnt == 1)
			io_uring_prep_write(sqe, fd, iov->iov_base,
					    (unsigned)min_u64(iov->iov_len, INT32_MAX), off);
		else
			io_uring_prep_writev(sqe, fd, iov, cnt, off);
		break;
	case ACT_SYNC:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	default:
		io_uring_prep_fallocate(sqe, fd, io->mode, (off_t)off, (off_t)io->piece);
		break;
	}
	io_uring_sqe_set_data(sqe, io);
}

static void put_off(struct uring *u, struct file_io *io)
{
	io->next = NULL;
	*u->backlog_tail = io;
	u->backlog_tail = &io->next;
}

static void uring_submit(struct engine *e);

/* False: no room now. */
static bool make_entry(struct uring *u, struct file_io *io)
{
	struct io_uring_sqe *sqe;

	if (u->in_kernel >= CQ_ENTRIES)
		return false;
	sqe = io_uring_get_sqe(&u->ring);
	if (unlikely(!sqe)) {
		uring_submit(u->engine);
		sqe = io_uring_get_sqe(&u->ring);
		if (!sqe)
			return false;
	}
	prepare(sqe, io);
	u->in_kernel++;
	return true;
}

static void enter_queue(struct uring *u, struct file_io *io)
{
	if (unlikely(u->backlog || !make_entry(u, io)))
		put_off(u, io);
}

/* --- the page cache ----------------------------------------------------------------------------
 */

/* The whole piece, at once and without waiting for a disk? */
static bool read_now(struct file_io *io)
{
	unsigned cnt;
	const struct iovec *iov = file_iov(io, &cnt);
	off_t off = (off_t)(io->off + io->pos);
	ssize_t n = host->read(io->file->fd, iov, (int)cnt, off, RWF_NOWAIT);

	io->file->no_nowait = n < 0 && errno == EOPNOTSUPP;
	return n >= 0 && (uint64_t)n == io->piece;
}

/*
 * A read that is alone, at depth 1 typically: preadv2(2) costs a third less than the ring if the
 * bytes are cached, and one call more if not. So it is tried the less often the more often it was
 * in vain.
 */
static bool read_alone(struct uring *u, struct file_io *io)
{
	if (io->act != ACT_READ || io->state || io->file->flags & FILE_DIRECT ||
	    io->file->no_nowait)
		return false;
	if (u->skip) {
		u->skip--;
		return false;
	}
	if (read_now(io)) {
		u->misses = 0;
		return true;
	}
	u->misses = u->misses < 6 ? u->misses + 1 : 6;
	u->skip = (1u << u->misses) - 1;
	return false;
}

/*
 * Some file systems (ext4, tmpfs) cannot write to the page cache without maybe waiting. io_uring
 * then hands each write to a kernel thread and takes it back, at four times the cost of the write
 * (Linux 6.1 and 6.18); our own thread takes and gives them back a batch at a time. The first write
 * of a file finds out.
 */
static bool write_would_punt(struct file_io *io)
{
	struct blk_file *f = io->file;

	if (io->act != ACT_WRITE || f->flags & FILE_DIRECT)
		return false;
	if (!f->write_known) {
		unsigned cnt;
		const struct iovec *iov = file_iov(io, &cnt);

		/* The bytes are to be written there anyway; whatever came of it, that is done
		 * again. */
		f->write_known = true;
		f->write_punts = host->write(f->fd, iov, (int)cnt, (off_t)(io->off + io->pos),
					     RWF_NOWAIT) < 0 &&
				 errno != EAGAIN;
	}
	return f->write_punts;
}

/* --- queue and submit --------------------------------------------------------------------------
 */

static void uring_queue(struct engine *e, struct file_io *io)
{
	struct uring *u = e->state;

	if (unlikely(io->act >= ACT_DISCARD || write_would_punt(io))) {
		engine_to_workers(e, io);
		return;
	}
	if (!u->only && !io_uring_sq_ready(&u->ring)) {
		u->only = io;
		return;
	}
	if (u->only) {
		enter_queue(u, u->only);
		u->only = NULL;
	}
	enter_queue(u, io);
}

/* The kernel will not take these now (it has no memory): workers will. */
static void take_back(struct uring *u)
{
	struct io_uring_sq *sq = &u->ring.sq;
	unsigned head = *sq->khead;

	for (unsigned i = head; i != sq->sqe_tail; i++) {
		const struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];

		u->in_kernel--;
		engine_to_workers(u->engine, (struct file_io *)(uintptr_t)sqe->user_data);
	}
	/* Without a kernel thread that polls, the kernel looks at the tail only when it is told. */
	sq->sqe_head = sq->sqe_tail = head;
	*sq->ktail = head;
}

static void uring_submit(struct engine *e)
{
	struct uring *u = e->state;
	int r;

	if (u->only) {
		struct file_io *io = u->only;

		u->only = NULL;
		if (read_alone(u, io)) {
			engine_ready(e, io, 0);
			return;
		}
		enter_queue(u, io);
	}
	while (io_uring_sq_ready(&u->ring)) {
		r = io_uring_submit(&u->ring);
		if (r <= 0 && r != -EINTR) {
			take_back(u);
			return;
		}
	}
}

static void submit_backlog(struct uring *u)
{
	while (u->backlog) {
		struct file_io *io = u->backlog, *next = io->next;

		if (!make_entry(u, io))
			break;
		u->engine->queued = true;
		u->backlog = next;
		if (!next)
			u->backlog_tail = &u->backlog;
	}
}

static int32_t seen_by_test(const struct file_io *io, int32_t res)
{
	static const enum host_call call[] = { [ACT_READ] = HOST_READ,
					       [ACT_WRITE] = HOST_WRITE,
					       [ACT_SYNC] = HOST_SYNC,
					       [ACT_FALLOCATE] = HOST_FALLOCATE };

	return host->completion ? host->completion(call[io->act], res) : res;
}

static unsigned uring_reap(struct engine *e, unsigned max)
{
	struct uring *u = e->state;
	struct io_uring *ring = &u->ring;
	unsigned n = 0;

	if (!u->in_kernel)
		return 0;
	/* Completions that wait for room in the ring. */
	if (unlikely(IO_URING_READ_ONCE(*ring->sq.kflags) & IORING_SQ_CQ_OVERFLOW))
		io_uring_get_events(ring);
	while (n < max) {
		unsigned head = *ring->cq.khead;
		const struct io_uring_cqe *cqe = &ring->cq.cqes[head & ring->cq.ring_mask];
		struct file_io *io;
		int32_t res;

		if (head == io_uring_smp_load_acquire(ring->cq.ktail))
			break;
		io = (struct file_io *)(uintptr_t)cqe->user_data;
		res = cqe->res;
		/* Before done(), which may submit, and with that reuse this place. */
		io_uring_smp_store_release(ring->cq.khead, head + 1);
		u->in_kernel--;
		n++;
		file_result(io, seen_by_test(io, res));
	}
	if (unlikely(u->backlog))
		submit_backlog(u);
	return n;
}

/* --- life --------------------------------------------------------------------------------------
 */

static void on_event(struct ev_fd *ev, uint32_t revents)
{
	struct engine *e = container_of(ev, struct engine, event);

	(void)revents;
	e->woken(e->opaque);
}

static int uring_open(struct engine *e, struct error **errp)
{
	struct uring *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return err_set(errp, ENOMEM, "no memory for io_uring");
	e->state = u;
	u->engine = e;
	u->backlog_tail = &u->backlog;
	e->event = (struct ev_fd){ .fd = -1, .events = EV_IN, .cb = on_event };
	r = make_ring(u);
	if (r == -EPERM)
		return err_set(errp, EPERM, "this host forbids io_uring");
	if (r < 0)
		return err_errno(errp, -r, "io_uring does not work here");
	e->event.fd = u->ring.ring_fd;
	return loop_add(e->loop, &e->event, errp);
}

static void uring_close(struct engine *e)
{
	struct uring *u = e->state;

	if (!u)
		return;
	loop_del(&e->event);
	if (u->have_ring)
		io_uring_queue_exit(&u->ring);
	free(u);
	e->state = NULL;
}

const struct engine_ops engine_uring = {
	.name = "io_uring",
	.open = uring_open,
	.close = uring_close,
	.queue = uring_queue,
	.submit = uring_submit,
	.reap = uring_reap,
};
