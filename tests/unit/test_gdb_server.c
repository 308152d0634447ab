/* SPDX-License-Identifier: MIT */
/* test_gdb_server.c: clients of the gdb server: one at a time, rude ones, slow ones, gone ones. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lens/gdb_packet.h"
#include "tests/lib/fake.h"
#include "tests/lib/fake_debug.h"
#include "tests/lib/port.h"
#include "vmm/gdb.h"
#include "vmm/log.h"
#include "vmm/loop.h"

static struct {
	struct fake_debug f;
	struct loop *loop;
	struct gdb_server *server;
	char dir[64], path[100], where[120];
	struct error *e;
	int result;
} w;

/* On the loop's thread. */
static void open_server(void *arg)
{
	(void)arg;
	w.result = gdb_server_open(w.where, &w.f.target, w.loop, &(struct gdb_monitor){ 0 },
				   &w.server, &w.e);
}

static void close_server(void *arg)
{
	(void)arg;
	w.server = gdb_server_close(w.server);
}

static void wait_for_loop(void *arg)
{
	(void)arg;
}

static void settle(void)
{
	loop_run_sync(w.loop, wait_for_loop, NULL);
}

struct sample {
	const unsigned *from;
	unsigned value;
};

static void take_sample(void *arg)
{
	struct sample *s = arg;

	s->value = *s->from;
}

/* A counter of the fake's, which the loop's thread writes. */
static unsigned counted(const unsigned *counter)
{
	struct sample s = { .from = counter };

	loop_run_sync(w.loop, take_sample, &s);
	return s.value;
}

