/* SPDX-License-Identifier: MIT */
/*
 * test_qcow2_crash.c: loss of power at any moment.
 *
 * Every write, hole and sync that reaches the host is logged, with when it began and ended. A crash
 * at time T leaves: what a sync that had ended by T covers (all that ended before that sync began),
 * and of the rest that had begun any subset, by sectors, in any order. Whatever that is, the image
 * must pass `qemu-img check` with leaks at worst, and hold all that was acknowledged before a flush
 * that was acknowledged.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "block/host.h"
#include "block/qcow2_internal.h"
#include "tests/lib/q2kit.h"
#include "vmm/cli.h"
#include "vmm/error.h"

/* --- the log ---------------------------------------------------------------------------------- */

enum act { WRITE, HOLE, SYNC };

struct event {
	enum act act;
	uint64_t off, len;
	uint8_t *data;
	unsigned begin, end; /* end: UINT_MAX while it runs */
};

#define EVENTS 40000
static struct event events[EVENTS];
static unsigned event_cnt, now;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned begin(enum act act, uint64_t off, uint64_t len, uint8_t *data)
{
	unsigned i;

	pthread_mutex_lock(&lock);
	i = event_cnt++;
	assert_true(i < EVENTS);
	events[i] = (struct event){ act, off, len, data, now++, UINT_MAX };
	pthread_mutex_unlock(&lock);
	return i;
}

/* It came to @len bytes. */
static void end(unsigned i, uint64_t len)
{
	pthread_mutex_lock(&lock);
	events[i].len = len;
	events[i].end = now++;
	pthread_mutex_unlock(&lock);
}

static unsigned tick(void)
{
	unsigned t;

	pthread_mutex_lock(&lock);
	t = now++;
	pthread_mutex_unlock(&lock);
	return t;
}

static ssize_t log_write(int fd, const struct iovec *iov, int cnt, off_t off, int flags)
{
	size_t len = 0, at = 0;
	uint8_t *data;
	unsigned i;
	ssize_t r;

	for (int n = 0; n < cnt; n++)
		len += iov[n].iov_len;
	data = malloc(len);
	for (int n = 0; n < cnt; at += iov[n++].iov_len)
		memcpy(data + at, iov[n].iov_base, iov[n].iov_len);
	i = begin(WRITE, (uint64_t)off, len, data);
	r = host_real.write(fd, iov, cnt, off, flags);
	end(i, r > 0 ? (uint64_t)r : 0);
	return r;
}

static int log_fdatasync(int fd)
{
	unsigned i = begin(SYNC, 0, 0, NULL);

	/* The file system does not matter here: the log says what lasts. Others get time to come in
	 * between. */
	(void)fd;
	usleep(500);
	end(i, 0);
	return 0;
}

static int log_fallocate(int fd, int mode, off_t off, off_t len)
{
	unsigned i;
	int r;

	if (!(mode & FALLOC_FL_PUNCH_HOLE)) {
		errno = EOPNOTSUPP;
		return -1;
	}
	i = begin(HOLE, (uint64_t)off, (uint64_t)len, NULL);
	r = host_real.fallocate(fd, mode, off, len);
	end(i, r ? 0 : (uint64_t)len);
	return r;
}

static struct host_ops logging;

static void log_start(void)
{
	logging = host_real;
	logging.write = log_write;
	logging.fdatasync = log_fdatasync;
	logging.fallocate = log_fallocate;
	host = &logging;
	event_cnt = now = 0;
}

static void log_stop(void)
{
	host = &host_real;
}

static void log_free(void)
{
	for (unsigned i = 0; i < event_cnt; i++)
		free(events[i].data);
	event_cnt = 0;
}

/* --- what the disk was told --------------------------------------------------------------------
 */

struct told {
	uint64_t first, cnt; /* sectors */
	uint64_t tag;        /* what each begins with, less its number; 0: zeros */
	bool maybe;          /* a discard: what was there, or zeros */
	unsigned submit, done;
};

#define TOLD 4000
static struct told told[TOLD];
static unsigned told_cnt;
struct flush {
	unsigned submit, done;
};
static struct flush flushes[TOLD];
static unsigned flush_cnt;

