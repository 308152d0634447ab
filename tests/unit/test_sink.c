/* SPDX-License-Identifier: MIT */
/*
 * test_sink.c: output reaches a reader who lives, promptly and in order; one who does not read
 * never makes the writer wait and costs bounded memory; what is lost is counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "char/sink.h"
#include "tests/lib/fake.h"
#include "tests/lib/port.h"
#include "vmm/log.h"

struct rig {
	struct loop *loop;
	struct sink s;
	int log; /* a memfd */
};

static void rig_init(struct rig *r, int fd)
{
	struct error *e = NULL;
	struct nbio io;

	r->log = memfd_create("log", MFD_CLOEXEC);
	log_set_fd(r->log);
	log_set_level(LOG_WARN);
	r->loop = loop_create("test", &e);
	assert_no_error(e);
	nbio_open(&io, fd, O_WRONLY);
	assert_int_equal(sink_init(&r->s, "the reader", r->loop, &io, &e), 0);
	assert_no_error(e);
	assert_int_equal(loop_start_thread(r->loop, &e), 0);
	assert_no_error(e);
}

static uint64_t rig_close(struct rig *r, unsigned patience_ms)
{
	uint64_t lost;

	loop_stop(r->loop);
	lost = sink_close(&r->s, patience_ms);
	assert_int_equal(sink_close(&r->s, patience_ms), 0);
	loop_destroy(r->loop);
	return lost;
}

static unsigned log_lines(struct rig *r, const char *part)
{
	char buf[8192];
	ssize_t n = pread(r->log, buf, sizeof(buf) - 1, 0);
	unsigned cnt = 0;

	assert_true(n >= 0);
	buf[n] = '\0';
	for (char *p = buf; (p = strstr(p, part)); p++)
		cnt++;
	return cnt;
}

static void put(struct rig *r, const char *text)
{
	sink_write(&r->s, (const uint8_t *)text, strlen(text));
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Byte @i of the test stream: lines of 64, so that a gap shows. */
static uint8_t stream(uint64_t i)
{
	return i % 64 == 63 ? '\n' : (uint8_t)('0' + (i / 64 + i) % 75);
}

static void put_stream(struct rig *r, uint64_t from, size_t len)
{
	uint8_t buf[4096];

	while (len) {
		size_t n = min_u64(len, sizeof(buf));

		for (size_t i = 0; i < n; i++)
			buf[i] = stream(from + i);
		sink_write(&r->s, buf, n);
		from += n;
		len -= n;
	}
}

static void read_exactly(int fd, char *buf, size_t len)
{
	for (size_t n = 0; n < len;) {
		ssize_t got = read(fd, buf + n, len - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
}

/* A key's echo comes at once, and so does a prompt without a line end. */
static void test_prompt(void **state)
{
	uint64_t start, worst = 0;
	struct rig r;
	char buf[8];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	rig_init(&r, p[1]);
	for (unsigned i = 0; i < 20; i++) {
		start = now_ms();
		put(&r, "$");
		put(&r, " ");
		read_exactly(p[0], buf, 2);
		worst = max_u64(worst, now_ms() - start);
		assert_memory_equal(buf, "$ ", 2);
		usleep(10000);
	}
	/* The window is 4 ms; the rest is for a busy machine. */
	assert_true(worst < 500);
	assert_int_equal(rig_close(&r, 0), 0);
	close(p[0]);
	close(p[1]);
}

/* Byte by byte as a kernel prints it: few writes. A datagram socket keeps them apart. */
static void test_few_writes(void **state)
{
	char buf[8192];
	unsigned writes = 0;
	size_t got = 0;
	struct rig r;
	int p[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p), 0);
	rig_init(&r, p[1]);
	for (uint64_t i = 0; i < 30000; i++) {
		uint8_t c = stream(i);

		sink_write(&r.s, &c, 1);
	}
	while (got < 30000) {
		ssize_t n = recv(p[0], buf, sizeof(buf), 0);

		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal((uint8_t)buf[i], stream(got + (size_t)i));
		got += (size_t)n;
		writes++;
	}
	/* 8 pieces of 4 KiB and a few beginnings; a slow machine adds windows. */
	assert_true(writes < 3000);
	assert_int_equal(rig_close(&r, 0), 0);
	close(p[0]);
	close(p[1]);
}

struct writer {
	struct rig *r;
	uint8_t byte;
};

static void *write_many(void *arg)
{
	struct writer *w = arg;
	uint8_t line[16];

	memset(line, w->byte, sizeof(line));
	line[15] = '\n';
	for (unsigned i = 0; i < 5000; i++)
		sink_write(&w->r->s, line, sizeof(line));
	return NULL;
}

/* Any thread may write; one write's bytes stay together. */
static void test_threads(void **state)
{
	struct writer w[4];
	unsigned cnt[4] = { 0 };
	pthread_t t[4];
	struct rig r;
	char line[16];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	rig_init(&r, p[1]);
	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct writer){ &r, (uint8_t)('a' + i) };
		assert_int_equal(pthread_create(&t[i], NULL, write_many, &w[i]), 0);
	}
	for (unsigned i = 0; i < 4 * 5000; i++) {
		read_exactly(p[0], line, sizeof(line));
		for (unsigned k = 1; k < 15; k++)
			assert_int_equal(line[k], line[0]);
		cnt[line[0] - 'a']++;
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(cnt[i], 5000);
	}
	assert_int_equal(rig_close(&r, 0), 0);
	close(p[0]);
	close(p[1]);
}