static void begin_at(const char *where)
{
	memset(&w, 0, sizeof(w));
	log_set_level(LOG_ERR);
	fake_debug_init(&w.f);
	strcpy(w.dir, "/tmp/trapeze-test-gdb-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	snprintf(w.path, sizeof(w.path), "%s/s", w.dir);
	if (where)
		snprintf(w.where, sizeof(w.where), "%s", where);
	else
		snprintf(w.where, sizeof(w.where), "unix:%s", w.path);
	w.loop = loop_create("gdb", &w.e);
	assert_non_null(w.loop);
	assert_int_equal(loop_start_thread(w.loop, &w.e), 0);
	loop_run_sync(w.loop, open_server, NULL);
}

static int begin(void **state)
{
	(void)state;
	begin_at(NULL);
	assert_no_error(w.e);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	loop_run_sync(w.loop, close_server, NULL);
	loop_destroy(w.loop);
	assert_int_not_equal(access(w.path, F_OK), 0);
	rmdir(w.dir);
	return 0;
}

/* --- a client --------------------------------------------------------------------------------- */

static int connect_unix(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", w.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void say(int fd, const char *p, size_t len)
{
	assert_int_equal(send(fd, p, len, MSG_NOSIGNAL), len);
}

static void say_packet(int fd, const char *packet)
{
	_cleanup_(str_free) struct str b = { 0 };

	gdb_frame(&b, packet, strlen(packet));
	say(fd, b.s, b.len);
}

/* The next packet; false: he has hung up. */
static bool hear(int fd, char *to)
{
	struct gdb_rx rx = { 0 };
	enum gdb_event e = GDB_NOTHING;
	uint8_t c;

	while (e != GDB_PACKET) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		assert_int_equal(poll(&p, 1, 20000), 1);
		if (recv(fd, &c, 1, 0) != 1)
			return false;
		e = gdb_rx_byte(&rx, c);
	}
	memcpy(to, rx.payload, rx.len + 1);
	return true;
}

static void expect(int fd, const char *packet, const char *answer)
{
	char got[GDB_PACKET_MAX + 1];

	say_packet(fd, packet);
	assert_true(hear(fd, got));
	assert_string_equal(got, answer);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void one_at_a_time(void **state)
{
	char got[GDB_PACKET_MAX + 1];
	int a = connect_unix(), b;

	(void)state;
	expect(a, "qC", "QC1");
	b = connect_unix();
	assert_false(hear(b, got)); /* turned away */
	close(b);
	expect(a, "qC", "QC1");
	close(a);
	assert_true(EVENTUALLY(5000, counted(&w.f.detaches) == 1));
	/* The next one finds it running, and stops it. */
	a = connect_unix();
	expect(a, "qC", "QC1");
	assert_int_equal(counted(&w.f.stops), 1);
	close(a);
	assert_true(EVENTUALLY(5000, counted(&w.f.detaches) == 2));
}

/* While the last one has not been missed yet, the next one is turned away. */
static bool is_served(void)
{
	char got[GDB_PACKET_MAX + 1];
	int fd = connect_unix();
	bool ret;

	say_packet(fd, "qC");
	ret = hear(fd, got) && !strcmp(got, "QC1");
	close(fd);
	settle();
	return ret;
}

static void rubbish(void **state)
{
	char junk[5000];
	uint32_t x = 1;

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		int fd = connect_unix();

		for (size_t i = 0; i < sizeof(junk); i++) {
			x = x * 1664525 + 1013904223;
			junk[i] = (char)(x >> 24);
		}
		/* He may be dropped for it, as 'k' is one of the things that can be said. */
		(void)!send(fd, junk, sizeof(junk), MSG_NOSIGNAL);
		close(fd);
		settle();
	}
	assert_true(EVENTUALLY(5000, is_served()));
}

/* Half a packet, and gone. */
static void half_a_packet(void **state)
{
	int fd = connect_unix();

	(void)state;
	say(fd, "$m0,", 4);
	close(fd);
	assert_true(EVENTUALLY(5000, counted(&w.f.detaches) == 1));
	assert_true(is_served());
}

/* Who asks and does not listen is not asked for more, and gets all of it when he does. */
static void slow_reader(void **state)
{
	char got[GDB_PACKET_MAX + 1];
	_cleanup_(str_free) struct str b = { 0 };
	int fd = connect_unix();
	unsigned asked = 0;

	(void)state;
	gdb_frame(&b, "m0,1ff0", 7);
	while (send(fd, b.s, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b.len)
		asked++;
	settle();
	assert_true(counted(&w.f.reads) < asked);
	for (unsigned i = 0; i < asked; i++) {
		assert_true(hear(fd, got));
		assert_int_equal(strlen(got), 2 * 0x1ff0);
	}
	close(fd);
}

static void stop_replies(void **state)
{
	char got[GDB_PACKET_MAX + 1];
	int fd = connect_unix();

	(void)state;
	say_packet(fd, "vCont;c");
	assert_true(EVENTUALLY(5000, counted(&w.f.resumes) == 1));
	say(fd, "\3", 1);
	assert_true(hear(fd, got));
	assert_true(!strncmp(got, "T02thread:1;", 12));
	/* He goes while it runs. */
	say_packet(fd, "vCont;c");
	assert_true(EVENTUALLY(5000, counted(&w.f.resumes) == 2));
	close(fd);
	assert_true(EVENTUALLY(5000, counted(&w.f.detaches) == 1));
}

static void hangs_up_after_kill(void **state)
{
	char got[GDB_PACKET_MAX + 1];
	int fd = connect_unix();

	(void)state;
	say_packet(fd, "k");
	assert_false(hear(fd, got));
	assert_int_equal(counted(&w.f.kills), 1);
	close(fd);
}

static void tcp(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	char where[64], hint[160];
	int fd = -1;

	(void)state;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* Some port is free. */
	for (unsigned port = 40000 + (unsigned)getpid() % 20000, i = 0; i < 100; i++) {
		snprintf(where, sizeof(where), "tcp::%u", port + i);
		begin_at(where);
		a.sin_port = htons((uint16_t)(port + i));
		if (w.result == 0)
			break;
		assert_error(w.e, "cannot wait for gdb");
		loop_destroy(w.loop);
		rmdir(w.dir);
	}
	assert_int_equal(w.result, 0);
	gdb_server_hint(w.server, hint, sizeof(hint));
	assert_non_null(strstr(hint, "target remote localhost:"));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	expect(fd, "qC", "QC1");
	close(fd);
	finish(NULL);
}

static void places(void **state)
{
	static const char *const good[] = { "tcp::1",         "tcp:127.0.0.1:65535",
					    "tcp:[::1]:1234", "tcp:localhost:9",
					    "unix:x",         "tcp:0.0.0.0:1" };
	static const char *const bad[] = { "",         "tcp",        "tcp:",       "tcp:1234",
					   "tcp::",    "tcp::0",     "tcp::65536", "tcp::12x",
					   "unix:",    "tcp:host:1", "tcp:::1:1",  "tcp:[::1]",
					   "tcp:[]:1", "/tmp/x",     "tcp:[x]:1",  "udp::1" };
	char longer[200];

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(gdb_check(good[i], NULL), 0);
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct error *e = NULL;

		assert_int_equal(gdb_check(bad[i], &e), -EINVAL);
		assert_error(e, "is no place for gdb");
	}
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "unix:", 5);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(gdb_check(longer, NULL), -ENAMETOOLONG);
	memcpy(longer, "tcp:x", 5);
	assert_int_equal(gdb_check(longer, NULL), -EINVAL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)
	const struct CMUnitTest tests[] = {
		T(one_at_a_time),      T(rubbish),
		T(half_a_packet),      T(slow_reader),
		T(stop_replies),       T(hangs_up_after_kill),
		cmocka_unit_test(tcp), cmocka_unit_test(places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
