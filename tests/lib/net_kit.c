/* SPDX-License-Identifier: MIT */
/* net_kit.c: see net_kit.h. */
#include "tests/lib/net_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>

#include "vmm/log.h"

unsigned net_kit_drain(struct net_kit *k, unsigned q)
{
	struct iovec iov[2] = { { k->scrap, NET_HDR_LEN },
				{ k->scrap + NET_HDR_LEN, sizeof(k->scrap) - NET_HDR_LEN } };
	unsigned cnt = 0;
	ssize_t n;

	while ((n = netdev_recv(k->n, q, iov, 2)) != -EAGAIN) {
		assert_true(n >= (ssize_t)NET_HDR_LEN);
		if (n < (ssize_t)NET_HDR_LEN + 14 ||
		    k->scrap[NET_HDR_LEN + 12] != KIT_ETHERTYPE >> 8 ||
		    k->scrap[NET_HDR_LEN + 13] != (KIT_ETHERTYPE & 0xff))
			continue;
		memcpy(k->last, k->scrap, (size_t)n);
		k->last_len = (size_t)n;
		k->got++;
		k->got_of[q]++;
		cnt++;
	}
	return cnt;
}

static void on_readable(void *opaque, unsigned q)
{
	struct net_kit *k = opaque;

	k->readable++;
	if (k->greedy)
		net_kit_drain(k, q);
}

static void on_writable(void *opaque, unsigned q)
{
	struct net_kit *k = opaque;

	(void)q;
	k->writable++;
}

static void on_link(void *opaque, bool up)
{
	struct net_kit *k = opaque;

	k->up = up;
	k->links++;
}

int net_kit_open(struct net_kit *k, const struct net_config *c, struct error **errp)
{
	static const struct net_events events = { on_readable, on_writable, on_link };
	int r;

	memset(k, 0, sizeof(*k));
	k->greedy = true;
	k->loop = loop_create("net", NULL);
	assert_non_null(k->loop);
	r = netdev_open(c, k->loop, &k->n, errp);
	if (r < 0) {
		assert_null(k->n);
		k->loop = loop_destroy(k->loop);
		return r;
	}
	netdev_set_events(k->n, &events, k);
	k->up = netdev_link(k->n);
	return 0;
}

void net_kit_close(struct net_kit *k)
{
	k->n = netdev_close(k->n);
	k->loop = loop_destroy(k->loop);
}

void net_kit_run(struct net_kit *k, unsigned pairs, uint64_t offloads)
{
	k->pairs = pairs;
	netdev_run(k->n, pairs, offloads);
	for (unsigned q = 0; q < pairs && k->greedy; q++)
		net_kit_drain(k, q);
}

int net_kit_send(struct net_kit *k, unsigned q, const uint8_t *to, const uint8_t *from,
		 uint8_t fill, size_t len)
{
	static uint8_t packet[NET_PACKET_MAX];
	struct iovec iov[3] = { { packet, NET_HDR_LEN },
				{ packet + NET_HDR_LEN, 14 },
				{ packet + NET_HDR_LEN + 14, len - 14 } };
	uint8_t *frame = packet + NET_HDR_LEN;

	memset(packet, 0, NET_HDR_LEN);
	memset(frame, fill, len);
	if (to)
		memcpy(frame, to, 6);
	else
		memset(frame, 0xff, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = KIT_ETHERTYPE >> 8;
	frame[13] = KIT_ETHERTYPE & 0xff;
	return netdev_send(k->n, q, iov, len > 14 ? 3 : 2);
}

bool net_wait(struct net_kit *k[], unsigned cnt, bool (*cond)(void *arg), void *arg, unsigned ms)
{
	bool is = false;

	for (unsigned i = 0; i < cnt; i++)
		if (k[i]->loop)
			assert_int_equal(loop_start_thread(k[i]->loop, NULL), 0);
	for (unsigned i = 0; i < ms * 2 && !is; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
		is = cond && cond(arg);
	}
	for (unsigned i = 0; i < cnt; i++)
		if (k[i]->loop)
			loop_stop(k[i]->loop);
	return is;
}

struct count {
	_Atomic unsigned *counter;
	unsigned n;
};

static bool reached(void *arg)
{
	struct count *c = arg;

	return *c->counter >= c->n;
}

bool net_wait_for(struct net_kit *k, _Atomic unsigned *counter, unsigned n, unsigned ms)
{
	struct count c = { counter, n };

	return net_wait(&k, 1, reached, &c, ms);
}

/* --- a host of its own ------------------------------------------------------------------------ */

bool net_own_namespace(void)
{
	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		return false;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return false;
	/* /sys shows the interfaces of who mounted it. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		mount("sysfs", "/sys", "sysfs", 0, NULL);
	return true;
}

void net_iface_flags(const char *name, short set, short clear)
{
	struct ifreq r = { 0 };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &r), 0);
	r.ifr_flags = (short)((r.ifr_flags | set) & ~clear);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

void net_iface_del(const char *name)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg i;
	} m = { .h = { .nlmsg_len = sizeof(m),
		       .nlmsg_type = RTM_DELLINK,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.i = { .ifi_index = (int)if_nametoindex(name) } };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	assert_int_equal(send(fd, &m, sizeof(m), 0), sizeof(m));
	close(fd);
	assert_int_equal(if_nametoindex(name), 0);
}

int net_packet_socket(const char *name)
{
	struct sockaddr_ll sa = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(KIT_ETHERTYPE),
				  .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(KIT_ETHERTYPE));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

static int log_fd = -1;

void net_log_catch(void)
{
	log_fd = memfd_create("log", MFD_CLOEXEC);
	log_set_fd(log_fd);
	log_set_level(LOG_WARN);
}

const char *net_log_taken(void)
{
	static char buf[16384];
	ssize_t n = pread(log_fd, buf, sizeof(buf) - 1, 0);

	assert_true(n >= 0);
	buf[n] = '\0';
	assert_int_equal(ftruncate(log_fd, 0), 0);
	lseek(log_fd, 0, SEEK_SET);
	return buf;
}

void net_log_release(void)
{
	log_set_fd(STDERR_FILENO);
	base_closep(&log_fd);
	log_fd = -1;
}