/* --- the work --------------------------------------------------------------------------------- */

#define BATCH 8

struct crew;

struct job {
	struct blk_req r;
	struct iovec iov;
	struct crew *crew;
	bool busy;
	unsigned told; /* or UINT_MAX: a flush */
	unsigned flush;
	uint8_t *buf;
};

/* A few requests at a time; who is done begins anew, while others are still under way. */
struct crew {
	struct job job[BATCH];
	struct blk *blk;
	uint64_t sectors, seed;
	unsigned left;
};

static void next_job(struct job *j);

static void job_done(struct blk_req *r, int err)
{
	struct job *j = container_of(r, struct job, r);

	assert_int_equal(err, 0);
	if (j->told != UINT_MAX)
		told[j->told].done = tick();
	else
		flushes[j->flush].done = tick();
	j->busy = false;
	next_job(j);
}

static void make_flush(struct job *j)
{
	j->told = UINT_MAX;
	j->flush = flush_cnt++;
	assert_true(flush_cnt < TOLD);
	j->r = (struct blk_req){ .op = BLK_FLUSH, .done = job_done };
	flushes[j->flush] = (struct flush){ tick(), UINT_MAX };
}

static void make_change(struct job *j, uint64_t sectors, uint64_t *seed)
{
	uint64_t kind = q2kit_rand(seed) % 16, cnt = 1 + q2kit_rand(seed) % 24, first;
	struct told *t = &told[told_cnt];

	if (kind == 0)
		cnt = 1 + q2kit_rand(seed) % (sectors / 2);
	first = q2kit_rand(seed) % (sectors - cnt + 1);
	j->told = told_cnt++;
	assert_true(told_cnt < TOLD);
	*t = (struct told){ first, cnt, 0, false, 0, UINT_MAX };
	j->r = (struct blk_req){
		.op = BLK_WRITE, .off = first * 512, .len = cnt * 512, .done = job_done
	};
	if (kind > 3) {
		t->tag = (uint64_t)told_cnt << 32;
		j->buf = realloc(j->buf, cnt * 512);
		memset(j->buf, 0x5a, cnt * 512);
		for (uint64_t s = 0; s < cnt; s++)
			memcpy(j->buf + s * 512, (uint64_t[]){ t->tag + s }, 8);
		j->iov = (struct iovec){ j->buf, cnt * 512 };
		j->r.iov = &j->iov;
		j->r.iov_cnt = 1;
	} else {
		t->maybe = kind == 3;
		j->r.op = t->maybe ? BLK_DISCARD : BLK_ZERO;
		j->r.flags = kind == 1 ? BLK_ZERO_UNMAP : 0;
	}
	t->submit = tick();
}

/* What is in flight at a time does not overlap: its order would not be known. */
static bool overlaps(const struct job *j)
{
	const struct told *a = &told[j->told];

	for (unsigned i = 0; i < BATCH; i++) {
		const struct job *o = &j->crew->job[i];
		const struct told *b = o->busy && o->told != UINT_MAX ? &told[o->told] : NULL;

		if (b && a->first < b->first + b->cnt && b->first < a->first + a->cnt)
			return true;
	}
	return false;
}

static void next_job(struct job *j)
{
	struct crew *c = j->crew;

	if (!c->left)
		return;
	c->left--;
	if (q2kit_rand(&c->seed) % 6 == 0) {
		make_flush(j);
	} else {
		make_change(j, c->sectors, &c->seed);
		while (overlaps(j)) {
			told_cnt--;
			make_change(j, c->sectors, &c->seed);
		}
	}
	j->busy = true;
	blk_submit(c->blk, &j->r);
}

static void work(struct q2kit *k, uint64_t size, unsigned rounds, uint64_t *seed)
{
	static struct crew c;

	c = (struct crew){ .blk = k->blk, .sectors = size / 512, .seed = *seed };
	told_cnt = flush_cnt = 0;
	/* Many at a time, and few: with few, what was dropped is soon free. */
	for (unsigned n = 0; n < 8; n++) {
		c.left = rounds / 2;
		for (unsigned i = 0; i < (n % 2 ? 2 : BATCH); i++) {
			c.job[i].crew = &c;
			next_job(&c.job[i]);
		}
		blk_drain(k->blk);
	}
	*seed = c.seed;
	for (unsigned i = 0; i < BATCH; i++)
		free(c.job[i].buf);
}

