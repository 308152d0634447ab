/* SPDX-License-Identifier: MIT */
/* test_tap.c: taps, in a network namespace of the test's own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "net/netdev_internal.h"
#include "tests/lib/net_kit.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
static bool usable;
static struct net_kit kit;

static int set_up(void **state)
{
	(void)state;
	net_log_catch();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	net_kit_close(&kit);
	memset(&kit, 0, sizeof(kit));
	net_log_release();
	return 0;
}

#define NEED_TAP()                                                                                 \
	do {                                                                                       \
		if (!usable)                                                                       \
			skip();                                                                    \
	} while (0)

static int open_tap(const char *name, unsigned queues, struct error **errp)
{
	struct net_config c = { .kind = NET_TAP,
				.name = (char *)(uintptr_t)name,
				.queues = queues };

	return net_kit_open(&kit, &c, errp);
}

/* The message, and a part of the hint. */
static void refused(const char *name, unsigned queues, int code, const char *says, const char *hint)
{
	struct error *e = NULL;

	assert_int_equal(open_tap(name, queues, &e), -code);
	assert_string_equal(error_msg(e), says);
	if (hint) {
		assert_non_null(error_hint(e));
		assert_non_null(strstr(error_hint(e), hint));
	}
	error_free(e);
}

/* Somebody else's descriptor of an interface. */
static int other_tap(const char *name, int flags)
{
	struct ifreq r = { .ifr_flags = (short)flags };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
	return fd;
}

static void make_persistent(const char *name, int flags)
{
	int fd = other_tap(name, flags);

	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
}

static void both_ways(void **state)
{
	uint8_t buf[2048];
	int host;

	(void)state;
	NEED_TAP();
	assert_int_equal(open_tap("t0", 1, NULL), 0);
	assert_string_equal(netdev_info(kit.n).backend, "tap t0");
	assert_int_equal(netdev_info(kit.n).mtu, 1500);
	assert_int_equal(netdev_info(kit.n).queues, 1);
	assert_true(netdev_info(kit.n).offloads & NET_F_CSUM);
	assert_true(netdev_info(kit.n).offloads & NET_F_GUEST_TSO4);
	assert_true(netdev_link(kit.n));
	assert_true(netdev_vhost_fd(kit.n, 0) >= 0);
	assert_int_equal(netdev_vhost_fd(kit.n, 1), -1);
	host = net_packet_socket("t0");
	net_kit_run(&kit, 1, netdev_info(kit.n).offloads);

	assert_int_equal(net_kit_send(&kit, 0, NULL, mac, 0x5a, 100), 0);
	netdev_flush(kit.n, 0);
	assert_int_equal(recv(host, buf, sizeof(buf), 0), 100);
	assert_int_equal(buf[99], 0x5a);

	memset(buf + 14, 0xa5, 200);
	for (unsigned i = 1; i <= 50; i++)
		assert_int_equal(send(host, buf, 214, 0), 214);
	assert_true(net_wait_for(&kit, &kit.got, 50, 2000));
	assert_int_equal(kit.last_len, NET_HDR_LEN + 214);
	assert_int_equal(kit.last[NET_HDR_LEN + 213], 0xa5);
	assert_true(kit.readable <= 50);
	close(host);
}

/* What came while nobody was there is not for the next driver; a stopped one is not woken. */
static void stops_and_starts(void **state)
{
	uint8_t buf[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 0x88, 0xb5 };
	int host;

	(void)state;
	NEED_TAP();
	assert_int_equal(open_tap("t0", 1, NULL), 0);
	host = net_packet_socket("t0");
	assert_int_equal(send(host, buf, 60, 0), 60);
	net_kit_run(&kit, 1, 0);
	assert_int_equal(kit.got, 0);
	assert_int_equal(send(host, buf, 60, 0), 60);
	assert_true(net_wait_for(&kit, &kit.got, 1, 2000));
	net_kit_run(&kit, 0, 0);
	assert_int_equal(send(host, buf, 60, 0), 60);
	assert_false(net_wait_for(&kit, &kit.got, 2, 50));
	net_kit_run(&kit, 1, 0);
	assert_int_equal(send(host, buf, 60, 0), 60);
	assert_true(net_wait_for(&kit, &kit.got, 2, 2000));
	assert_int_equal(kit.got, 2);
	close(host);
}

/* The device's ring is full: it does not read, and is not woken for each packet. What the
 * interface kept is there when it reads again, and so is what comes after. */
