/* SPDX-License-Identifier: MIT */
/*
 * test_unix.c: consoles on a listening socket: who may connect, who waits, and what becomes of
 * bytes when clients come and go.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/lib/fake.h"
#include "tests/lib/port.h"
#include "vmm/console.h"
#include "vmm/log.h"

static char dir[64], path[128], spec[160];

/* --- the device's end, with all that a client of a chardev can be ----------------------------- */

struct dev {
	struct chardev *chr;
	struct loop *loop;
	_Atomic unsigned ready, changes;
	_Atomic bool connected; /* as of the last change */
	_Atomic unsigned left;  /* changes that said so */
	_Atomic bool deaf;
	uint8_t in[1 << 20];
	_Atomic size_t in_len;
};

static size_t dev_room(void *p)
{
	struct dev *d = p;

	return d->deaf ? 0 : min_u64(100, sizeof(d->in) - d->in_len);
}

static void dev_receive(void *p, const uint8_t *buf, size_t len)
{
	struct dev *d = p;

	memcpy(d->in + d->in_len, buf, len);
	d->in_len += len;
}

static void dev_ready(void *p)
{
	((struct dev *)p)->ready++;
}

static void dev_changed(void *p)
{
	struct dev *d = p;
	bool now = chardev_connected(d->chr);

	d->left += d->connected && !now;
	d->connected = now;
	d->changes++;
}

static const struct chardev_client client = {
	.room = dev_room,
	.receive = dev_receive,
	.output_ready = dev_ready,
	.changed = dev_changed,
};

static void dev_open(struct dev *d, bool attach)
{
	struct error *e = NULL;

	memset(d, 0, sizeof(*d));
	d->loop = loop_create("test", &e);
	assert_no_error(e);
	assert_int_equal(console_open(spec, d->loop, NULL, &d->chr, &e), 0);
	assert_no_error(e);
	if (attach)
		chardev_attach(d->chr, &client, d);
	assert_int_equal(console_start(d->chr, &e), 0);
	assert_int_equal(loop_start_thread(d->loop, &e), 0);
	assert_no_error(e);
}

static uint64_t dev_close(struct dev *d)
{
	uint64_t lost;

	loop_stop(d->loop);
	assert_null(console_close(d->chr, 200, &lost));
	loop_destroy(d->loop);
	return lost;
}

static struct dev *make(bool attach)
{
	struct dev *d = malloc(sizeof(*d));

	assert_non_null(d);
	dev_open(d, attach);
	return d;
}

static uint64_t end(struct dev *d)
{
	uint64_t lost = dev_close(d);

	free(d);
	return lost;
}

/* --- the host's end --------------------------------------------------------------------------- */

static int try_connect(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, path);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int dial(void)
{
	int fd = try_connect();

	assert_true(fd >= 0);
	return fd;
}

static void hear(int fd, const char *text)
{
	char buf[256] = { 0 };
	size_t n = 0;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (n < strlen(text) && poll(&p, 1, 20000) > 0) {
		ssize_t k = read(fd, buf + n, strlen(text) - n);

		if (k <= 0)
			break;
		n += (size_t)k;
	}
	assert_string_equal(buf, text);
}

