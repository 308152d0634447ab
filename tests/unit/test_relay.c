/* SPDX-License-Identifier: MIT */
/* test_relay.c: the ways bytes take between this process's streams and a guest's: relay, feed,
 * tail. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/lib/fake.h"
#include "verdict/feed.h"
#include "verdict/relay.h"
#include "verdict/tail.h"
#include "vmm/error.h"

/* A byte of a stream, by its place. */
static uint8_t at(uint64_t i)
{
	return (uint8_t)(i * 7 + (i >> 8));
}

/* --- tail ------------------------------------------------------------------------------------- */

static void the_last_bytes(void **state)
{
	static uint8_t buf[3 * TAIL_MAX];
	struct tail t = { 0 };
	struct test_text x = tail_text(&t);
	uint64_t sent = 0;

	(void)state;
	assert_int_equal(x.len, 0);
	free(x.text);
	for (size_t len = 1; len < sizeof(buf); len = len * 3 + 1) {
		for (size_t i = 0; i < len; i++)
			buf[i] = at(sent + i);
		tail_feed(&t, buf, len);
		sent += len;
		x = tail_text(&t);
		assert_int_equal(x.len, sent < TAIL_MAX ? sent : TAIL_MAX);
		for (size_t i = 0; i < x.len; i++)
			assert_int_equal((uint8_t)x.text[i], at(sent - x.len + i));
		free(x.text);
	}
	tail_free(&t);
}

/* --- relay ------------------------------------------------------------------------------------ */

struct rig {
	struct loop *loop;
	struct relay relay;
	struct ev_fd reader;
	uint64_t put, got, total;
};

static void stuff(struct rig *g)
{
	uint8_t buf[5000];

	while (g->put < g->total && relay_room(&g->relay)) {
		size_t n = min_u64(min_u64(relay_room(&g->relay), sizeof(buf)), g->total - g->put);

		for (size_t i = 0; i < n; i++)
			buf[i] = at(g->put + i);
		relay_put(&g->relay, buf, n);
		g->put += n;
		if (g->relay.error)
			return;
	}
}

static void on_progress(struct relay *r, void *opaque)
{
	struct rig *g = opaque;

	assert_ptr_equal(r, &g->relay);
	stuff(g);
	if (r->error)
		loop_stop(g->loop);
}

static void on_readable(struct ev_fd *e, uint32_t revents)
{
	struct rig *g = container_of(e, struct rig, reader);
	uint8_t buf[777];
	ssize_t n = read(e->fd, buf, sizeof(buf));

	(void)revents;
	assert_true(n > 0);
	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(buf[i], at(g->got + (uint64_t)i));
	g->got += (uint64_t)n;
	if (g->got == g->total)
		loop_stop(g->loop);
}

static void slow_readers_get_it_all(void **state)
{
	struct rig g = { .total = 3000000 };
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	g.loop = loop_create("test", NULL);
	relay_init(&g.relay, g.loop, p[1], on_progress, &g);
	stuff(&g);
	assert_int_equal(relay_room(&g.relay), 0);
	assert_true(g.put < g.total);
	g.reader = (struct ev_fd){ .fd = p[0], .events = EV_IN, .cb = on_readable };
	assert_int_equal(loop_add(g.loop, &g.reader, NULL), 0);
	loop_run(g.loop);
	assert_int_equal(g.put, g.total);
	assert_true(relay_empty(&g.relay));
	/* The flags of what we were given are as they were. */
	assert_false(fcntl(p[1], F_GETFL) & O_NONBLOCK);
	loop_del(&g.reader);
	relay_close(&g.relay);
	relay_close(&g.relay);
	loop_destroy(g.loop);
	close(p[0]);
	close(p[1]);
}

