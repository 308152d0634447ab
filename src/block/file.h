/* SPDX-License-Identifier: MIT */
/*
 * file.h: a host file or block device that is open, and the requests that move its bytes.
 *
 * What formats build on. A file belongs to an engine, an engine to one loop; unless it says
 * otherwise a function is called on that loop's thread, or while the loop does not run.
 *
 * Asynchronous: fill in a struct file_io, file_start() it, as many as there are; engine_submit()
 * then hands all of them to the kernel in one system call. The front (blk.c) does that at the end
 * of blk_submit() and after each round of completions, so a format calls engine_submit() only where
 * it starts I/O from somewhere else (a timer).
 *
 * Synchronous: file_pread() and its like, for opening, closing and tools.
 *
 * Short transfers are continued where they stopped, EINTR and EAGAIN are retried: who gets an error
 * gets the last word.
 */
#ifndef BLOCK_FILE_H
#define BLOCK_FILE_H

#include <sys/uio.h>

#include "vmm/base.h"
#include "vmm/lock.h"

struct blk_file;
struct engine;
struct error;

enum file_op { FILE_READ, FILE_WRITE, FILE_SYNC, FILE_DISCARD, FILE_ZERO };

#define FILE_UNMAP   1u /* FILE_ZERO: the host may take the space back */
#define FILE_DURABLE 2u /* FILE_WRITE, FILE_ZERO: done() once fdatasync(2) has seen it, too */

#define FILE_PARTS 2 /* segments of a piece that is not all of a request */

/* What the host is asked to do next. */
enum file_act { ACT_READ, ACT_WRITE, ACT_SYNC, ACT_FALLOCATE, ACT_DISCARD, ACT_BOUNCE };

struct file_io {
	/* The caller's; const from file_start() until done(). */
	enum file_op op;
	unsigned flags;
	struct blk_file *file;
	uint64_t off, len;       /* bytes; FILE_SYNC: ignored */
	const struct iovec *iov; /* exactly @len bytes, at most IOV_MAX segments; else ignored */
	unsigned iov_cnt;
	/* 0 or a positive errno. On the loop, once, never from inside file_start(); may start more
	 * I/O, with this node, too. */
	void (*done)(struct file_io *io, int err);

	/* The file's and the engine's meanwhile; the caller's otherwise. */
	struct file_io *next;
	uint64_t pos;   /* bytes of @len that are done */
	uint64_t piece; /* bytes that @act is about */
	int32_t res;    /* what came of it: bytes, or a negative errno */
	int32_t mode;   /* for fallocate(2) */
	uint16_t tries; /* that came to nothing */
	uint8_t act;
	uint8_t part_cnt; /* 0: the piece is all of @iov */
	uint8_t state;    /* file_io.c's */
	struct iovec part[FILE_PARTS];
};

/* For file_open(). */
#define FILE_READONLY  1u
#define FILE_DIRECT    2u  /* O_DIRECT (cache=none) */
#define FILE_NOSYNC    4u  /* syncs succeed and do nothing (cache=unsafe) */
#define FILE_NOLOCK    8u  /* a file that nobody else can name, or whose lock another holds */
#define FILE_CREATE    16u /* must not exist; mode 0666 less the umask */
#define FILE_NODISCARD 32u /* FILE_DISCARD succeeds and does nothing */

struct blk_file {
	int fd; /* close-on-exec */
	struct engine *engine;
	char *path; /* for messages */
	unsigned flags;
	bool is_bdev;
	/*
	 * What reads find behind the end of the file: zeros from @zero_from on, EIO below, where
	 * there were bytes once. file_open() sets it to the size.
	 */
	_Atomic uint64_t zero_from;
	uint32_t offset_align;        /* of offsets and lengths, 1 unless FILE_DIRECT */
	uint32_t memory_align;        /* of memory, likewise; what is not aligned so is copied */
	uint32_t logical_block;       /* a device's; 512 of a file */
	uint32_t physical_block;      /* what the host reads and writes best */
	uint32_t discard_granularity; /* 0: discarding does nothing */
	bool no_nowait, write_known, write_punts; /* engine_uring.c's */

	/* The rest is file_io.c's, on the loop's thread. */
	int sync_error;              /* what a failed sync said; it latches */
	struct file_io *sync_now;    /* carries the sync that runs */
	struct file_io *sync_riders; /* whom it serves besides */
	struct file_io *sync_next;   /* came later: the next one's */
	bool no_zero_range, no_punch;
	/* Of FILE_DIRECT: a read-modify-write has the file for itself, others wait in @held. */
	bool exclusive;
	unsigned writes;
	struct file_io *held, **held_tail;
	struct mutex bounce_lock; /* leaf, but for host calls */
	uint8_t *bounce;
};

/*
 * Opens, checks (a regular file or a block device, nothing else) and locks. @e NULL: for the
 * synchronous functions alone (tools). Control thread. Messages name the file, the reason and,
 * where it can be known, who holds the lock.
 */
int file_open(struct engine *e, const char *path, unsigned flags, struct blk_file **ret,
	      struct error **errp) __must_check;
/* The same for a descriptor of the caller's making, which is taken over even on failure. @name is
 * for messages. */
int file_adopt(struct engine *e, int fd, const char *name, unsigned flags, struct blk_file **ret,
	       struct error **errp) __must_check;
/* Nothing may be in flight. NULL-safe, returns NULL. */
struct blk_file *file_close(struct blk_file *f);

/* Takes @io; engine_submit() makes it happen. */
void file_start(struct file_io *io);

/*
 * All or nothing: 0, or a negative errno. Any alignment. They block. Any thread, but what touches
 * the same bytes is the caller's to keep apart.
 */
int file_pread(struct blk_file *f, void *buf, size_t len, uint64_t off) __must_check;
int file_pwrite(struct blk_file *f, const void *buf, size_t len, uint64_t off) __must_check;
/* A failure latches, and is returned ever after. FILE_NOSYNC: 0. On the loop's thread. */
int file_fdatasync(struct blk_file *f) __must_check;
int file_truncate(struct blk_file *f, uint64_t size) __must_check;
int file_fallocate(struct blk_file *f, int mode, uint64_t off, uint64_t len) __must_check;
/* Asks the host: a regular file's size, a device's capacity. */
int file_size(struct blk_file *f, uint64_t *ret) __must_check;

#endif