static void tell(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void offer(struct dev *d, const char *text)
{
	assert_int_equal(chardev_offer(d->chr, (const uint8_t *)text, strlen(text)), strlen(text));
}

static void put(struct dev *d, const char *text)
{
	chardev_write(d->chr, (const uint8_t *)text, strlen(text));
}

/* --- clients ---------------------------------------------------------------------------------- */

static void both_ways(void **state)
{
	struct dev *d = make(true);
	int fd = dial();

	(void)state;
	assert_true(EVENTUALLY(20000, d->connected));
	offer(d, "to the host");
	hear(fd, "to the host");
	tell(fd, "to the \001x guest"); /* no key is special here */
	assert_true(EVENTUALLY(20000, d->in_len == 15));
	assert_memory_equal(d->in, "to the \001x guest", 15);
	close(fd);
	assert_true(EVENTUALLY(20000, !d->connected));
	assert_int_equal(end(d), 0);
}

/*
 * A small write does not wait for more to come. Each would wait for 4 ms, so that none is there
 * earlier; how many are is the machine's business.
 */
static void answers_are_prompt(void **state)
{
	struct dev *d = make(true);
	int fd = dial();
	unsigned prompt = 0;

	(void)state;
	assert_true(EVENTUALLY(20000, d->connected));
	for (unsigned i = 0; i < 200; i++) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		offer(d, "?");
		hear(fd, "?");
		clock_gettime(CLOCK_MONOTONIC, &b);
		prompt += (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec < 3000000;
	}
	assert_in_range(prompt, 20, 200);
	close(fd);
	end(d);
}

/* The second waits, connected, and what he says is not lost; the first does not notice. */
static void one_at_a_time(void **state)
{
	struct dev *d = make(true);
	int a = dial(), b;

	(void)state;
	assert_true(EVENTUALLY(20000, d->connected));
	b = dial();
	tell(b, "from b");
	offer(d, "for a");
	hear(a, "for a");
	usleep(20000);
	assert_int_equal(d->in_len, 0);
	close(a);
	assert_true(EVENTUALLY(20000, d->in_len == 6));
	assert_memory_equal(d->in, "from b", 6);
	assert_int_equal(d->left, 1); /* the guest has been told of the change */
	assert_true(EVENTUALLY(20000, d->connected));
	offer(d, "for b");
	hear(b, "for b");
	close(b);
	end(d);
}

/* `echo x | socat - UNIX:...` is gone long before a busy guest reads the x. */
static void input_outlives_its_sender(void **state)
{
	struct dev *d = make(true);
	char text[3000];
	int a, b;

	(void)state;
	d->deaf = true;
	memset(text, 'a', sizeof(text));
	a = dial();
	assert_int_equal(write(a, text, sizeof(text)), sizeof(text));
	close(a);
	b = dial();
	tell(b, "b");
	usleep(20000);
	assert_int_equal(d->in_len, 0);
	d->deaf = false;
	chardev_room_changed(d->chr);
	assert_true(EVENTUALLY(20000, d->in_len == sizeof(text) + 1));
	assert_memory_equal(d->in, text, sizeof(text));
	assert_int_equal(d->in[sizeof(text)], 'b');
	close(b);
	end(d);
}

/* Who shuts down his sending side is still there to read. */
static void half_close(void **state)
{
	struct dev *d = make(true);
	int fd = dial();

	(void)state;
	tell(fd, "ask");
	shutdown(fd, SHUT_WR);
	assert_true(EVENTUALLY(20000, d->in_len == 3));
	usleep(10000);
	assert_true(d->connected);
	offer(d, "answer");
	hear(fd, "answer");
	close(fd);
	assert_true(EVENTUALLY(20000, !d->connected));
	end(d);
}

/* Somebody who connects and goes, as one who looks whether the name is stale does, is no client. */
static void a_knock_is_no_client(void **state)
{
	struct dev *d = make(true);
	int fd = dial();

	(void)state;
	assert_true(EVENTUALLY(20000, d->connected));
	close(dial()); /* waits behind it, and is gone when its turn comes */
	close(fd);
	assert_true(EVENTUALLY(20000, !d->connected));
	usleep(20000);
	assert_int_equal(d->changes, 2);
	end(d);
}

/* --- without a client, with a slow one -------------------------------------------------------- */

/* What is offered is taken by a client or by nobody. */
static void offers_wait_for_a_client(void **state)
{
	struct dev *d = make(true);
	int fd;

	(void)state;
	assert_int_equal(chardev_offer(d->chr, (const uint8_t *)"x", 1), 0);
	fd = dial();
	assert_true(EVENTUALLY(20000, d->connected));
	offer(d, "x");
	hear(fd, "x");
	close(fd);
	assert_true(EVENTUALLY(20000, !d->connected));
	assert_int_equal(chardev_offer(d->chr, (const uint8_t *)"x", 1), 0);
	assert_int_equal(end(d), 0);
}

/* A guest's console has printed its log before anybody looks: the newest of it is there. */
static void writes_are_kept_for_the_first_client(void **state)
{
	struct dev *d = make(true);
	int fd;

	(void)state;
	put(d, "early\n");
	put(d, "log\n");
	fd = dial();
	hear(fd, "early\nlog\n");
	put(d, "more\n");
	hear(fd, "more\n");
	close(fd);
	assert_true(EVENTUALLY(20000, !d->connected));
	put(d, "between\n");
	fd = dial();
	hear(fd, "between\n");
	close(fd);
	assert_int_equal(end(d), 0);
}

/* Nobody ever looked: not worth a word at the end. */
static void nobody_ever_looked(void **state)
{
	struct dev *d = make(true);
	char line[1000];

	(void)state;
	memset(line, 'x', sizeof(line));
	for (unsigned i = 0; i < 3000; i++)
		chardev_write(d->chr, (const uint8_t *)line, sizeof(line));
	assert_int_equal(end(d), 0);
}

/* A client who does not read: offers end, nothing is lost, and one wake-up comes when he does. */
static void back_pressure(void **state)
{
	struct dev *d = make(true);
	size_t sent = 0, got = 0;
	uint8_t buf[65536];
	int fd = dial();

	(void)state;
	assert_true(EVENTUALLY(20000, d->connected));
	for (unsigned idle = 0; idle < 100;) {
		size_t n;

		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = (uint8_t)((sent + i) * 7 / 5);
		n = chardev_offer(d->chr, buf, sizeof(buf));
		sent += n;
		idle = n ? 0 : idle + 1;
		if (!n)
			usleep(1000);
	}
	assert_true(sent >= 1u << 20 && sent < 4u << 20);
	d->ready = 0;
	while (got < sent) {
		ssize_t n = read(fd, buf, sizeof(buf));

		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != (uint8_t)((got + (size_t)i) * 7 / 5))
				fail_msg("byte %zu is wrong", got + (size_t)i);
		got += (size_t)n;
	}
	assert_true(EVENTUALLY(20000, d->ready == 1));
	close(fd);
	end(d);
}