/* --- after the crash ---------------------------------------------------------------------------
 */

/* The last moment whose every ended event a sync that ended before @t covers. */
static unsigned covered(unsigned t)
{
	unsigned c = 0;

	for (unsigned i = 0; i < event_cnt; i++) {
		if (events[i].act == SYNC && events[i].end < t && events[i].begin > c)
			c = events[i].begin;
	}
	return c;
}

static void apply(uint8_t **disk, uint64_t *len, const struct event *e, bool torn, uint64_t *seed)
{
	if (e->off + e->len > *len) {
		if (e->act == HOLE)
			return;
		*disk = realloc(*disk, e->off + e->len);
		memset(*disk + *len, 0, e->off + e->len - *len);
		*len = e->off + e->len;
	}
	for (uint64_t at = 0; at < e->len; at += 512 - (e->off + at) % 512) {
		uint64_t n = min_u64(512 - (e->off + at) % 512, e->len - at);

		if (torn && q2kit_rand(seed) % 2)
			continue;
		if (e->act == HOLE)
			memset(*disk + e->off + at, 0, n);
		else
			memcpy(*disk + e->off + at, e->data + at, n);
	}
}

static void put_file(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void crash_at(const char *path, const uint8_t *base, size_t base_len, unsigned t,
		     uint64_t *seed)
{
	uint64_t len = base_len, luck = q2kit_rand(seed) % 5;
	uint8_t *disk = malloc(base_len);
	unsigned safe = covered(t);

	memcpy(disk, base, base_len);
	for (unsigned i = 0; i < event_cnt && events[i].begin < t; i++) {
		const struct event *e = &events[i];

		if (e->act == SYNC || !e->len)
			continue;
		if (e->end < safe)
			apply(&disk, &len, e, false, seed);
		else if (q2kit_rand(seed) % 4 >= luck)
			apply(&disk, &len, e, q2kit_rand(seed) % 4 == 0, seed);
	}
	put_file(path, disk, len);
	free(disk);
}

/* Sector @s is what it must or may be after a crash at @t. */
static void check_sector(uint64_t s, const uint8_t *data, unsigned t)
{
	unsigned safe = 0; /* what was done before this moment, lasts */
	int last = -1;
	uint64_t v;

	memcpy(&v, data, sizeof(v));
	for (unsigned i = 0; i < flush_cnt; i++) {
		if (flushes[i].done < t && flushes[i].submit > safe)
			safe = flushes[i].submit;
	}
	for (int i = (int)told_cnt - 1; i >= 0; i--) {
		const struct told *w = &told[i];

		if (w->submit >= t || s < w->first || s >= w->first + w->cnt)
			continue;
		if (v == (w->tag ? w->tag + (s - w->first) : 0))
			return;
		/* Neither the one that lasts nor a later one. */
		if (w->done < safe && !w->maybe) {
			last = i;
			break;
		}
	}
	if (last < 0 && !v)
		return;
	fail_msg(
		"sector %llu after a crash at %u holds %#llx; write %d (done %u) was flushed by %u",
		(unsigned long long)s, t, (unsigned long long)v, last,
		last < 0 ? 0 : told[last].done, safe);
}

static void check_content(struct q2kit *k, const struct blk_config *c, uint64_t size, unsigned t)
{
	uint8_t *buf = malloc(size);

	q2kit_open(k, c);
	assert_int_equal(q2kit_do(k, BLK_READ, 0, 0, buf, size), 0);
	for (uint64_t s = 0; s < size / 512; s++)
		check_sector(s, buf + s * 512, t);
	q2kit_close(k);
	free(buf);
}

static uint8_t *get_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	struct stat st;
	uint8_t *p;

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	*len = (size_t)st.st_size;
	p = malloc(*len + 1);
	assert_int_equal(fread(p, 1, *len, f), *len);
	fclose(f);
	return p;
}

