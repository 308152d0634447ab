/* SPDX-License-Identifier: MIT */
/*
 * qcow2_internal.h: an open qcow2 image, as its files see it.
 *
 *   qcow2_header.c    the first cluster
 *   qcow2_open.c      opening, closing, what is metadata; qcow2_backing.c: the file below
 *   qcow2_cache.c     slices of L2 tables and refcount blocks in memory
 *   qcow2_map.c       guest offset to host offset, and changes to that
 *   qcow2_refcount.c  refcounts; qcow2_alloc.c: which clusters are free
 *   qcow2_flush.c     the order in which metadata reaches the disk
 *   qcow2_pack.c      compressed clusters
 *   qcow2.c, qcow2_read.c, qcow2_write.c, qcow2_zero.c   requests
 *   qcow2_walk.c, qcow2_check.c   who refers to what; comparing and repairing
 *   qcow2_create.c, qcow2_tool.c   for `trapeze img`
 *
 * One thread, no locks. Data moves asynchronously; metadata that is not in memory is read and
 * written by plain calls on that same thread.
 *
 * Order. On disk, at any moment, a pointer leads to something that is complete and counted:
 *
 *   A  data, new (zeroed or copied) L2 tables, refcounts that rise       fdatasync
 *   R  entries of the refcount table, if there are new ones              fdatasync
 *   B  entries of L2 tables and of the L1 table                          fdatasync
 *   D  refcounts that fall, holes that are punched
 *
 * so a crash leaks clusters at worst. What B writes must not include what came after A's
 * fdatasync was begun: from there to B's end the gate is closed, and who wants to change a table
 * waits.
 */
#ifndef BLOCK_QCOW2_INTERNAL_H
#define BLOCK_QCOW2_INTERNAL_H

#include "block/block_internal.h"
#include "block/qcow2.h"
#include "block/qcow2_header.h"

struct error;
struct q2_op;

/* A bitmap over the clusters of the host file, that grows. */
struct q2_bits {
	uint64_t *word;
	uint64_t cnt; /* bits there is room for */
};

bool q2_bits_grow(struct q2_bits *b, uint64_t cnt) __must_check;
void q2_bits_free(struct q2_bits *b);

static inline bool q2_bit(const struct q2_bits *b, uint64_t i)
{
	return i < b->cnt && b->word[i / 64] >> (i % 64) & 1;
}