/* What is on its way when a client leaves is his, and not the next one's. */
static void leavers_take_their_bytes_along(void **state)
{
	struct dev *d = make(true);
	uint8_t buf[65536] = { 0 };
	int fd = dial();

	(void)state;
	assert_true(EVENTUALLY(20000, d->connected));
	while (chardev_offer(d->chr, buf, sizeof(buf)))
		;
	close(fd);
	assert_true(EVENTUALLY(20000, !d->connected));
	fd = dial();
	assert_true(EVENTUALLY(20000, d->connected));
	offer(d, "fresh");
	hear(fd, "fresh");
	close(fd);
	end(d);
}

/* The end of the run waits for a reader who reads. */
static void drained_at_the_end(void **state)
{
	struct dev *d = make(true);
	uint8_t buf[65536];
	size_t sent = 0, got = 0;
	int fd = dial();
	pid_t pid;
	int status;

	(void)state;
	memset(buf, 'x', sizeof(buf));
	assert_true(EVENTUALLY(20000, d->connected));
	for (size_t n = 1; n; sent += n)
		n = chardev_offer(d->chr, buf, sizeof(buf));
	fflush(NULL);
	pid = fork();
	if (!pid) {
		ssize_t n;

		usleep(50000);
		while (got < sent && (n = read(fd, buf, sizeof(buf))) > 0)
			got += (size_t)n;
		_exit(got == sent ? 0 : 1);
	}
	assert_int_equal(end(d), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fd);
}

/* What a device leaves behind when it goes: after what was offered, and before what is offered
 * next, which waits until it has been read. More than there is room for is lost, and that is said.
 */
static void the_rest_of_a_device(void **state)
{
	struct dev *d = make(true);
	const size_t len = 3u << 20;
	size_t offered = 0, rest = 0, got = 0;
	uint8_t *buf = malloc(len);
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(i * 13 / 7);
	assert_true(EVENTUALLY(20000, d->connected));
	for (unsigned idle = 0; idle < 50;) {
		size_t n = chardev_offer(d->chr, buf + offered % len, 4096);

		offered += n;
		idle = n ? 0 : idle + 1;
		if (!n)
			usleep(1000);
	}
	for (size_t n = 1; n; rest += n)
		n = chardev_offer_rest(d->chr, buf + rest % len, 65536);
	assert_int_equal(rest, CHARDEV_REST);
	while (got < offered + rest) {
		uint8_t chunk[65536];
		ssize_t n = read(fd, chunk, sizeof(chunk));

		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++, got++) {
			size_t at = got < offered ? got % len : (got - offered) % len;

			if (chunk[i] != buf[at])
				fail_msg("byte %zu is wrong", got);
			/* Not before all of it was read. */
			if (got + MIB < offered + rest && i == 0)
				assert_int_equal(chardev_offer(d->chr, buf, 1), 0);
		}
	}
	assert_true(EVENTUALLY(20000, chardev_offer(d->chr, buf, 1) == 1));
	hear(fd, "\0"); /* buf[0] */
	free(buf);
	close(fd);
	assert_true(EVENTUALLY(20000, !d->connected));
	assert_int_equal(chardev_offer_rest(d->chr, (const uint8_t *)"nobody", 6), 6);
	assert_int_equal(end(d), 65536);
}

/* A chardev that no device listens to (the debug console) still talks. */
static void without_a_device(void **state)
{
	struct dev *d = make(false);
	int fd = dial();

	(void)state;
	tell(fd, "ignored");
	put(d, "text");
	hear(fd, "text");
	close(fd);
	fd = dial();
	usleep(10000);
	put(d, "again");
	hear(fd, "again");
	close(fd);
	end(d);
}

/* Row 100, "fd leak per reconnect". */
static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_row100_reconnecting_costs_no_descriptor(void **state)
{
	struct dev *d = make(true);
	unsigned before = open_fds();

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		int fd = dial();

		tell(fd, "x");
		assert_true(EVENTUALLY(20000, d->in_len == i + 1));
		close(fd);
		assert_true(EVENTUALLY(20000, d->left == i + 1));
	}
	assert_int_equal(open_fds(), before);
	end(d);
}

