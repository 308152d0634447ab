/* SPDX-License-Identifier: MIT */
/*
 * tap_iface.c: how a tap is opened or made, and in words why not. The kernel's side is
 * drivers/net/tun.c; Documentation/networking/tuntap.rst says little of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "net/netdev_internal.h"
#include "net/script.h"
#include "net/tap.h"
#include "net/tap_words.h"
#include "vmm/error.h"

/* Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define DEVICE "/dev/net/tun"

/* Features as NET_F_* and as TUNSETOFFLOAD has them. */
struct tap_offload {
	uint64_t guest, host; /* the guest may be given such frames; may send them */
	unsigned tun;
};

/*
 * In the order in which the kernel needs them: nothing without TUN_F_CSUM. What the guest sends is
 * the kernel's to take apart, and it knows how if it can make the same.
 */
static const struct tap_offload offload_table[] = {
	{ NET_F_GUEST_CSUM, NET_F_CSUM, TUN_F_CSUM },
	{ NET_F_GUEST_TSO4, NET_F_HOST_TSO4, TUN_F_TSO4 },
	{ NET_F_GUEST_TSO6, NET_F_HOST_TSO6, TUN_F_TSO6 },
	{ NET_F_GUEST_ECN, NET_F_HOST_ECN, TUN_F_TSO_ECN },
	{ NET_F_GUEST_UFO, NET_F_HOST_UFO, TUN_F_UFO },
	{ NET_F_GUEST_USO4, NET_F_HOST_USO, TUN_F_USO4 },
	{ NET_F_GUEST_USO6, NET_F_HOST_USO, TUN_F_USO6 },
};

int tap_iface_set_offloads(const struct tap_iface *i, uint64_t offloads)
{
	unsigned tun = 0;

	for (size_t k = 0; k < ARRAY_LEN(offload_table); k++)
		if (offloads & offload_table[k].guest)
			tun |= offload_table[k].tun;
	if (!(tun & TUN_F_CSUM))
		tun = 0;
	/* Neither alone: the kernel has one switch for both. */
	if (!(tun & TUN_F_USO4) || !(tun & TUN_F_USO6))
		tun &= ~(unsigned)(TUN_F_USO4 | TUN_F_USO6);
	if (!(tun & (TUN_F_TSO4 | TUN_F_TSO6)))
		tun &= ~(unsigned)TUN_F_TSO_ECN;
	return ioctl(i->fd[0], TUNSETOFFLOAD, tun) < 0 ? -errno : 0;
}

/* What this kernel knows, by asking for it. Ends with everything off. */
static uint64_t probe_offloads(const struct tap_iface *i)
{
	uint64_t asked, got = 0;

	for (size_t k = 0; k < ARRAY_LEN(offload_table); k++) {
		const struct tap_offload *o = &offload_table[k];

		asked = got | o->guest;
		/* The two USO bits go together. */
		if (o->host == NET_F_HOST_USO)
			asked |= NET_F_GUEST_USO4 | NET_F_GUEST_USO6;
		if (tap_iface_set_offloads(i, asked) < 0)
			continue;
		got |= o->guest;
	}
	for (size_t k = 0; k < ARRAY_LEN(offload_table); k++)
		if (got & offload_table[k].guest)
			got |= offload_table[k].host;
	return tap_iface_set_offloads(i, 0) < 0 ? 0 : got;
}

int tap_iface_set_queue(const struct tap_iface *i, unsigned q, bool on)
{
	struct ifreq r = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	return ioctl(i->fd[q], TUNSETQUEUE, &r) < 0 ? -errno : 0;
}

int tap_iface_claim(const struct tap_iface *i, int fd)
{
	struct ifreq r = { .ifr_flags = i->flags };
	int len = NET_HDR_LEN;

	memcpy(r.ifr_name, i->name, sizeof(r.ifr_name));
	if (ioctl(fd, TUNSETIFF, &r) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &len) < 0)
		return -errno;
	return 0;
}