static inline void q2_bit_set(struct q2_bits *b, uint64_t i)
{
	if (i < b->cnt)
		b->word[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void q2_bit_clear(struct q2_bits *b, uint64_t i)
{
	if (i < b->cnt)
		b->word[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* --- the cache (qcow2_cache.c) ---------------------------------------------------------------- */

enum q2_kind { Q2_KIND_L2, Q2_KIND_REFBLOCK, Q2_KINDS };

/* A piece of a table: Q2_SLICE bytes, or a cluster if that is less. */
#define Q2_SLICE        4096u
#define Q2_CACHE_BYTES  (32 * MIB)
#define Q2_CACHE_SLICES 256u /* at least */
/* At most; tests have less. */
extern uint32_t q2_cache_slices_max;

struct q2_slice {
	uint64_t off; /* in the host file; 0: nothing */
	uint8_t *data;
	uint32_t next; /* in its hash chain, + 1 */
	uint8_t kind;
	bool dirty, recent;
};

struct q2_cache {
	struct q2_slice *slice;
	uint32_t *hash;
	uint8_t *arena;
	size_t arena_len;
	uint32_t cnt, mask, hand, size; /* slices; of hash; of the clock; bytes of a slice */
	uint32_t dirty[Q2_KINDS];
	struct q2_slice *last;
};

/* --- the image -------------------------------------------------------------------------------- */

/* Clusters that nothing refers to any more. */
struct q2_drop {
	uint64_t first, cnt; /* host clusters */
	uint64_t gen;        /* of the requests that may still use them */
	bool punch;          /* the guest said it does not need them */
	bool table;          /* they were an L2 table, not the guest's data */
};

struct q2_drops {
	struct q2_drop *v;
	size_t cnt, cap;
};

struct q2_ops { /* a queue */
	struct q2_op *first, **last;
};

enum q2_phase { Q2_IDLE, Q2_SYNC_A, Q2_SYNC_R, Q2_SYNC_B };

struct qcow2 {
	struct blk *blk; /* NULL for tools that do no requests */
	struct blk_file *file;
	struct q2_header h;
	bool readonly, can_discard;
	unsigned bits, l2_bits, rb_bits; /* log2 of: a cluster's bytes, entries in an L2 table and
					    in a refcount block */
	uint64_t cluster;                /* bytes */
	uint8_t *head;                   /* the first head_len bytes of the file */
	size_t head_len;
	bool head_dirty;

	uint64_t *l1; /* host byte order; h.l1_cnt entries */
	struct q2_bits l1_dirty;
	uint64_t *rt; /* h.rt_clusters << (bits - 3) entries */
	uint64_t rt_cnt;
	bool rt_dirty;
	uint64_t rt_dirty_first, rt_dirty_last;
	struct q2_cache cache;

	/* Which clusters are tables: a guest's data never goes there. */
	struct q2_bits meta;
	/* Which are in use: referred to, or counted. Known only once the tables were walked. */
	struct q2_bits used;
	bool prepared, know_used;
	uint64_t snapshot_tables; /* L2 tables of all snapshots, each as often as it is named */

	uint64_t limit;    /* entries lead to clusters below this */
	uint64_t frontier; /* clusters from here on were never in use */
	uint64_t virgin;   /* clusters from here on were never written: they read as zeros */
	uint64_t hint;     /* where to look for a free one */
	bool said_inconsistent;

	bool lazy;    /* refcounts reach the disk at the end only */
	bool corrupt; /* nothing is written any more */

	/* Dropped in memory; on their way to the disk; dropped there. */
	struct q2_drops dropped, dropping, dropped_for_good;
	struct q2_drops punching;
	struct file_io punch_io;
	/* Requests in flight by generation; see q2_drop.gen. */
	uint64_t gen;
	uint64_t in_gen[2];

	enum q2_phase phase;
	bool gate_closed;
	bool linking;      /* this cycle has a phase B */
	bool cycle_wanted; /* another one, for room in the cache */
	struct file_io sync_io;
	struct q2_ops flush_now, flush_next; /* who waits for this cycle, for the next one */
	struct q2_ops gated;
	struct q2_op *allocating; /* who has clusters that no table refers to yet */
	struct q2_op *pool;
	void *slabs;
	unsigned op_cnt; /* of the pool, not at home */

	struct blk *backing;
	uint64_t backing_size;
	uint8_t *zeros; /* a cluster */

	/* The compressed cluster that was unpacked last. */
	uint8_t *unpacked;
	uint64_t unpacked_entry; /* 0: none */
	void *zstd;
	uint64_t pack_at; /* where the next one that is made goes */
};

/* --- opening (qcow2_open.c) ------------------------------------------------------------------- */

#define Q2_OPEN_READONLY 1u
#define Q2_OPEN_TOLERANT 2u /* for check: tables may be wrong */

int q2_open(struct blk_file *f, unsigned flags, struct qcow2 **ret,
	    struct error **errp) __must_check;
/* Writes back what is cached. The first error, as -errno; *q is freed whatever happens. */
int q2_close(struct qcow2 *q);
/* Bytes of the header that change: patch q->head, then this. */
int q2_write_head(struct qcow2 *q) __must_check;
void q2_set_incompat(struct qcow2 *q, uint64_t bits);
/* Before the first change of anything: autoclear bits, knowledge of what is in use. */
int q2_prepare(struct qcow2 *q) __must_check;
/* The image contradicts itself: says so, on disk too, and writes no more. Returns -EIO. */
int q2_set_corrupt(struct qcow2 *q, const char *fmt, ...) __printf(2, 3);
const char *q2_name(const struct qcow2 *q);
/* Whether an entry of the L1 or the refcount table leads to a whole cluster inside of the file. */
bool q2_leads_to_table(const struct qcow2 *q, uint64_t entry, uint64_t known);

/* --- snapshots, as far as they matter here (qcow2_snapshot.c) -----------------------------------
 */

struct q2_snapshot {
	uint64_t l1_off;
	uint32_t l1_cnt;
	char *id, *name;
	uint32_t date_sec, vm_state_size;
};
struct q2_snapshots {
	struct q2_snapshot *v;
	uint32_t cnt;
	uint64_t table_len; /* bytes */
};
int q2_snapshots_read(struct qcow2 *q, struct q2_snapshots *ret, struct error **errp) __must_check;
void q2_snapshots_free(struct q2_snapshots *s);

/* --- the cache -------------------------------------------------------------------------------- */

int q2_cache_init(struct qcow2 *q) __must_check;
void q2_cache_free(struct qcow2 *q);
/*
 * The slice at @off, a multiple of its size. The pointer is good until the next call. -EAGAIN:
 * everything is dirty and may not be written now (cannot be after q2_cache_room()).
 */
int q2_cache_get(struct qcow2 *q, uint64_t off, enum q2_kind kind,
		 struct q2_slice **ret) __must_check;
void q2_cache_dirty(struct qcow2 *q, struct q2_slice *s);
/* Forgets what is cached of a cluster, dirty or not. */
void q2_cache_forget(struct qcow2 *q, uint64_t cluster);
/* Writes all dirty slices of a kind; what fails stays dirty. */
int q2_cache_write(struct qcow2 *q, enum q2_kind kind) __must_check;
/* Whether a change to tables finds room; if not, a flush makes some. */
bool q2_cache_room(const struct qcow2 *q);
/* Whether it is time to begin with that. */
bool q2_cache_filling(const struct qcow2 *q);

/* --- mapping (qcow2_map.c) -------------------------------------------------------------------- */

enum q2_type {
	Q2_UNALLOCATED, /* the backing file's, or zeros */
	Q2_ZERO_PLAIN,
	Q2_ZERO_ALLOCATED, /* zeros, and has a cluster */
	Q2_DATA,
	Q2_PACKED, /* compressed */
	Q2_BAD     /* the entry is nonsense */
};

struct q2_extent {
	enum q2_type type;
	bool copied;    /* the cluster is ours alone */
	uint64_t host;  /* of the first byte; Q2_DATA, Q2_ZERO_ALLOCATED */
	uint64_t len;   /* bytes, at most what was asked for; 1 cluster of Q2_PACKED */
	uint64_t entry; /* of the first cluster */
};

/* What is at @off, of at most @len bytes, in one slice. Negative: the table cannot be read. */
int q2_map(struct qcow2 *q, uint64_t off, uint64_t len, struct q2_extent *ret) __must_check;
enum q2_type q2_entry_type(const struct qcow2 *q, uint64_t entry);
/* Bytes and first byte of the compressed cluster of @entry. */
void q2_packed_place(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint32_t *len);
/* Bytes from @off to the end of what one slice maps. */
uint64_t q2_slice_left(const struct qcow2 *q, uint64_t off);
/*
 * The gate is open, there is room. Makes the entries of @cnt clusters (in one slice) lead to host
 * clusters from @host on, and drops what they led to. On error nothing has changed.
 */
int q2_link(struct qcow2 *q, uint64_t guest_cluster, uint64_t cnt, uint64_t host) __must_check;
/* Calls change() for the entries of @cnt clusters (in one slice); drops what they led to. */
int q2_change(struct qcow2 *q, uint64_t guest_cluster, uint64_t cnt,
	      uint64_t (*change)(const struct qcow2 *q, uint64_t entry), bool punch) __must_check;
/* Puts a compressed cluster's entry in place. */
int q2_link_packed(struct qcow2 *q, uint64_t guest_cluster, uint64_t entry) __must_check;
/* Writes what is dirty of the L1 table. */
int q2_l1_write(struct qcow2 *q) __must_check;
bool q2_l1_is_dirty(const struct qcow2 *q);

/* --- refcounts and allocation (qcow2_refcount.c, qcow2_alloc.c) ---------------------------------
 */

int q2_refcount_get(struct qcow2 *q, uint64_t cluster, uint64_t *ret) __must_check;
int q2_refcount_set(struct qcow2 *q, uint64_t cluster, uint64_t val) __must_check;
/* Adds 1 or takes 1 away; -ERANGE: not possible. */
int q2_refcount_add(struct qcow2 *q, uint64_t cluster, int delta, uint64_t *now) __must_check;
int q2_rt_write(struct qcow2 *q) __must_check;
/* A refcount block for @cluster. */
int q2_refblock_ensure(struct qcow2 *q, uint64_t cluster) __must_check;
uint64_t q2_refcount_max(const struct qcow2 *q);
uint64_t q2_rb_get(const struct qcow2 *q, const uint8_t *block, uint64_t i);
void q2_rb_put(const struct qcow2 *q, uint8_t *block, uint64_t i, uint64_t val);

/*
 * At most @want adjacent clusters whose refcount was 0 and that nothing refers to; their refcount
 * is 1 now. *virgin: they read as zeros.
 */
int q2_alloc(struct qcow2 *q, uint64_t want, uint64_t *first, uint64_t *got,
	     bool *virgin) __must_check;
/* Gives back what nothing on disk refers to. */
void q2_unalloc(struct qcow2 *q, uint64_t first, uint64_t cnt);
/* Exactly @cnt adjacent ones behind everything; refcounts are the caller's. */
int q2_take_frontier(struct qcow2 *q, uint64_t cnt, uint64_t *first) __must_check;
/* Nothing in memory leads to this L2 table any more; to what @entry leads to. */
void q2_drop_table(struct qcow2 *q, uint64_t cluster);
void q2_drop_entry(struct qcow2 *q, uint64_t entry, bool punch);
/* Decrements and punches what may be by now. */
void q2_drops_advance(struct qcow2 *q);
bool q2_is_meta(const struct qcow2 *q, uint64_t first, uint64_t cnt);

/* --- order (qcow2_flush.c) -------------------------------------------------------------------- */

/* Begins a cycle, or asks for one more. */
void q2_cycle(struct qcow2 *q);
/* All of it, blocking; nothing is in flight. */
int q2_flush_now(struct qcow2 *q) __must_check;
/* Waits until the gate is open and there is room: true if it has to; then resume() is called. */
bool q2_gate(struct q2_op *op, void (*resume)(struct q2_op *op));

/* --- requests (qcow2.c ...) ------------------------------------------------------------------- */

struct q2_op {
	struct qcow2 *q;
	struct q2_op *next;                          /* in a queue, or in the pool */
	struct blk_req *req;                         /* or */
	void (*finished)(struct q2_op *op, int err); /* whoever started it */
	struct q2_op *parent;
	void (*resume)(struct q2_op *op);
	uint64_t off, len; /* what is left */
	unsigned flags;    /* of blk_req */
	enum blk_op kind;
	unsigned gen;
	bool counted;

	const struct iovec *src; /* where the data is; at byte src_off of src[0] */
	unsigned src_cnt;
	size_t src_off;
	struct iovec own;    /* src of an op that has no request */
	struct iovec packed; /* a compressed cluster, to fill */

	struct iovec *iov; /* a piece of src */
	unsigned iov_cap;
	uint64_t piece; /* bytes under way */
	struct file_io io;
	struct blk_req below; /* to the backing file */

	/* Of a write that allocates. */
	bool allocates, reuses, virgin;
	uint64_t guest, host, cnt; /* clusters */
	uint64_t head, tail;       /* bytes to fill up with what was there */
	uint8_t *fill;             /* their bytes, unless they are zeros */
	size_t fill_cap, tail_at;
	bool head_zero, tail_zero;
	struct q2_op *prev_allocating, *next_allocating;
	struct q2_ops waiting; /* for this one */
};

struct q2_op *q2_op_get(struct qcow2 *q);
void q2_op_put(struct q2_op *op);
/* The op is over: tells whose it was. */
void q2_op_end(struct q2_op *op, int err);
/* The same for one that waits, and may have clusters that nothing refers to yet. */
void q2_op_fail(struct q2_op *op, int err);
/* Builds op->iov from the next @len bytes of its source, with room for @more; the count. */
int q2_op_iov(struct q2_op *op, uint64_t len, unsigned before, unsigned after) __must_check;
/* At least @len bytes at op->fill. */
bool q2_op_fill(struct q2_op *op, uint64_t len) __must_check;
void q2_op_zero(struct q2_op *op, uint64_t len); /* fills the next @len bytes; then: */
void q2_op_advance(struct q2_op *op, uint64_t len);
void q2_op_copy(struct q2_op *op, const uint8_t *from, uint64_t len);
void q2_read_step(struct q2_op *op);
void q2_write_step(struct q2_op *op);
void q2_zero_step(struct q2_op *op);
/* Who has clusters of [first, first + cnt) under way; NULL: nobody. */
struct q2_op *q2_allocating(const struct qcow2 *q, uint64_t first, uint64_t cnt);
void q2_wait_for(struct q2_op *op, struct q2_op *other, void (*resume)(struct q2_op *op));
void q2_ops_add(struct q2_ops *l, struct q2_op *op);
struct q2_op *q2_ops_take(struct q2_ops *l); /* the first one, or NULL */
/* One request more, one less, that may use clusters being dropped. */
unsigned q2_gen_enter(struct qcow2 *q);
void q2_gen_leave(struct qcow2 *q, unsigned gen);
/* Whether @entry reads as zeros at guest offset @off. */
bool q2_reads_zero(const struct qcow2 *q, enum q2_type type, uint64_t off);

/* --- compressed clusters (qcow2_pack.c) --------------------------------------------------------
 */

/* Unpacks to @out: exactly one cluster, or -EIO. */
int q2_unpack(struct qcow2 *q, const void *in, size_t len, void *out) __must_check;
/* The size, or 0 if it does not become smaller. */
size_t q2_pack(const struct qcow2 *q, const void *in, void *out, size_t cap);
void q2_pack_free(struct qcow2 *q);

/* --- the file below (qcow2_backing.c) ----------------------------------------------------------
 */

int q2_backing_open(struct qcow2 *q, const struct blk_config *c, struct error **errp) __must_check;

/* --- walking (qcow2_walk.c) --------------------------------------------------------------------
 */

enum q2_ref {
	Q2_REF_HEADER,
	Q2_REF_L1,
	Q2_REF_L2,
	Q2_REF_DATA,
	Q2_REF_PACKED,
	Q2_REF_RT,
	Q2_REF_REFBLOCK,
	Q2_REF_SNAPSHOTS,
	Q2_REF_BITMAPS,
	Q2_REFS
};
extern const char *const q2_ref_names[Q2_REFS];

struct q2_walk {
	/* Something refers to @cnt clusters, all below q->limit; @entry is where (host offset of
	 * the entry, 0: the header). */
	int (*ref)(struct q2_walk *w, enum q2_ref what, uint64_t first, uint64_t cnt,
		   uint64_t entry);
	/* An entry that is nonsense. */
	int (*bad)(struct q2_walk *w, enum q2_ref what, uint64_t entry, uint64_t val);
	/* An entry of the active L1 or L2 tables, whose COPIED flag may be judged; NULL. */
	int (*flag)(struct q2_walk *w, enum q2_ref what, uint64_t entry, uint64_t val);
	bool tables_only; /* not what L2 tables lead to */
};
/* Nothing is dirty in memory. */
int q2_walk(struct qcow2 *q, struct q2_walk *w, struct error **errp) __must_check;

/* --- checking (qcow2_check.c) ------------------------------------------------------------------
 */

/* Makes the refcounts what the tables say. The image was just opened for writing. */
int q2_rebuild(struct qcow2 *q, struct error **errp) __must_check;

#endif
