/* SPDX-License-Identifier: MIT */
/* workers.c: several that work side by side, and one that works in order and rings seldom. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "block/engine.h"
#include "block/host.h"
#include "block/workers.h"
#include "tests/lib/diskkit.h"

#define JOBS 64

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t order[JOBS]; /* offsets, as they were asked for */
	unsigned cnt, waiting, most_waiting;
	unsigned hold; /* calls wait until so many do */
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static ssize_t watched_read(int fd, const struct iovec *iov, int cnt, off_t off, int flags)
{
	pthread_mutex_lock(&seen.lock);
	seen.order[seen.cnt++] = (uint64_t)off;
	seen.waiting++;
	if (seen.waiting > seen.most_waiting)
		seen.most_waiting = seen.waiting;
	pthread_cond_broadcast(&seen.changed);
	while (seen.hold && seen.most_waiting < seen.hold)
		pthread_cond_wait(&seen.changed, &seen.lock);
	seen.waiting--;
	pthread_mutex_unlock(&seen.lock);
	return host_real.read(fd, iov, cnt, off, flags);
}

struct rig {
	struct loop *loop;
	struct engine engine;
	struct workers *w;
	struct blk_file *file;
	struct host_ops ops;
	struct file_io io[JOBS];
	struct iovec iov[JOBS];
	uint8_t buf[JOBS];
	unsigned done;
};

static struct rig rig;

static void on_done(struct file_io *io, int err)
{
	assert_int_equal(err, 0);
	assert_int_equal(rig.buf[io - rig.io], 0x17);
	rig.done++;
}

static void nothing(void *opaque)
{
	(void)opaque;
}

static void rig_init(unsigned max, unsigned hold)
{
	struct error *e = NULL;

	memset(&rig, 0, sizeof(rig));
	seen.cnt = seen.waiting = seen.most_waiting = 0;
	seen.hold = hold;
	rig.ops = host_real;
	rig.ops.read = watched_read;
	host = &rig.ops;
	rig.loop = loop_create("w", &e);
	rig.engine = (struct engine){ .ops = &engine_threads, .loop = rig.loop, .woken = nothing };
	assert_int_equal(workers_create(&rig.engine, max, &rig.w, &e), 0);
	assert_int_equal(
		file_open(NULL, disk_file("w", JOBS * 512, 0x17), FILE_READONLY, &rig.file, &e), 0);
	rig.file->engine = &rig.engine;
}

static void give(unsigned first, unsigned cnt)
{
	for (unsigned i = first; i < first + cnt; i++) {
		rig.iov[i] = (struct iovec){ &rig.buf[i], 1 };
		rig.io[i] = (struct file_io){ .op = FILE_READ,
					      .act = ACT_READ,
					      .file = rig.file,
					      .off = i * 512,
					      .len = 1,
					      .piece = 1,
					      .iov = &rig.iov[i],
					      .iov_cnt = 1,
					      .done = on_done };
		rig.engine.in_flight++;
		workers_queue(rig.w, &rig.io[i]);
	}
	workers_kick(rig.w);
}

/* Waits for the bell, not longer than 10 s, and collects; how many at most at once. */
static void collect(unsigned cnt)
{
	while (rig.done < cnt) {
		struct pollfd p = { .fd = workers_fd(rig.w), .events = POLLIN };

		assert_int_equal(poll(&p, 1, 10000), 1);
		engine_hush(p.fd);
		while (workers_reap(rig.w, 5))
			;
	}
	assert_int_equal(rig.done, cnt);
	assert_int_equal(rig.engine.in_flight, 0);
}

static void rig_end(void)
{
	rig.w = workers_destroy(rig.w);
	file_close(rig.file);
	loop_destroy(rig.loop);
	host = &host_real;
}

/* Several wait for the host at the same time; never more than was allowed. */
static void side_by_side(void **state)
{
	(void)state;
	rig_init(WORKERS_MAX, WORKERS_MAX);
	give(0, JOBS);
	collect(JOBS);
	assert_int_equal(seen.most_waiting, WORKERS_MAX);
	rig_end();
}

/* Also if they come one by one. */
static void one_by_one(void **state)
{
	(void)state;
	rig_init(WORKERS_MAX, 0);
	for (unsigned i = 0; i < JOBS; i++) {
		give(i, 1);
		collect(i + 1);
	}
	rig_end();
}

static void alone_and_in_order(void **state)
{
	(void)state;
	rig_init(1, 0);
	give(0, JOBS / 2);
	give(JOBS / 2, JOBS / 2);
	collect(JOBS);
	assert_int_equal(seen.most_waiting, 1);
	for (unsigned i = 0; i < JOBS; i++)
		assert_int_equal(seen.order[i], i * 512);
	rig_end();
}

static void unused_ones_end(void **state)
{
	(void)state;
	rig_init(2, 0);
	assert_int_equal(workers_reap(rig.w, 10), 0);
	workers_kick(rig.w);
	rig_end();
	assert_null(workers_destroy(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(side_by_side),
		cmocka_unit_test(one_by_one),
		cmocka_unit_test(alone_and_in_order),
		cmocka_unit_test(unused_ones_end),
	};
	int r = cmocka_run_group_tests(tests, NULL, NULL);

	disk_rmdir();
	return r;
}
