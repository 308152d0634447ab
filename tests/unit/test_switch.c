/* SPDX-License-Identifier: MIT */
/* test_switch.c: a switch that is nothing but its members: two, three, some of them gone or mean.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "net/mac_table.h"
#include "net/netdev_internal.h"
#include "tests/lib/net_kit.h"
#include "vmm/unix_name.h"

#define MEMBERS 3

static char base[] = "/tmp/trapeze-test-switch-XXXXXX";
static struct net_kit m[MEMBERS];

static const uint8_t *mac_of(unsigned i)
{
	static uint8_t macs[8][6];

	macs[i][0] = 2;
	macs[i][5] = (uint8_t)(i + 1);
	return macs[i];
}

static int set_up(void **state)
{
	(void)state;
	net_log_catch();
	strcpy(base + strlen(base) - 6, "XXXXXX");
	assert_non_null(mkdtemp(base));
	setenv("XDG_RUNTIME_DIR", base, 1);
	return 0;
}

static void leave(unsigned i)
{
	net_kit_close(&m[i]);
	memset(&m[i], 0, sizeof(m[i]));
}

static int tear_down(void **state)
{
	char path[100];

	(void)state;
	for (unsigned i = 0; i < MEMBERS; i++)
		leave(i);
	net_log_release();
	/* Nothing is left behind. */
	snprintf(path, sizeof(path), "%s/trapeze", base);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(base), 0);
	return 0;
}

static void enter_with(unsigned i, uint64_t offloads)
{
	struct net_config c = { .kind = NET_SWITCH, .name = (char[]){ "LAN" } };

	assert_int_equal(net_kit_open(&m[i], &c, NULL), 0);
	net_kit_run(&m[i], 1, offloads);
}

static void enter(unsigned i)
{
	enter_with(i, ~UINT64_C(0));
}

static unsigned names_there(void)
{
	char path[100];
	unsigned cnt = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/trapeze/lan-LAN", base);
	d = opendir(path);
	while (d && readdir(d))
		cnt++;
	if (d)
		closedir(d);
	return cnt ? cnt - 2 : 0;
}

struct expected {
	unsigned got[MEMBERS];
};

static bool has_come(void *arg)
{
	const struct expected *e = arg;

	for (unsigned i = 0; i < MEMBERS; i++)
		if (m[i].got < e->got[i])
			return false;
	return true;
}

static bool wait_all(unsigned a, unsigned b, unsigned c)
{
	struct expected e = { { a, b, c } };
	struct net_kit *k[MEMBERS];
	unsigned cnt = 0;
	bool r;

	for (unsigned i = 0; i < MEMBERS; i++)
		if (m[i].n)
			k[cnt++] = &m[i];
	r = net_wait(k, cnt, has_come, &e, 2000);
	/* No more than that. */
	net_wait(k, cnt, NULL, NULL, 5);
	for (unsigned i = 0; i < MEMBERS; i++)
		if (m[i].got != e.got[i])
			r = false;
	return r;
}

static void send_from(unsigned i, const uint8_t *to, size_t len)
{
	assert_int_equal(net_kit_send(&m[i], 0, to, mac_of(i), (uint8_t)i, len), 0);
	netdev_flush(m[i].n, 0);
}

static void settle(void)
{
	struct net_kit *k[MEMBERS];
	unsigned cnt = 0;

	for (unsigned i = 0; i < MEMBERS; i++)
		if (m[i].n)
			k[cnt++] = &m[i];
	net_wait(k, cnt, NULL, NULL, 20);
	for (unsigned i = 0; i < MEMBERS; i++)
		m[i].got = 0;
}

static void two_members(void **state)
{
	(void)state;
	enter(0);
	assert_true(netdev_link(m[0].n));
	assert_string_equal(netdev_info(m[0].n).backend, "switch LAN");
	assert_true(netdev_info(m[0].n).offloads & NET_F_HOST_TSO4);
	send_from(0, NULL, 60); /* to nobody */
	enter(1);
	settle();
	send_from(0, NULL, 60);
	send_from(1, mac_of(0), 60000);
	assert_true(wait_all(1, 1, 0));
	assert_int_equal(m[0].last_len, NET_HDR_LEN + 60000);
	assert_int_equal(m[0].last[m[0].last_len - 1], 1);
}

/* Floods reach all, what has a known place goes there alone. */
static void three_members(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		enter(i);
	settle();
	assert_int_equal(names_there(), 3);
	send_from(0, NULL, 60);
	assert_true(wait_all(0, 1, 1));
	send_from(1, mac_of(0), 60);
	assert_true(wait_all(1, 1, 1));
	send_from(2, mac_of(1), 60); /* has not heard of him: a flood */
	assert_true(wait_all(2, 2, 1));
	send_from(0, mac_of(2), 60);
	assert_true(wait_all(2, 2, 2));
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(net_kit_send(&m[0], 0, mac_of(2), mac_of(0), 0, 1514), 0);
	netdev_flush(m[0].n, 0);
	assert_true(wait_all(2, 2, 102));
}