/* 10 MB to somebody who does not read: the writer goes on, memory stays bounded, the last megabyte
 * is there when the reader comes back, and the gap is accounted for to the byte. */
static void test_stuck_then_back(void **state)
{
	const uint64_t total = 10000000;
	uint64_t lost, got = 0, in_order = 0;
	char *back = malloc(total);
	struct rig r;
	int p[2], queued;

	(void)state;
	assert_int_equal(pipe(p), 0);
	rig_init(&r, p[1]);
	put_stream(&r, 0, 200000);
	/* The loop has stopped at a full pipe, so that there is one gap and we know where. */
	assert_true(EVENTUALLY(5000, ioctl(p[0], FIONREAD, &queued) == 0 && queued >= 65536));
	usleep(20000);
	alarm(60);
	put_stream(&r, 200000, total - 200000);
	alarm(0);
	/* Nothing is said while the log might go to the same reader. */
	assert_int_equal(log_lines(&r, "\n"), 0);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	assert_true(EVENTUALLY(20000, ({
				       ssize_t n = read(p[0], back + got, total - got);

				       got += n > 0 ? (uint64_t)n : 0;
				       got && (uint8_t)back[got - 1] == stream(total - 1) &&
					       log_lines(&r, "was not read for too long") == 1 &&
					       n < 0;
			       })));
	lost = rig_close(&r, 1000);
	assert_int_equal(lost + got, total);
	assert_true(got >= SINK_RING_SIZE - 256);
	assert_true(got < SINK_RING_SIZE + 200000);
	while (in_order < got && (uint8_t)back[in_order] == stream(in_order))
		in_order++;
	assert_true(in_order >= 4096); /* what the pipe held */
	for (uint64_t i = 0; i < got - in_order; i++)
		if ((uint8_t)back[in_order + i] != stream(in_order + lost + i))
			fail_msg("byte %llu after the gap is wrong", (unsigned long long)i);
	close(p[0]);
	close(p[1]);
	close(r.log);
	free(back);
}

static void test_stuck_for_ever(void **state)
{
	uint64_t start;
	struct rig r;
	int p[2], queued;

	(void)state;
	assert_int_equal(pipe(p), 0);
	rig_init(&r, p[1]);
	put_stream(&r, 0, 3000000);
	start = now_ms();
	{
		struct nbio io = { .fd = p[1], .fifo = true, .how = NBIO_POLL };
		uint64_t lost = rig_close(&r, 300);

		queued = nbio_queued(&io);
		assert_int_equal(lost + (uint64_t)queued, 3000000);
	}
	assert_true(now_ms() - start >= 300);
	assert_true(now_ms() - start < 10000);
	close(p[0]);
	close(p[1]);
	close(r.log);
}

struct reader {
	int fd;
	size_t step;
	unsigned pause_us;
	uint64_t got;
	bool wrong;
};

