/* SPDX-License-Identifier: MIT */
/* test_socket.c: two guests at the ends of a wire, and others who come to it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/lib/net_kit.h"
#include "vmm/unix_name.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
static char dir[] = "/tmp/trapeze-test-socket-XXXXXX", path[64];
static struct net_kit a, b;
static struct net_kit *both[] = { &a, &b };

static int set_up(void **state)
{
	(void)state;
	net_log_catch();
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/wire", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	net_kit_close(&a);
	net_kit_close(&b);
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	net_log_release();
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static int open_end(struct net_kit *k, bool listens, struct error **errp)
{
	struct net_config c = { .kind = NET_SOCKET, .path = path, .listen = listens };
	int r = net_kit_open(k, &c, errp);

	if (r == 0)
		net_kit_run(k, 1, 0);
	return r;
}

static bool both_up(void *arg)
{
	(void)arg;
	return a.up && b.up;
}

static bool wait_both(bool (*cond)(void *arg))
{
	return net_wait(both, 2, cond, NULL, 4000);
}

static bool got_one_each(void *arg)
{
	(void)arg;
	return a.got && b.got;
}

static void talk(void)
{
	a.got = b.got = 0;
	assert_int_equal(net_kit_send(&a, 0, NULL, mac, 1, 1000), 0);
	assert_int_equal(net_kit_send(&b, 0, NULL, mac, 2, 60000), 0);
	netdev_flush(a.n, 0);
	netdev_flush(b.n, 0);
	assert_true(wait_both(got_one_each));
	assert_int_equal(b.last_len, NET_HDR_LEN + 1000);
	assert_int_equal(a.last_len, NET_HDR_LEN + 60000);
	assert_int_equal(a.last[a.last_len - 1], 2);
}

static void two_guests(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(open_end(&a, true, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_false(netdev_link(a.n));
	assert_int_equal(netdev_info(a.n).offloads, 0);
	/* Nobody is there: dropped. */
	assert_int_equal(net_kit_send(&a, 0, NULL, mac, 1, 1000), 0);
	assert_int_equal(open_end(&b, false, NULL), 0);
	assert_true(netdev_link(b.n));
	assert_true(wait_both(both_up));
	talk();
}

/* The one that connects may be first, and outlives the other. */
static void comes_again(void **state)
{
	(void)state;
	assert_int_equal(open_end(&b, false, NULL), 0);
	assert_false(netdev_link(b.n));
	assert_non_null(strstr(net_log_taken(), "nobody listens there yet; trying each second"));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(open_end(&a, true, NULL), 0);
		assert_true(wait_both(both_up));
		talk();
		net_kit_close(&a);
		memset(&a, 0, sizeof(a));
		assert_int_equal(access(path, F_OK), -1);
		b.links = 0;
		assert_true(net_wait_for(&b, &b.links, 1, 1000));
		assert_false(b.up);
	}
}

static void the_next_one_waits(void **state)
{
	int first, second;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(open_end(&a, true, NULL), 0);
	first = unix_name_connect(path);
	second = unix_name_connect(path);
	assert_true(first >= 0 && second >= 0);
	assert_true(net_wait_for(&a, &a.links, 1, 1000));
	assert_int_equal(net_kit_send(&a, 0, NULL, mac, 1, 60), 0);
	netdev_flush(a.n, 0);
	assert_int_equal(recv(first, buf, sizeof(buf), 0), 64);
	assert_int_equal(recv(second, buf, sizeof(buf), MSG_DONTWAIT), -1);
	close(first);
	assert_true(net_wait_for(&a, &a.links, 3, 1000));
	assert_int_equal(net_kit_send(&a, 0, NULL, mac, 1, 60), 0);
	netdev_flush(a.n, 0);
	assert_int_equal(recv(second, buf, sizeof(buf), 0), 64);
	close(second);
}

static void refused(bool listens, int code, const char *says)
{
	struct error *e = NULL;

	assert_int_equal(open_end(&b, listens, &e), -code);
	assert_non_null(strstr(error_msg(e), says));
	error_free(e);
}

static void names(void **state)
{
	struct unix_name stale;
	char keep[64];

	(void)state;
	/* Left behind by one that was killed. */
	assert_int_equal(unix_name_listen(&stale, path, NULL), 0);
	close(stale.fd);
	assert_int_equal(open_end(&a, true, NULL), 0);
	refused(true, EADDRINUSE, "somebody listens at '");
	net_kit_close(&a);
	memset(&a, 0, sizeof(a));
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	refused(true, EEXIST, "exists and is no socket");
	assert_int_equal(access(path, F_OK), 0);
	strcpy(keep, path);
	path[0] = '\0';
	refused(true, EINVAL, "-n socket needs path=");
	snprintf(path, sizeof(path), "/nowhere/at/all");
	refused(true, ENOENT, "cannot listen at '/nowhere/at/all'");
	strcpy(path, keep);
}

static void test_row60_oversize(void **state)
{
	static const uint32_t bad[] = { 0, 13, 65554, 0xffffffff };

	(void)state;
	assert_int_equal(open_end(&a, true, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int fd = unix_name_connect(path);
		uint32_t be = htonl(bad[i]);

		a.links = 0;
		assert_int_equal(send(fd, &be, 4, 0), 4);
		assert_true(net_wait_for(&a, &a.links, 2, 1000));
		assert_int_equal(recv(fd, &be, 1, MSG_DONTWAIT), 0); /* closed */
		close(fd);
	}
	assert_string_equal(strchr(net_log_taken(), '/') + strlen(path) - 0,
			    ": the other end announced a frame that is longer or shorter than any; "
			    "the connection is closed\n");
}

static void test_row59_never_reads(void **state)
{
	unsigned sent = 0;
	int fd;

	(void)state;
	assert_int_equal(open_end(&a, true, NULL), 0);
	fd = unix_name_connect(path);
	assert_true(net_wait_for(&a, &a.links, 1, 1000));
	while (net_kit_send(&a, 0, NULL, mac, 1, 1514) == 0) {
		netdev_flush(a.n, 0);
		assert_true(++sent < 2000);
	}
	assert_false(net_wait_for(&a, &a.writable, 1, 200));
	assert_true(net_wait_for(&a, &a.writable, 1, 2000));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(net_kit_send(&a, 0, NULL, mac, 1, 1514), 0);
	assert_non_null(strstr(net_log_taken(), "does not read; frames are dropped"));
	for (unsigned i = 0; i < 50 && a.writable < 2; i++) {
		static uint8_t buf[65536];

		while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
		net_wait_for(&a, &a.writable, 2, 20);
	}
	assert_true(a.writable >= 2);
	close(fd);
}

static void test_row61_dies_while_we_send(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(open_end(&a, true, NULL), 0);
	fd = unix_name_connect(path);
	assert_true(net_wait_for(&a, &a.links, 1, 1000));
	close(fd);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(net_kit_send(&a, 0, NULL, mac, 1, 1514), 0);
		netdev_flush(a.n, 0);
	}
	assert_true(net_wait_for(&a, &a.links, 2, 1000));
	assert_false(a.up);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_guests, set_up, tear_down),
		cmocka_unit_test_setup_teardown(comes_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_next_one_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row60_oversize, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row59_never_reads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row61_dies_while_we_send, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