static void leaving_and_coming_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		enter(i);
	settle();
	for (unsigned turn = 0; turn < 6; turn++) {
		unsigned gone = turn % 3, a = (gone + 1) % 3, b = (gone + 2) % 3;
		unsigned got[3] = { 0 };

		leave(gone);
		settle();
		send_from(a, NULL, 60);
		got[b] = 1;
		assert_true(wait_all(got[0], got[1], got[2]));
		enter(gone);
		settle();
		send_from(gone, NULL, 60);
		got[a] = got[b] = 1;
		got[gone] = 0;
		assert_true(wait_all(got[0], got[1], got[2]));
		settle();
	}
}

/* A member in another process, which is killed in the middle of it. */
static pid_t other_process(void)
{
	int up[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(up), 0);
	pid = fork();
	if (pid == 0) {
		close(up[0]);
		enter(2);
		if (loop_start_thread(m[2].loop, NULL) == 0 && write(up[1], "x", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	close(up[1]);
	assert_int_equal(read(up[0], &c, 1), 1);
	close(up[0]);
	return pid;
}

static void killed(void **state)
{
	pid_t pid;

	(void)state;
	enter(0);
	enter(1);
	settle();
	for (unsigned i = 0; i < 3; i++) {
		pid = other_process();
		settle();
		assert_int_equal(names_there(), 3);
		send_from(0, NULL, 60);
		assert_true(wait_all(0, 1, 0));
		usleep(60000);
		settle();
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		for (unsigned k = 0; k < 100; k++)
			send_from(0, NULL, 1514);
		for (unsigned k = 0; k < 200 && names_there() > 2; k++)
			settle();
		assert_int_equal(names_there(), 2);
	}
	/* The last one of all: the next one tidies up. */
	leave(0);
	leave(1);
	pid = other_process();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(names_there(), 1);
	enter(0);
	assert_int_equal(names_there(), 1);
}

/* One that does not read: the others have their frames all the same, at once. */
static void test_row59_member_never_reads(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		enter(i);
	m[2].greedy = false;
	settle();
	for (unsigned i = 0; i < 2000; i++) {
		assert_int_equal(net_kit_send(&m[0], 0, NULL, mac_of(0), 0, 9000), 0);
		if (i % 16 == 15) {
			netdev_flush(m[0].n, 0);
			net_wait_for(&m[1], &m[1].got, i + 1, 2000);
		}
	}
	assert_int_equal(m[1].got, 2000);
	/* He reads again: what he finds is whole, and newer comes. */
	assert_true(net_kit_drain(&m[2], 0) < 2000);
	m[2].greedy = true;
	settle();
	send_from(0, NULL, 60);
	assert_true(wait_all(0, 1, 1));
}

static int mean_member(void)
{
	char path[300];
	int fd = -1;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/trapeze/lan-LAN", base);
	d = opendir(path);
	assert_non_null(d);
	while (fd < 0 && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/trapeze/lan-LAN/%.100s", base, e->d_name);
		if (e->d_name[0] != '.')
			fd = unix_name_connect(path);
	}
	closedir(d);
	assert_true(fd >= 0);
	return fd;
}

/* Headers that lie never reach the guest; the connection and the others stay. */
static void test_row25_headers_of_members(void **state)
{
	uint8_t p[4 + NET_HDR_LEN + 100];
	uint32_t be = htobe32(NET_HDR_LEN + 100);
	int fd;

	(void)state;
	enter(0);
	fd = mean_member();
	for (unsigned i = 1; i < 2000; i++) {
		memset(p, 0, sizeof(p));
		memcpy(p, &be, 4);
		srandom(i);
		p[4] = (uint8_t)(random() | (i % 2 ? 2 : 4)); /* with i odd: a flag or two */
		p[5] = (uint8_t)(i % 3 ? 1 : random() | 2);
		for (unsigned k = 6; k < 16; k++)
			p[k] = (uint8_t)random();
		p[4 + NET_HDR_LEN + 12] = 0x88;
		p[4 + NET_HDR_LEN + 13] = 0xb5;
		assert_int_equal(send(fd, p, sizeof(p), 0), sizeof(p));
		if (i % 50 == 0)
			settle();
		assert_int_equal(m[0].got, 0);
	}
	memset(p + 4, 0, NET_HDR_LEN);
	assert_int_equal(send(fd, p, sizeof(p), 0), sizeof(p));
	assert_true(wait_all(1, 0, 0));
	assert_non_null(strstr(net_log_taken(), "header cannot be true; it is dropped\n"));
	close(fd);
}

static void test_row60_lengths_of_members(void **state)
{
	uint32_t be = htobe32(NET_PACKET_MAX + 1);
	char c;
	int fd;

	(void)state;
	enter(0);
	fd = mean_member();
	assert_int_equal(send(fd, &be, sizeof(be), 0), 4);
	settle();
	assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), 0);
	close(fd);
	enter(1);
	settle();
	send_from(0, NULL, 60);
	assert_true(wait_all(0, 1, 0));
}

/* More addresses than there is place for, and more members. */
static void floods_of_addresses(void **state)
{
	uint8_t mac[6] = { 2 };

	(void)state;
	enter(0);
	enter(1);
	settle();
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(mac + 1, &i, 4);
		assert_int_equal(net_kit_send(&m[0], 0, NULL, mac, 0, 60), 0);
		if (i % 16 == 15) {
			netdev_flush(m[0].n, 0);
			net_wait_for(&m[1], &m[1].got, i + 1, 2000);
		}
	}
	assert_int_equal(m[1].got, 20000);
	m[1].got = 0;
	send_from(1, mac_of(0), 60);
	assert_true(wait_all(1, 0, 0));
}