static void *read_slowly(void *arg)
{
	struct reader *rd = arg;
	uint8_t buf[4096];
	ssize_t n;

	while ((n = read(rd->fd, buf, rd->step)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			rd->wrong |= buf[i] != stream(rd->got + (uint64_t)i);
		rd->got += (uint64_t)n;
		usleep(rd->pause_us);
	}
	return NULL;
}

/*
 * Closing waits for a reader who is slower than our patience is long, as long as he reads at all:
 * here 64 bytes every 20 ms, so that a page of the pipe, and with it the next moment it polls
 * writable, takes 1.3 s.
 */
static void slow_reader(size_t len, size_t step, unsigned pause_us, unsigned patience_ms)
{
	struct reader rd = { .step = step, .pause_us = pause_us };
	struct rig r;
	pthread_t t;
	int p[2];

	assert_int_equal(pipe(p), 0);
	fcntl(p[1], F_SETPIPE_SZ, 4096);
	rd.fd = p[0];
	rig_init(&r, p[1]);
	put_stream(&r, 0, len);
	assert_int_equal(pthread_create(&t, NULL, read_slowly, &rd), 0);
	assert_int_equal(rig_close(&r, patience_ms), 0);
	close(p[1]);
	pthread_join(t, NULL);
	assert_int_equal(rd.got, len);
	assert_false(rd.wrong);
	close(p[0]);
	close(r.log);
}

static void test_slow_reader(void **state)
{
	(void)state;
	slow_reader(200000, 4096, 2000, 1000);
	slow_reader(9000, 64, 20000, 1000);
}

/* EPIPE: the guest goes on, its output goes nowhere, one line says so. */
static void test_reader_gone(void **state)
{
	struct rig r;
	char buf[8];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	rig_init(&r, p[1]);
	put(&r, "hello");
	read_exactly(p[0], buf, 5);
	close(p[0]);
	put(&r, "x");
	assert_true(EVENTUALLY(5000, log_lines(&r, "Broken pipe") == 1));
	put_stream(&r, 0, 3000000);
	usleep(20000);
	assert_int_equal(log_lines(&r, "\n"), 1);
	assert_int_equal(rig_close(&r, 1000), 0);
	close(p[1]);
	close(r.log);
}

/* The same while we wait for it. */
static void test_stuck_reader_goes(void **state)
{
	uint64_t start;
	struct rig r;
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	rig_init(&r, p[1]);
	put_stream(&r, 0, 200000);
	usleep(20000);
	close(p[0]);
	assert_true(EVENTUALLY(5000, log_lines(&r, "Broken pipe") == 1));
	start = now_ms();
	rig_close(&r, 5000);
	assert_true(now_ms() - start < 4000);
	close(p[1]);
	close(r.log);
}

static void test_not_writable(void **state)
{
	int fd = open("/dev/null", O_RDONLY);
	struct rig r;

	(void)state;
	rig_init(&r, fd);
	put(&r, "x");
	assert_true(EVENTUALLY(5000, log_lines(&r, "Bad file descriptor") == 1));
	assert_int_equal(rig_close(&r, 1000), 0);
	close(fd);
	close(r.log);
}

/* /dev/full: every write fails with ENOSPC (full(4)). */
static void test_disk_full(void **state)
{
	int fd = open("/dev/full", O_WRONLY);
	uint64_t start;
	struct rig r;

	(void)state;
	rig_init(&r, fd);
	put(&r, "one");
	assert_true(EVENTUALLY(5000, log_lines(&r, "No space left on device") == 1));
	put_stream(&r, 0, 5000);
	usleep(1200000); /* it has tried again */
	assert_int_equal(log_lines(&r, "\n"), 1);
	start = now_ms();
	assert_int_equal(rig_close(&r, 3000), 5003);
	assert_true(now_ms() - start < 2000); /* no patience with a disk */
	close(fd);
	close(r.log);
}

/* EFBIG stands for ENOSPC here: space comes back, and nothing was lost. */
static void test_disk_has_space_again(void **state)
{
	char path[] = "/tmp/test_sink.XXXXXX";
	struct rlimit old, small = { .rlim_cur = 1000 };
	int fd = mkstemp(path);
	struct stat st;
	struct rig r;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	rig_init(&r, fd);
	setrlimit(RLIMIT_FSIZE, &small);
	put_stream(&r, 0, 5000);
	/* The log is a file too; it is empty. */
	assert_true(EVENTUALLY(5000, log_lines(&r, "File too large") == 1));
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(EVENTUALLY(5000, fstat(fd, &st) == 0 && st.st_size == 5000));
	assert_int_equal(log_lines(&r, "\n"), 1);
	assert_int_equal(rig_close(&r, 0), 0);
	close(fd);
	unlink(path);
	close(r.log);
}

/* Nothing is lost that was written before the loop ran, or after it stopped. */
static void test_without_loop(void **state)
{
	struct error *e = NULL;
	struct loop *loop = loop_create("test", &e);
	struct nbio io;
	struct sink s;
	char buf[8];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	nbio_open(&io, p[1], O_WRONLY);
	assert_int_equal(sink_init(&s, "x", loop, &io, &e), 0);
	assert_no_error(e);
	sink_write(&s, (const uint8_t *)"early", 5);
	assert_int_equal(sink_close(&s, 0), 0);
	read_exactly(p[0], buf, 5);
	assert_memory_equal(buf, "early", 5);
	loop_destroy(loop);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prompt),
		cmocka_unit_test(test_few_writes),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_stuck_then_back),
		cmocka_unit_test(test_stuck_for_ever),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_reader_gone),
		cmocka_unit_test(test_stuck_reader_goes),
		cmocka_unit_test(test_not_writable),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_disk_has_space_again),
		cmocka_unit_test(test_without_loop),
	};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