/* Sanitizers look at the code, which fewer crashes show as well. */
#define CRASHES (SANITIZED ? 25 : 120)

/* @prepare is a shell command that makes a.qcow2. */
static void run(const char *prepare, uint64_t size, unsigned rounds, bool lazy)
{
	struct q2kit k;
	struct blk_config c, crashed;
	uint64_t seed = 0x9e3779b97f4a7c15 ^ size ^ rounds;
	uint8_t *base;
	size_t base_len;
	unsigned total;

	q2kit_init(&k);
	c = q2kit_config(k.image);
	c.backing = true;
	if (q2kit_run(&k, "%s", prepare))
		fail_msg("%s: %s", prepare, q2kit_log(&k));
	base = get_file(k.image, &base_len);
	log_start();
	q2kit_open(&k, &c);
	work(&k, size, rounds, &seed);
	total = tick();
	q2kit_close(&k);
	log_stop();
	q2kit_check(&k, k.image, false);
	crashed = c;
	crashed.path = (char *)(uintptr_t)q2kit_path(&k, "crashed.qcow2");
	for (unsigned i = 0; i < CRASHES; i++) {
		/* Also in the middle of closing. */
		unsigned t = (unsigned)(q2kit_rand(&seed) % (i % 8 ? total : now)) + 1;

		crash_at(crashed.path, base, base_len, t, &seed);
		crashed.readonly = true;
		if (!lazy)
			q2kit_check(&k, crashed.path, true);
		check_content(&k, &crashed, size, t);
		if (!lazy && i % 8)
			continue;
		/* Opened for writing: lazy refcounts are made right, the rest is as good. */
		crashed.readonly = false;
		check_content(&k, &crashed, size, t);
		q2kit_check(&k, crashed.path, true);
	}
	log_free();
	free(base);
	q2kit_free(&k);
}

static void test_crash_64k(void **state)
{
	(void)state;
	run("qemu-img create -f qcow2 a.qcow2 4M", 4 * MIB, 60, false);
}

static void test_crash_small_clusters_growing_tables(void **state)
{
	(void)state;
	run("qemu-img create -f qcow2 -o cluster_size=512 a.qcow2 1M", MIB, 50, false);
}

/* Tables are evicted and written for want of room, in the middle of everything. */
static void test_crash_small_cache(void **state)
{
	(void)state;
	q2_cache_slices_max = 80;
	run("qemu-img create -f qcow2 -o cluster_size=512 a.qcow2 2M", 2 * MIB, 50, false);
	q2_cache_slices_max = UINT32_MAX;
}

static void test_crash_version_2(void **state)
{
	(void)state;
	run("qemu-img create -f qcow2 -o compat=0.10,cluster_size=4k a.qcow2 2M", 2 * MIB, 50,
	    false);
}

/* Row 40: dirty after a crash; refcounts are computed anew before anything is written. */
static void test_crash_lazy_refcounts(void **state)
{
	(void)state;
	run("qemu-img create -f qcow2 -o lazy_refcounts=on,cluster_size=4k a.qcow2 2M", 2 * MIB, 50,
	    true);
}

static void test_crash_with_snapshots(void **state)
{
	(void)state;
	/* Everything is shared at first: all writes copy, tables too. */
	run("qemu-img create -f qcow2 -o cluster_size=4k a.qcow2 2M && "
	    "qemu-io -c 'write -P 0 0 1M' a.qcow2 && qemu-img snapshot -c one a.qcow2 && "
	    "qemu-io -c 'write -P 0 500k 100k' a.qcow2 && qemu-img snapshot -c two a.qcow2",
	    2 * MIB, 50, false);
}

static void test_crash_with_backing_file(void **state)
{
	(void)state;
	run("truncate -s 1M base.raw && "
	    "qemu-img create -f qcow2 -o cluster_size=4k -b base.raw -F raw a.qcow2 2M",
	    2 * MIB, 40, false);
}

/* --- another size ------------------------------------------------------------------------------
 */

#define OLD_SIZE (1001 * KIB + 512)
#define OURS     (100 * KIB) /* so much of the start was written; the rest is the backing file's */

