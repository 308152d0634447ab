/* SPDX-License-Identifier: MIT */
/* diskkit.c: disks for tests. */
#include "tests/lib/diskkit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

#include <linux/loop.h>

static char dir[256];

const char *const disk_engines[] = { [BLK_ENGINE_AUTO] = "auto",
				     [BLK_ENGINE_URING] = "io_uring",
				     [BLK_ENGINE_AIO] = "aio",
				     [BLK_ENGINE_THREADS] = "threads" };
const char *const disk_caches[] = { [BLK_CACHE_WRITEBACK] = "writeback",
				    [BLK_CACHE_NONE] = "none",
				    [BLK_CACHE_UNSAFE] = "unsafe" };

const char *disk_dir(void)
{
	const char *where = getenv("TEST_DISKS");

	if (dir[0])
		return dir;
	snprintf(dir, sizeof(dir), "%s/trapeze-test-XXXXXX", where ? where : "/var/tmp");
	if (!mkdtemp(dir))
		fail_msg("mkdtemp '%s': %s", dir, strerror(errno));
	return dir;
}

void disk_rmdir(void)
{
	struct dirent *d;
	DIR *h = dir[0] ? opendir(dir) : NULL;

	while (h && (d = readdir(h)))
		unlinkat(dirfd(h), d->d_name, 0);
	if (h)
		closedir(h);
	if (dir[0])
		rmdir(dir);
	dir[0] = '\0';
}

const char *disk_path(const char *name)
{
	static char path[8][512];
	static unsigned next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof(path[0]), "%s/%s", disk_dir(), name);
	return p;
}

const char *disk_file(const char *name, uint64_t size, uint8_t fill)
{
	const char *path = disk_path(name);
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
	static uint8_t block[65536];

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		fail_msg("'%s': %s", path, strerror(errno));
	memset(block, fill, sizeof(block));
	for (uint64_t off = 0; fill && off < size; off += sizeof(block))
		assert_int_not_equal(
			pwrite(fd, block, min_u64(sizeof(block), size - off), (off_t)off), -1);
	close(fd);
	return path;
}

void disk_peek(const char *path, uint64_t off, void *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, buf, len, (off_t)off), len);
	close(fd);
}

static int loop_fd = -1;

const char *disk_loop(const char *path, unsigned block)
{
	static char name[32];
	int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC), image, n = -1;

	if (ctl >= 0) {
		n = ioctl(ctl, LOOP_CTL_GET_FREE);
		close(ctl);
	}
	snprintf(name, sizeof(name), "/dev/loop%d", n);
	loop_fd = n < 0 ? -1 : open(name, O_RDWR | O_CLOEXEC);
	image = open(path, O_RDWR | O_CLOEXEC);
	if (loop_fd >= 0 && image >= 0) {
		struct loop_config c = { .fd = (uint32_t)image, .block_size = block };

		n = ioctl(loop_fd, LOOP_CONFIGURE, &c);
	}
	if (image >= 0)
		close(image);
	if (loop_fd >= 0 && n >= 0)
		return name;
	fprintf(stderr, "SKIPPED: no loop device here: %s\n", strerror(errno));
	base_closep(&loop_fd);
	loop_fd = -1;
	return NULL;
}

void disk_unloop(void)
{
	ioctl(loop_fd, LOOP_CLR_FD);
	close(loop_fd);
	loop_fd = -1;
}

bool disk_possible(enum blk_engine e, enum blk_cache c)
{
	static bool told[4][3];
	struct blk_config conf = { .path = (char *)(uintptr_t)disk_file("possible", 4096, 0),
				   .format = BLK_FORMAT_RAW,
				   .engine = e,
				   .cache = c };
	struct error *err;
	bool yes;

	if (e == BLK_ENGINE_AIO && c != BLK_CACHE_NONE)
		return false; /* refused by design */
	err = disk_try(&conf);
	yes = !err;
	if (err && !told[e][c])
		fprintf(stderr, "SKIPPED here: engine %s with cache %s: %s\n", disk_engines[e],
			disk_caches[c], error_msg(err));
	told[e][c] = true;
	error_free(err);
	return yes;
}

/* --- a disk --------------------------------------------------------------------------------------
 */