static void too_many_members(void **state)
{
	int fd[70];

	(void)state;
	enter(0);
	for (unsigned i = 0; i < 70; i++) {
		fd[i] = mean_member();
		if (i % 32 == 0)
			settle();
	}
	settle();
	assert_non_null(strstr(net_log_taken(), "there are more than 64 members"));
	for (unsigned i = 0; i < 70; i++)
		close(fd[i]);
	settle();
	enter(1);
	settle();
	send_from(1, NULL, 60);
	assert_true(wait_all(1, 0, 0));
}

/* A checksum left undone arrives so at a guest that takes it, and done at one that does not. */
static void checksums(void **state)
{
	uint8_t hdr[NET_HDR_LEN] = { VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, 0, 0, 0, 0, 14, 0, 6 };
	uint8_t frame[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };
	struct iovec iov[2] = { { hdr, sizeof(hdr) }, { frame, sizeof(frame) } };
	unsigned sum = 0;

	(void)state;
	enter(0);
	enter_with(1, 0);
	enter(2);
	settle();
	frame[30] = 0x12;
	assert_int_equal(netdev_send(m[0].n, 0, iov, 2), 0);
	netdev_flush(m[0].n, 0);
	assert_true(wait_all(0, 1, 1));
	assert_int_equal(m[2].last[0], VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_memory_equal(m[2].last + NET_HDR_LEN, frame, sizeof(frame));
	assert_int_equal(m[1].last[0], 0);
	for (unsigned i = NET_HDR_LEN + 14; i < NET_HDR_LEN + sizeof(frame); i += 2)
		sum += (unsigned)m[1].last[i] << 8 | m[1].last[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
}

static void refused(const char *name, int code, const char *says)
{
	struct net_config c = { .kind = NET_SWITCH, .name = (char *)(uintptr_t)name };
	struct error *e = NULL;

	assert_int_equal(net_kit_open(&m[0], &c, &e), -code);
	assert_non_null(strstr(error_msg(e), says));
	error_free(e);
}

static void names(void **state)
{
	char path[100];

	(void)state;
	refused("", EINVAL, "'' cannot be the name of a switch");
	refused("../x", EINVAL, "'../x' cannot be the name of a switch");
	refused("a-name-that-is-far-too-long-for-it", EINVAL, "cannot be the name");
	snprintf(path, sizeof(path), "%s/trapeze", base);
	mkdir(path, 0700);
	assert_int_equal(chmod(path, 0755), 0);
	refused("LAN", EPERM, "is no directory that is yours alone");
	assert_int_equal(chmod(path, 0700), 0);
	enter(0);
}

static void ages(void **state)
{
	static struct mac_table t;
	const uint8_t group[6] = { 3 };

	(void)state;
	mac_table_learn(&t, mac_of(0), 5, 1000);
	mac_table_learn(&t, group, 5, 1000);
	assert_int_equal(mac_table_find(&t, group, 1000), -1);
	assert_int_equal(mac_table_find(&t, mac_of(0), 1000 + MAC_AGE_S - 1), 5);
	assert_int_equal(mac_table_find(&t, mac_of(0), 1000 + MAC_AGE_S), -1);
	mac_table_learn(&t, mac_of(0), 6, 1400);
	assert_int_equal(mac_table_find(&t, mac_of(0), 1400), 6);
	mac_table_forget(&t, 5);
	assert_int_equal(mac_table_find(&t, mac_of(0), 1400), 6);
	mac_table_forget(&t, 6);
	assert_int_equal(mac_table_find(&t, mac_of(0), 1400), -1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(two_members),
		CASE(three_members),
		CASE(leaving_and_coming_back),
		CASE(killed),
		CASE(test_row59_member_never_reads),
		CASE(test_row25_headers_of_members),
		CASE(test_row60_lengths_of_members),
		CASE(floods_of_addresses),
		CASE(too_many_members),
		CASE(checksums),
		CASE(names),
		cmocka_unit_test(ages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