static void test_row49_backlog(void **state)
{
	uint8_t buf[64] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [12] = 0x88, 0xb5 };
	int host;

	(void)state;
	NEED_TAP();
	assert_int_equal(open_tap("t0", 1, NULL), 0);
	host = net_packet_socket("t0");
	net_kit_run(&kit, 1, 0);
	kit.greedy = false;
	for (unsigned i = 0; i < 3000; i++)
		send(host, buf, 60, 0);
	assert_true(net_wait_for(&kit, &kit.readable, 1, 2000));
	net_wait_for(&kit, &kit.readable, 2, 50);
	assert_int_equal(kit.readable, 1);
	kit.greedy = true;
	assert_true(net_kit_drain(&kit, 0) >= 100);
	kit.got = 0;
	assert_int_equal(send(host, buf, 60, 0), 60);
	assert_true(net_wait_for(&kit, &kit.got, 1, 2000));
	close(host);
}

static void several_queues(void **state)
{
	(void)state;
	NEED_TAP();
	assert_int_equal(open_tap("t0", 4, NULL), 0);
	assert_int_equal(netdev_info(kit.n).queues, 4);
	for (unsigned q = 0; q < 4; q++)
		assert_true(netdev_vhost_fd(kit.n, q) >= 0);
	for (unsigned pairs = 1; pairs <= 4; pairs++) {
		int host = net_packet_socket("t0");
		uint8_t buf[64];

		net_kit_run(&kit, pairs, 0);
		for (unsigned q = 0; q < pairs; q++) {
			assert_int_equal(net_kit_send(&kit, q, NULL, mac, (uint8_t)q, 60), 0);
			assert_int_equal(recv(host, buf, sizeof(buf), 0), 60);
		}
		kit.got = 0;
		memset(buf, 0xff, 6);
		for (unsigned i = 0; i < 20; i++)
			assert_int_equal(send(host, buf, 60, 0), 60);
		assert_true(net_wait_for(&kit, &kit.got, 20, 2000));
		close(host);
	}
	net_kit_run(&kit, 1, 0);
	net_kit_run(&kit, 0, 0);
	net_kit_run(&kit, 4, 0);
}

static void names(void **state)
{
	(void)state;
	NEED_TAP();
	assert_int_equal(open_tap(NULL, 1, NULL), 0);
	assert_string_equal(netdev_info(kit.n).backend, "tap tap0");
	/* Who did not choose the name is told it. */
	assert_string_equal(net_log_taken(),
			    "trapeze: net: interface 'tap0', made for this guest\n");
	tear_down(NULL);
	set_up(NULL);
	/* Made for this guest: gone with it. */
	assert_int_equal(if_nametoindex("tap0"), 0);
	/* One queue of an interface that could have several. */
	make_persistent("p0", IFF_TAP | IFF_MULTI_QUEUE);
	assert_int_equal(open_tap("p0", 1, NULL), 0);
	assert_null(strstr(net_log_taken(), "interface 'p0'"));
	net_kit_close(&kit);
	net_iface_del("p0");
}

static void test_row51_names(void **state)
{
	(void)state;
	refused("a-name-of-16-chr", 1, ENAMETOOLONG,
		"'a-name-of-16-chr' is too long for the name of an interface", "15 bytes");
	refused("a/b", 1, EINVAL, "'a/b' cannot be the name of an interface", NULL);
	refused("", 1, EINVAL, "'' cannot be the name of an interface", NULL);
	refused("t0", 17, EINVAL, "17 queue pairs are more than the 16 a card can have", NULL);
}

static void test_row51_busy(void **state)
{
	char says[128], comm[32] = "";
	int fd, other;

	(void)state;
	NEED_TAP();
	other = other_tap("t0", IFF_TAP | IFF_NO_PI);
	fd = open("/proc/self/comm", O_RDONLY);
	assert_true(read(fd, comm, sizeof(comm) - 1) > 0);
	close(fd);
	comm[strcspn(comm, "\n")] = '\0';
	snprintf(says, sizeof(says), "interface 't0' is in use by process %d (%s)", getpid(), comm);
	refused("t0", 1, EBUSY, says, "interface of its own");
	close(other);
}

static void test_row51_mismatch(void **state)
{
	int other;

	(void)state;
	NEED_TAP();
	make_persistent("p0", IFF_TAP);
	if (access("/sys/class/net/p0", F_OK) == 0) {
		refused("p0", 2, EINVAL,
			"interface 'p0' was made with one queue, and queues=2 asks for several",
			"multi_queue");
		other = other_tap("tun9", IFF_TUN);
		refused("tun9", 1, EINVAL,
			"interface 'tun9' is a tun, which carries IP packets; a card needs a tap, "
			"which carries frames",
			"ip link del tun9");
		close(other);
	}
	refused("lo", 1, EINVAL, "interface 'lo' exists, but is no tap", "bridge");
	net_iface_del("p0");
}

/* CAP_NET_ADMIN counts in the namespace that owns the network; another user has it not. */
static void as_nobody(const char *name, const char *says, const char *hint)
{
	assert_int_equal(setresuid(-1, 65534, 0), 0);
	refused(name, 1, EPERM, says, hint);
	assert_int_equal(setresuid(-1, 0, 0), 0);
}