/* Row 95, no descriptor free: the client waits, this process does not spin, and it works when there
 * is one again. */
static void test_row95_no_descriptor_free(void **state)
{
	struct rlimit old, low;
	struct timespec a, b;
	struct dev *d = make(true);
	int fd = dial(), second;

	(void)state;
	assert_true(EVENTUALLY(20000, d->connected));
	second = dial();
	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){ 3, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	close(fd);
	assert_true(EVENTUALLY(20000, d->left == 1));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	usleep(300000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 100);
	setrlimit(RLIMIT_NOFILE, &old);
	tell(second, "at last");
	assert_true(EVENTUALLY(5000, d->in_len == 7));
	close(second);
	end(d);
}

/* --- the name --------------------------------------------------------------------------------- */

static void the_name_is_ours_alone_and_goes(void **state)
{
	mode_t old = umask(0);
	struct dev *d = make(true);
	struct stat st;

	(void)state;
	umask(old);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	end(d);
	assert_int_equal(stat(path, &st), -1);
}

/* Left behind by one who was killed: taken over. */
static void stale_name(void **state)
{
	struct dev *d;
	int status, fd;
	pid_t pid;

	(void)state;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct dev *dead = malloc(sizeof(*dead));

		dev_open(dead, true);
		_exit(0); /* without a word */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(access(path, F_OK), 0);
	d = make(true);
	fd = dial();
	assert_true(EVENTUALLY(20000, d->connected));
	close(fd);
	end(d);
}

static void refused(const char *part)
{
	struct error *e = NULL;
	struct chardev *chr = NULL;
	struct loop *l = loop_create("test", &e);

	assert_true(console_open(spec, l, NULL, &chr, &e) < 0);
	assert_error(e, part);
	assert_null(chr);
	loop_destroy(l);
}

static void name_in_use(void **state)
{
	struct dev *d = make(true);
	int fd;

	(void)state;
	refused("somebody listens at");
	/* Who asked was a client for a moment, and is gone; he listens as before. */
	fd = dial();
	tell(fd, "!");
	assert_true(EVENTUALLY(20000, d->in_len == 1));
	offer(d, "still here");
	hear(fd, "still here");
	refused("somebody listens at");
	assert_true(d->connected);
	close(fd);
	end(d);
}

static void name_is_something_else(void **state)
{
	struct stat st;
	int fd = open(path, O_CREAT | O_WRONLY, 0644);

	(void)state;
	assert_int_equal(write(fd, "data", 4), 4);
	close(fd);
	refused("exists and is no socket");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4);
	unlink(path);
	assert_int_equal(symlink("/nonexistent/file", path), 0);
	refused("exists and is no socket");
	unlink(path);
}

/* Somebody has put another socket where ours was: it is not ours to remove. */
static void somebody_elses_name(void **state)
{
	struct dev *d = make(true);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	unlink(path);
	strcpy(sa.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	end(d);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	close(fd);
}

static void name_too_long_or_nowhere(void **state)
{
	char keep[sizeof(spec)];

	(void)state;
	strcpy(keep, spec);
	snprintf(spec, sizeof(spec), "unix:/%0120d", 1);
	refused("is too long for the name of a socket");
	snprintf(spec, sizeof(spec), "unix:/nonexistent/x");
	refused("cannot listen at '/nonexistent/x': No such file or directory");
	snprintf(spec, sizeof(spec), "unix:");
	refused("lacks a path");
	strcpy(spec, keep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(answers_are_prompt),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(input_outlives_its_sender),
		cmocka_unit_test(half_close),
		cmocka_unit_test(a_knock_is_no_client),
		cmocka_unit_test(offers_wait_for_a_client),
		cmocka_unit_test(writes_are_kept_for_the_first_client),
		cmocka_unit_test(nobody_ever_looked),
		cmocka_unit_test(back_pressure),
		cmocka_unit_test(leavers_take_their_bytes_along),
		cmocka_unit_test(drained_at_the_end),
		cmocka_unit_test(the_rest_of_a_device),
		cmocka_unit_test(without_a_device),
		cmocka_unit_test(test_row100_reconnecting_costs_no_descriptor),
		cmocka_unit_test(test_row95_no_descriptor_free),
		cmocka_unit_test(the_name_is_ours_alone_and_goes),
		cmocka_unit_test(stale_name),
		cmocka_unit_test(name_in_use),
		cmocka_unit_test(name_is_something_else),
		cmocka_unit_test(somebody_elses_name),
		cmocka_unit_test(name_too_long_or_nowhere),
	};
	int r;

	console_sanitize_fds();
	log_set_fd(open("/dev/null", O_WRONLY));
	strcpy(dir, "/tmp/test_unix.XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/console", dir);
	snprintf(spec, sizeof(spec), "unix:%s", path);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(dir);
	return r;
}
