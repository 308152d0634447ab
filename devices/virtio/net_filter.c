/* SPDX-License-Identifier: MIT */
/*
 * net_filter.c: which frames the guest has asked for (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3). A host's
 * end that floods, as a bridge does, hands over those of others too.
 *
 * The specification calls the filter imperfect: a device may let in more than was asked for. This
 * one does so where its tables are full, and with a driver that asks for nothing.
 */
#include <string.h>

#include "devices/virtio/net_internal.h"

#define NO_MAC     UINT64_MAX /* equals no address */
#define BROADCAST  UINT64_C(0xffffffffffff)
#define MULTICAST  UINT64_C(1) /* bit 0 of the first byte */
#define TPID_8021Q 0x8100u

#define MODE(cmd) (1u << VIRTIO_NET_CTRL_RX_##cmd)

void net_filter_reset(struct net_filter *f, net_mac mac)
{
	*f = (struct net_filter){ .mode = MODE(PROMISC), .mac = mac };
	net_filter_update(f, false);
}

void net_filter_update(struct net_filter *f, bool by_vlan)
{
	f->all = f->mode & MODE(PROMISC);
	f->vlans = by_vlan;
	f->own = f->mode & MODE(NOUNI) ? NO_MAC : f->mac;
}

bool net_mac_valid(net_mac mac)
{
	return mac && !(mac & ~BROADCAST) && !(mac & MULTICAST);
}

bool net_filter_valid(const struct net_filter *f)
{
	return f->mode < 2 * MODE(NOBCAST) && f->uni_cnt <= NET_FILTER_MACS &&
	       f->multi_cnt <= NET_FILTER_MACS && net_mac_valid(f->mac);
}

static bool listed(const uint64_t *table, unsigned cnt, net_mac mac)
{
	for (unsigned i = 0; i < cnt; i++)
		if (table[i] == mac)
			return true;
	return false;
}

static bool admits_vlan(const struct net_filter *f, const uint8_t *head)
{
	unsigned vid = ((unsigned)head[14] << 8 | head[15]) & 0xfffu;

	return f->vlan[vid / 32] >> vid % 32 & 1;
}

/* 5.1.6.5.1: what takes something away counts for more than what adds something. */
static bool admits_mac(const struct net_filter *f, net_mac to)
{
	if (to == BROADCAST)
		return !(f->mode & MODE(NOBCAST));
	if (to & MULTICAST)
		return !(f->mode & MODE(NOMULTI)) && ((f->mode & MODE(ALLMULTI)) || f->multi_all ||
						      listed(f->multi, f->multi_cnt, to));
	return !(f->mode & MODE(NOUNI)) && ((f->mode & MODE(ALLUNI)) || f->uni_all ||
					    to == f->mac || listed(f->uni, f->uni_cnt, to));
}

bool net_filter_asks(const struct net_filter *f, const uint8_t head[NET_FILTER_HEAD])
{
	net_mac to = net_mac_load(head);

	if (f->vlans && ((unsigned)head[12] << 8 | head[13]) == TPID_8021Q && !admits_vlan(f, head))
		return false;
	return likely(to == f->own) || admits_mac(f, to);
}