/* The device as this process sees it gets another mode. */
static bool device_mode(mode_t mode)
{
	char node[] = "/tmp/trapeze-test-tun-XXXXXX";
	bool done;

	close(mkostemp(node, O_CLOEXEC));
	unlink(node);
	done = unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mknod(node, S_IFCHR | 0600, makedev(10, 200)) == 0 && chmod(node, mode) == 0 &&
	       mount(node, "/dev/net/tun", NULL, MS_BIND, NULL) == 0;
	unlink(node);
	return done;
}

static void test_row51_permission(void **state)
{
	int other;

	(void)state;
	NEED_TAP();
	if (getuid() != 0 || !device_mode(0600))
		skip();
	assert_int_equal(setresuid(-1, 65534, 0), 0);
	refused("x0", 1, EACCES, "cannot open '/dev/net/tun' for interface 'x0': Permission denied",
		"chmod 0666 /dev/net/tun");
	assert_int_equal(setresuid(-1, 0, 0), 0);
	assert_int_equal(umount("/dev/net/tun"), 0);
	if (!device_mode(0666))
		skip();
	other = other_tap("p0", IFF_TAP);
	assert_int_equal(ioctl(other, TUNSETOWNER, 12345), 0);
	as_nobody("x0", "no permission to make interface 'x0': that takes CAP_NET_ADMIN",
		  "ip tuntap add dev x0 mode tap user $USER");
	if (access("/sys/class/net/p0", F_OK) == 0)
		as_nobody("p0", "no permission to use interface 'p0': it belongs to user id 12345",
			  "ip link del p0");
	close(other);
	assert_int_equal(umount("/dev/net/tun"), 0);
}

/* A host whose kernel has no tun. */
static void test_row51_no_driver(void **state)
{
	(void)state;
	if (getuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/dev/net", "tmpfs", 0, NULL) < 0)
		skip();
	refused("t0", 1, ENOENT,
		"cannot open '/dev/net/tun' for interface 't0': No such file or directory",
		"modprobe tun");
	assert_int_equal(umount("/dev/net"), 0);
}

static void test_row50_down_and_up(void **state)
{
	int host;

	(void)state;
	NEED_TAP();
	assert_int_equal(open_tap("t0", 1, NULL), 0);
	net_kit_run(&kit, 1, 0);
	net_iface_flags("t0", 0, IFF_UP);
	/* Before anybody has said so: the kernel answers EIO. */
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(net_kit_send(&kit, 0, NULL, mac, 0, 60), 0);
	assert_true(net_wait_for(&kit, &kit.links, 1, 2000));
	assert_false(netdev_link(kit.n));
	assert_false(kit.up);
	assert_string_equal(net_log_taken(),
			    "trapeze: net: tap t0: the interface is down; frames are dropped until "
			    "it is up again (ip link set t0 up)\n");
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(net_kit_send(&kit, 0, NULL, mac, 0, 60), 0);
	net_iface_flags("t0", IFF_UP, 0);
	assert_true(net_wait_for(&kit, &kit.links, 2, 3000));
	assert_true(netdev_link(kit.n));
	host = net_packet_socket("t0");
	assert_int_equal(net_kit_send(&kit, 0, NULL, mac, 0, 60), 0);
	assert_int_equal(recv(host, kit.last, 100, 0), 60);
	assert_int_equal(send(host, kit.last, 60, 0), 60);
	assert_true(net_wait_for(&kit, &kit.got, 1, 2000));
	/* The guest sends nothing: it is told all the same. */
	net_iface_flags("t0", 0, IFF_UP);
	assert_true(net_wait_for(&kit, &kit.links, 3, 500));
	close(host);
}

static void test_row50_no_carrier(void **state)
{
	int off = 0, on = 1;

	(void)state;
	NEED_TAP();
	assert_int_equal(open_tap("t0", 1, NULL), 0);
	net_kit_run(&kit, 1, 0);
	assert_int_equal(ioctl(netdev_vhost_fd(kit.n, 0), TUNSETCARRIER, &off), 0);
	assert_true(net_wait_for(&kit, &kit.links, 1, 3000));
	assert_false(kit.up);
	assert_int_equal(ioctl(netdev_vhost_fd(kit.n, 0), TUNSETCARRIER, &on), 0);
	assert_true(net_wait_for(&kit, &kit.links, 2, 3000));
	assert_true(kit.up);
}

static uint64_t cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void removed(unsigned queues)
{
	uint64_t before;
	int host;

	assert_int_equal(open_tap("t0", queues, NULL), 0);
	net_kit_run(&kit, queues, 0);
	net_iface_del("t0");
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(net_kit_send(&kit, i % queues, NULL, mac, 0, 60), 0);
	assert_true(net_wait_for(&kit, &kit.links, 1, 500));
	assert_false(kit.up);
	assert_string_equal(net_log_taken(), "trapeze: net: tap t0: the interface was removed; "
					     "frames are dropped until there is one of that name "
					     "again\n");
	/* Nothing spins: half a second of it costs next to nothing. */
	before = cpu_us();
	net_wait_for(&kit, &kit.links, 2, 500);
	assert_true(cpu_us() - before < 250000);
	assert_int_equal(kit.links, 1);
	make_persistent("t0", IFF_TAP | (queues > 1 ? IFF_MULTI_QUEUE : 0));
	net_iface_flags("t0", IFF_UP, 0);
	assert_true(net_wait_for(&kit, &kit.links, 2, 4000));
	host = net_packet_socket("t0");
	for (unsigned q = 0; q < queues; q++) {
		assert_int_equal(net_kit_send(&kit, q, NULL, mac, 7, 60), 0);
		assert_int_equal(recv(host, kit.last, 100, 0), 60);
	}
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(send(host, kit.last, 60, 0), 60);
	assert_true(net_wait_for(&kit, &kit.got, 20, 2000));
	close(host);
	net_iface_del("t0");
	net_kit_close(&kit);
}

static void test_row50_removed(void **state)
{
	(void)state;
	NEED_TAP();
	removed(1);
}

static void test_row50_removed_with_queues(void **state)
{
	(void)state;
	NEED_TAP();
	removed(3);
}

/* A header or a frame that the kernel refuses is the guest's fault, and only that frame is lost. */
static void bad_headers(void **state)
{
	uint8_t hdr[NET_HDR_LEN], frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct iovec iov[2] = { { hdr, sizeof(hdr) }, { frame, sizeof(frame) } };

	(void)state;
	NEED_TAP();
	assert_int_equal(open_tap("t0", 1, NULL), 0);
	net_kit_run(&kit, 1, 0);
	for (unsigned i = 0; i < 256; i++) {
		memset(hdr, (int)i, sizeof(hdr));
		assert_int_equal(netdev_send(kit.n, 0, iov, 2), 0);
		iov[1].iov_len = i % sizeof(frame) + 1;
	}
	assert_string_equal(net_log_taken(), "");
	assert_true(netdev_link(kit.n));
}

static void script_is(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0700);

	assert_true(write(fd, text, strlen(text)) > 0);
	assert_int_equal(fchmod(fd, 0700), 0);
	close(fd);
}