static void count_batch(void *opaque)
{
	((struct disk *)opaque)->batches++;
}

static struct error *try_open(struct disk *d, const struct blk_config *c)
{
	struct error *e = NULL;

	*d = (struct disk){ .loop = loop_create("disk", &e) };
	assert_no_error(e);
	if (blk_open(c, d->loop, &d->blk, &e) < 0) {
		assert_non_null(e);
		assert_null(d->blk);
		d->loop = loop_destroy(d->loop);
		return e;
	}
	assert_null(e);
	blk_on_batch_end(d->blk, count_batch, d);
	if (loop_start_thread(d->loop, &e) < 0)
		assert_no_error(e);
	return NULL;
}

void disk_open(struct disk *d, const struct blk_config *c)
{
	assert_no_error(try_open(d, c));
}

struct error *disk_try(const struct blk_config *c)
{
	struct disk d;
	struct error *e = try_open(&d, c);

	if (!e)
		disk_close(&d);
	return e;
}

static void drain(void *arg)
{
	blk_drain(arg);
}

void disk_close(struct disk *d)
{
	loop_run_sync(d->loop, drain, d->blk);
	loop_stop(d->loop);
	d->blk = blk_close(d->blk);
	d->loop = loop_destroy(d->loop);
}

void disk_on_loop(struct disk *d, void (*fn)(void *), void *arg)
{
	loop_run_sync(d->loop, fn, arg);
}

struct batch;
struct one {
	struct blk_req r;
	struct batch *batch;
	struct disk_op *op;
	struct iovec iov;
	unsigned done;
};

struct batch {
	struct disk *d;
	struct one one[DISK_BATCH];
	unsigned cnt, left;
	bool submitting;
	sem_t over;
};

static void one_done(struct blk_req *r, int err)
{
	struct one *o = container_of(r, struct one, r);
	struct batch *b = o->batch;

	assert_false(b->submitting);
	assert_true(loop_is_current(b->d->loop));
	assert_int_equal(o->done++, 0);
	o->op->err = err;
	if (!--b->left)
		sem_post(&b->over);
}

static void submit(void *arg)
{
	struct batch *b = arg;
	struct blk_req *list = NULL;

	for (unsigned i = b->cnt; i-- > 0;) {
		struct one *o = &b->one[i];

		o->r.next = list;
		list = &o->r;
	}
	b->submitting = true;
	blk_submit(b->d->blk, list);
	b->submitting = false;
	blk_reap(b->d->blk);
}

void disk_batch(struct disk *d, struct disk_op *ops, unsigned cnt)
{
	struct batch *b = calloc(1, sizeof(*b));
	struct timespec ts;

	assert_in_range(cnt, 1, DISK_BATCH);
	b->d = d;
	b->cnt = b->left = cnt;
	sem_init(&b->over, 0, 0);
	for (unsigned i = 0; i < cnt; i++) {
		struct one *o = &b->one[i];

		o->batch = b;
		o->op = &ops[i];
		ops[i].err = -1;
		o->iov = (struct iovec){ ops[i].buf, ops[i].len };
		o->r.op = ops[i].op;
		o->r.flags = ops[i].flags;
		o->r.off = ops[i].off;
		o->r.len = ops[i].len;
		o->r.iov = ops[i].iov ? ops[i].iov : &o->iov;
		o->r.iov_cnt = ops[i].iov ? ops[i].iov_cnt : 1;
		o->r.done = one_done;
	}
	loop_run_sync(d->loop, submit, b);
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += 30;
	while (sem_timedwait(&b->over, &ts) < 0)
		if (errno != EINTR)
			fail_msg("%u of %u requests never ended", b->left, cnt);
	sem_destroy(&b->over);
	for (unsigned i = 0; i < cnt; i++)
		assert_true(ops[i].err >= 0);
	free(b);
}

int disk_do(struct disk *d, enum blk_op op, unsigned flags, uint64_t off, void *buf, uint64_t len)
{
	struct disk_op o = { .op = op, .flags = flags, .off = off, .buf = buf, .len = len };

	disk_batch(d, &o, 1);
	return o.err;
}

unsigned disk_fds(void)
{
	DIR *h = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(h);
	while (readdir(h))
		n++;
	closedir(h);
	return n;
}