static void readers_that_leave_are_an_error(void **state)
{
	struct rig g = { .total = 3000000 };
	int p[2];

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	g.loop = loop_create("test", NULL);
	relay_init(&g.relay, g.loop, p[1], on_progress, &g);
	stuff(&g);
	close(p[0]);
	loop_run(g.loop);
	assert_int_equal(g.relay.error, EPIPE);
	assert_true(relay_empty(&g.relay));
	relay_put(&g.relay, "x", 1);
	assert_true(relay_empty(&g.relay));
	relay_close(&g.relay);
	loop_destroy(g.loop);
	close(p[1]);
}

/* --- feed ------------------------------------------------------------------------------------- */

struct feeding {
	struct loop *loop;
	struct feed feed;
	struct ev_fd reader;
	uint64_t got, total;
	bool ended;
};

static void on_fed(struct feed *f, void *opaque)
{
	struct feeding *g = opaque;

	assert_false(g->ended);
	g->ended = true;
	assert_int_equal(f->total, g->total);
	if (g->got == g->total)
		loop_stop(g->loop);
}

static void on_taken(struct ev_fd *e, uint32_t revents)
{
	struct feeding *g = container_of(e, struct feeding, reader);
	static uint8_t buf[10000];
	ssize_t n = read(e->fd, buf, sizeof(buf));

	(void)revents;
	assert_true(n > 0);
	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(buf[i], at(g->got + (uint64_t)i));
	g->got += (uint64_t)n;
	if (g->ended && g->got == g->total)
		loop_stop(g->loop);
}

static void feed_all(int fd, uint64_t total)
{
	struct feeding g = { .total = total };
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	g.loop = loop_create("test", NULL);
	g.reader = (struct ev_fd){ .fd = s[1], .events = EV_IN, .cb = on_taken };
	assert_int_equal(loop_add(g.loop, &g.reader, NULL), 0);
	feed_start(&g.feed, g.loop, fd, s[0], on_fed, &g);
	loop_run(g.loop);
	assert_true(g.ended);
	assert_int_equal(g.got, total);
	feed_stop(&g.feed);
	loop_del(&g.reader);
	loop_destroy(g.loop);
	close(s[0]);
	close(s[1]);
}

static void files_and_pipes_are_fed(void **state)
{
	char path[] = "/tmp/test_relay.XXXXXX";
	uint8_t buf[4096];
	int fd = mkstemp(path), null = open("/dev/null", O_RDONLY), p[2];

	(void)state;
	unlink(path);
	for (uint64_t i = 0; i < 3000000; i += sizeof(buf)) {
		for (size_t k = 0; k < sizeof(buf); k++)
			buf[k] = at(i + k);
		assert_int_equal(write(fd, buf, sizeof(buf)), sizeof(buf));
	}
	feed_all(fd, 0); /* it is at its end */
	lseek(fd, 0, SEEK_SET);
	feed_all(fd, (3000000 + 4095) / 4096 * 4096);
	feed_all(null, 0);
	assert_int_equal(pipe2(p, 0), 0);
	for (size_t k = 0; k < sizeof(buf); k++)
		buf[k] = at(k);
	assert_int_equal(write(p[1], buf, sizeof(buf)), sizeof(buf));
	close(p[1]);
	feed_all(p[0], sizeof(buf));
	close(p[0]);
	close(fd);
	close(null);
}

/* The guest's process goes while there is more: nothing is said, and nothing waits. */
static void guests_may_leave(void **state)
{
	struct feeding g = { .total = UINT64_MAX };
	int zero = open("/dev/zero", O_RDONLY), s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
	g.loop = loop_create("test", NULL);
	feed_start(&g.feed, g.loop, zero, s[0], on_fed, &g);
	close(s[1]);
	/* What the loop would do. */
	g.feed.again.cb(&g.feed.again);
	assert_true(g.feed.over);
	assert_false(g.ended);
	loop_destroy(g.loop);
	close(s[0]);
	close(zero);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_bytes),
		cmocka_unit_test(slow_readers_get_it_all),
		cmocka_unit_test(readers_that_leave_are_an_error),
		cmocka_unit_test(files_and_pipes_are_fed),
		cmocka_unit_test(guests_may_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