static void scripts(void **state)
{
	char path[] = "/tmp/trapeze-test-tap-XXXXXX", says[200];
	struct net_config c = { .kind = NET_TAP, .name = (char[]){ "t0" }, .script = path };
	struct error *e = NULL;

	(void)state;
	NEED_TAP();
	close(mkostemp(path, O_CLOEXEC));
	/* The name is there, our descriptors are not, signals are as they should be. */
	script_is(path, "#!/bin/sh\n[ \"$1\" = t0 ] && [ $# = 1 ] || exit 4\n"
			"for f in /proc/$$/fd/*; do case $(readlink $f) in /dev/net/tun) exit 5;; "
			"esac; done\ngrep -q t0 /proc/net/dev || exit 6\n");
	assert_int_equal(net_kit_open(&kit, &c, &e), 0);
	/* Up or down is the script's business. */
	assert_false(netdev_link(kit.n));
	net_kit_close(&kit);
	script_is(path, "#!/bin/sh\nexit 3\n");
	assert_int_equal(net_kit_open(&kit, &c, &e), -EIO);
	snprintf(says, sizeof(says), "script '%s' for interface 't0' ended with exit code 3", path);
	assert_string_equal(error_msg(e), says);
	e = error_free(e);
	assert_int_equal(if_nametoindex("t0"), 0);
	script_is(path, "#!/bin/sh\nkill -9 $$\n");
	assert_int_equal(net_kit_open(&kit, &c, &e), -EIO);
	assert_non_null(strstr(error_msg(e), "was killed by signal 9"));
	e = error_free(e);
	unlink(path);
	assert_int_equal(net_kit_open(&kit, &c, &e), -ENOENT);
	assert_non_null(strstr(error_msg(e), "No such file"));
	error_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stops_and_starts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row49_backlog, set_up, tear_down),
		cmocka_unit_test_setup_teardown(several_queues, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row51_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row51_busy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row51_mismatch, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row51_permission, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row51_no_driver, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row50_down_and_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row50_no_carrier, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row50_removed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_row50_removed_with_queues, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_headers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scripts, set_up, tear_down),
	};

	usable = net_own_namespace() && access("/dev/net/tun", R_OK | W_OK) == 0;
	if (!usable)
		print_message("no network namespace, or no /dev/net/tun, for this user: most of "
			      "it is skipped\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