/* TUNSETIFF for the first queue, which settles name and flags. */
static int claim_first(struct tap_iface *i, struct error **errp)
{
	struct ifreq r = { 0 };
	int e;

	i->created = !if_nametoindex(i->name);
	e = tap_iface_claim(i, i->fd[0]);
	/* One queue of an interface that could have several is as good as any. */
	if (e == -EINVAL && i->queues == 1) {
		i->flags |= IFF_MULTI_QUEUE;
		e = tap_iface_claim(i, i->fd[0]);
		if (e < 0)
			i->flags &= (short)~IFF_MULTI_QUEUE;
	}
	if (e < 0)
		return tap_words_claim(i, -e, errp);
	if (ioctl(i->fd[0], TUNGETIFF, &r) < 0)
		return err_errno(errp, errno, "cannot tell which interface '%s' has become",
				 i->name);
	r.ifr_name[IFNAMSIZ - 1] = '\0';
	memcpy(i->name, r.ifr_name, sizeof(i->name));
	return 0;
}

static int open_queues(struct tap_iface *i, struct error **errp)
{
	int e;

	for (unsigned q = 0; q < i->queues; q++) {
		i->fd[q] = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (i->fd[q] < 0)
			return tap_words_device(i->name, DEVICE, errno, errp);
		if (q == 0) {
			e = claim_first(i, errp);
			if (e < 0)
				return e;
			continue;
		}
		e = tap_iface_claim(i, i->fd[q]);
		/* Nobody reads it before the driver asks for that many. */
		if (e == 0)
			e = tap_iface_set_queue(i, q, false);
		if (e < 0)
			return err_errno(errp, -e, "cannot add queue %u to interface '%s'", q,
					 i->name);
	}
	return 0;
}

/* --- the interface itself --------------------------------------------------------------------- */

static int iface_ioctl(const struct tap_iface *i, unsigned long cmd, struct ifreq *r)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(r->ifr_name, i->name, sizeof(r->ifr_name));
	return fd < 0 || ioctl(fd, cmd, r) < 0 ? -errno : 0;
}

/* One that we made, and that no script looks after, is of no use to anybody while it is down. */
static int bring_up(const struct tap_iface *i, unsigned mtu, struct error **errp)
{
	struct ifreq r = { 0 };
	int e = 0;

	if (mtu) {
		r.ifr_mtu = (int)mtu;
		e = iface_ioctl(i, SIOCSIFMTU, &r);
	}
	if (e < 0)
		return err_errno(errp, -e, "cannot set the MTU of interface '%s' to %u", i->name,
				 mtu);
	e = iface_ioctl(i, SIOCGIFFLAGS, &r);
	r.ifr_flags |= IFF_UP;
	if (e == 0)
		e = iface_ioctl(i, SIOCSIFFLAGS, &r);
	if (e < 0)
		return err_errno(errp, -e, "cannot set interface '%s' up", i->name);
	return 0;
}

static int check_name(const char *name, struct error **errp)
{
	if (strlen(name) >= IFNAMSIZ) {
		err_set(errp, ENAMETOOLONG, "'%s' is too long for the name of an interface", name);
		err_hint(errp, "at most %d bytes", IFNAMSIZ - 1);
		return -ENAMETOOLONG;
	}
	if (!*name || strpbrk(name, "/: \t\n") || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set(errp, EINVAL, "'%s' cannot be the name of an interface", name);
	return 0;
}

static int ready(struct tap_iface *i, const struct net_config *c, struct error **errp)
{
	struct ifreq r = { 0 };
	int e = open_queues(i, errp);

	if (e < 0)
		return e;
	i->offloads = probe_offloads(i);
	if (i->created && !c->script)
		e = bring_up(i, c->mtu, errp);
	else if (c->script)
		e = net_script_run(c->script, i->name, errp);
	if (e < 0)
		return e;
	if (iface_ioctl(i, SIOCGIFMTU, &r) == 0)
		i->mtu = (unsigned)r.ifr_mtu;
	return 0;
}

int tap_iface_open(const struct net_config *c, struct tap_iface *ret, struct error **errp)
{
	const char *name = c->name ? c->name : "tap%d";
	int e = check_name(name, errp);

	if (e < 0)
		return e;
	*ret = (struct tap_iface){ .flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
				   .queues = c->queues ? c->queues : 1 };
	for (unsigned q = 0; q < NET_QUEUES_MAX; q++)
		ret->fd[q] = -1;
	if (ret->queues > 1)
		ret->flags |= IFF_MULTI_QUEUE;
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	e = ready(ret, c, errp);
	if (e < 0)
		tap_iface_close(ret);
	return e;
}

void tap_iface_close(struct tap_iface *i)
{
	for (unsigned q = 0; q < i->queues; q++) {
		base_closep(&i->fd[q]);
		i->fd[q] = -1;
	}
}