/* One of two sizes, what was there before, and zeros behind it. */
static void check_resized(struct q2kit *k, const struct blk_config *c, uint64_t size)
{
	uint8_t *buf = malloc(max_u64(size, OLD_SIZE));
	uint64_t len;

	q2kit_open(k, c);
	len = blk_info(k->blk).size;
	if (len != OLD_SIZE && len != size)
		fail_msg("the disk has %llu bytes", (unsigned long long)len);
	assert_int_equal(q2kit_do(k, BLK_READ, 0, 0, buf, len), 0);
	for (uint64_t i = 0; i < len; i++) {
		uint8_t want = i < OURS ? 1 : i < OLD_SIZE ? 7 : 0;

		/* What a disk is about to lose may be lost already. */
		if (buf[i] != want && !(i >= size && !buf[i]))
			fail_msg("byte %llu of %llu is %u, not %u", (unsigned long long)i,
				 (unsigned long long)len, buf[i], want);
	}
	q2kit_close(k);
	free(buf);
}

static void resize(const struct blk_config *c, uint64_t size)
{
	struct error *err = NULL;
	char verb[] = "img", action[] = "resize", backing[] = "--allow-backing",
	     shrink[] = "--shrink", number[32];
	char *argv[] = { verb, action, backing, shrink, c->path, number, NULL };

	snprintf(number, sizeof(number), "%lluB", (unsigned long long)size);
	if (cmd_img((int)ARRAY_LEN(argv) - 1, argv, &err))
		fail_msg("%s", error_msg(err));
}

static void run_resize(const char *options, uint64_t size)
{
	uint64_t seed = 0x9e3779b97f4a7c15 ^ size;
	struct blk_config c, crashed;
	struct q2kit k;
	uint8_t *base;
	size_t base_len;

	q2kit_init(&k);
	c = q2kit_config(k.image);
	c.backing = true;
	if (q2kit_run(&k,
		      "qemu-img create -f raw base.raw 2M && "
		      "qemu-io -f raw -c 'write -P 7 0 2M' base.raw && "
		      "qemu-img create -f qcow2 -o %s -b base.raw -F raw a.qcow2 %llu && "
		      "qemu-io -c 'write -P 1 0 100k' a.qcow2",
		      options, (unsigned long long)OLD_SIZE))
		fail_msg("%s", q2kit_log(&k));
	base = get_file(k.image, &base_len);
	log_start();
	resize(&c, size);
	log_stop();
	crashed = c;
	crashed.path = (char *)(uintptr_t)q2kit_path(&k, "crashed.qcow2");
	crashed.readonly = true;
	for (unsigned i = 0; i < CRASHES; i++) {
		crash_at(crashed.path, base, base_len, (unsigned)(q2kit_rand(&seed) % now) + 1,
			 &seed);
		q2kit_check(&k, crashed.path, true);
		check_resized(&k, &crashed, size);
	}
	q2kit_check(&k, k.image, false);
	check_resized(&k, &c, size);
	log_free();
	free(base);
	q2kit_free(&k);
}

/* What a disk gains is zeros at any moment, though the backing file has something there. */
static void test_crash_while_it_grows(void **state)
{
	(void)state;
	run_resize("cluster_size=4k", 3 * MIB);
	/* Its L1 table moves. */
	run_resize("cluster_size=512", 3 * MIB);
	run_resize("compat=0.10,cluster_size=4k", 3 * MIB);
	run_resize("lazy_refcounts=off,cluster_size=64k", 1500 * KIB);
}

static void test_crash_while_it_shrinks(void **state)
{
	(void)state;
	run_resize("cluster_size=4k", 500 * KIB + 512);
	run_resize("cluster_size=512", 500 * KIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crash_64k),
		cmocka_unit_test(test_crash_small_clusters_growing_tables),
		cmocka_unit_test(test_crash_small_cache),
		cmocka_unit_test(test_crash_version_2),
		cmocka_unit_test(test_crash_lazy_refcounts),
		cmocka_unit_test(test_crash_with_snapshots),
		cmocka_unit_test(test_crash_with_backing_file),
		cmocka_unit_test(test_crash_while_it_grows),
		cmocka_unit_test(test_crash_while_it_shrinks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
