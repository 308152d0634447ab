/* SPDX-License-Identifier: MIT */
/*
 * net_ctrl.c: virtio-net's control queue (virtio 1.2, 5.1.6.5). A command of a class or number that
 * was not negotiated, or of another length than its data has, changes nothing and is answered with
 * VIRTIO_NET_ERR.
 */
#include <string.h>

#include "devices/virtio/net_internal.h"
#include "vmm/log.h"

#define TURN_COMMANDS 64u
#define DATA_MAX      8u

/* Carries out a command; its data is in @data or, of no fixed length, still in the chain. */
typedef bool command_fn(struct virtio_net *n, unsigned command, const uint8_t *data);

/* --- 5.1.6.5.1, 5.1.6.5.2, 5.1.6.5.3: what comes in ------------------------------------------- */

static void changed(struct virtio_net *n)
{
	net_filter_update(&n->filter, virtio_has(&n->vdev, VIRTIO_NET_F_CTRL_VLAN));
}

static bool set_mode(struct virtio_net *n, unsigned command, const uint8_t *data)
{
	unsigned bit = 1u << command;

	n->filter.mode = (uint8_t)(data[0] ? n->filter.mode | bit : n->filter.mode & ~bit);
	changed(n);
	return true;
}

struct mac_table {
	uint64_t mac[NET_FILTER_MACS];
	uint8_t cnt;
	bool all;
};

/* One of the two tables: a count and as many addresses, which the chain must have. */
static bool pull_table(struct vq_chain *c, struct mac_table *t)
{
	const struct iovec *iov;
	uint8_t mac[6];
	uint32_t cnt;
	unsigned n;
	le32 head;

	*t = (struct mac_table){ 0 };
	if (!vq_pull(c, &head, sizeof(head)))
		return false;
	cnt = le32_get(head);
	if (cnt > c->r.left / sizeof(mac))
		return false;
	if (cnt > NET_FILTER_MACS) {
		t->all = true;
		vq_window(c, &c->r, cnt * sizeof(mac), &iov, &n);
		return true;
	}
	for (; t->cnt < cnt; t->cnt++) {
		if (!vq_pull(c, mac, sizeof(mac)))
			return false;
		t->mac[t->cnt] = net_mac_load(mac);
	}
	return true;
}

static bool set_tables(struct virtio_net *n, unsigned command, const uint8_t *data)
{
	struct net_filter *f = &n->filter;
	struct mac_table uni, multi;

	(void)command;
	(void)data;
	if (!pull_table(&n->chain, &uni) || !pull_table(&n->chain, &multi) || n->chain.r.left)
		return false;
	memcpy(f->uni, uni.mac, sizeof(f->uni));
	memcpy(f->multi, multi.mac, sizeof(f->multi));
	f->uni_cnt = uni.cnt;
	f->multi_cnt = multi.cnt;
	f->uni_all = uni.all;
	f->multi_all = multi.all;
	return true;
}

static bool set_mac(struct virtio_net *n, unsigned command, const uint8_t *data)
{
	net_mac mac = net_mac_load(data);

	(void)command;
	if (!mac || (data[0] & 1))
		return false;
	net_set_mac(n, mac);
	return true;
}

static bool set_vlan(struct virtio_net *n, unsigned command, const uint8_t *data)
{
	unsigned vid = get_le16(data);
	uint32_t bit = UINT32_C(1) << vid % 32;

	if (vid >= 8 * sizeof(n->filter.vlan))
		return false;
	if (command == VIRTIO_NET_CTRL_VLAN_ADD)
		n->filter.vlan[vid / 32] |= bit;
	else
		n->filter.vlan[vid / 32] &= ~bit;
	return true;
}

/* --- the rest --------------------------------------------------------------------------------- */

static bool ack_announce(struct virtio_net *n, unsigned command, const uint8_t *data)
{
	(void)command;
	(void)data;
	atomic_fetch_and(&n->status, (uint16_t)~VIRTIO_NET_S_ANNOUNCE);
	return true;
}

static bool set_pairs(struct virtio_net *n, unsigned command, const uint8_t *data)
{
	unsigned pairs = get_le16(data), old = n->pairs;

	(void)command;
	if (!pairs || pairs > n->max_pairs)
		return false;
	n->pairs = (uint16_t)pairs;
	for (unsigned i = pairs; i < old; i++)
		net_rx_drop(n, i);
	net_run(n);
	return true;
}

static bool set_offloads(struct virtio_net *n, unsigned command, const uint8_t *data)
{
	uint64_t may = n->vdev.acked & NET_GUEST_OFFLOADS, want = get_le64(data);

	(void)command;
	if (want & ~may)
		return false;
	n->refused = may & ~want;
	net_update(n);
	net_run(n);
	return true;
}

/* --- commands --------------------------------------------------------------------------------- */

#define ANY_LEN UINT8_MAX

static const struct command {
	uint8_t class, first, last; /* numbers */
	uint8_t len;                /* of its data */
	uint64_t feature;
	command_fn *fn;
} commands[] = {
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, VIRTIO_NET_CTRL_RX_ALLMULTI, 1,
	  VIRTIO_NET_F_CTRL_RX, set_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLUNI, VIRTIO_NET_CTRL_RX_NOBCAST, 1,
	  VIRTIO_NET_F_CTRL_RX_EXTRA, set_mode },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, VIRTIO_NET_CTRL_MAC_TABLE_SET,
	  ANY_LEN, VIRTIO_NET_F_CTRL_RX, set_tables },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_CTRL_MAC_ADDR_SET, 6,
	  VIRTIO_NET_F_CTRL_MAC_ADDR, set_mac },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, VIRTIO_NET_CTRL_VLAN_DEL, 2,
	  VIRTIO_NET_F_CTRL_VLAN, set_vlan },
	{ VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, VIRTIO_NET_CTRL_ANNOUNCE_ACK, 0,
	  VIRTIO_NET_F_GUEST_ANNOUNCE, ack_announce },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 2,
	  VIRTIO_NET_F_MQ, set_pairs },
	{ VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET,
	  VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, 8, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, set_offloads },
};

static const struct command *find(const struct virtio_net *n, const struct virtio_net_ctrl_hdr *h)
{
	for (unsigned i = 0; i < ARRAY_LEN(commands); i++) {
		const struct command *c = &commands[i];

		if (c->class == h->class && c->first <= h->command && h->command <= c->last &&
		    virtio_has(&n->vdev, c->feature))
			return c;
	}
	return NULL;
}

static bool carry_out(struct virtio_net *n)
{
	struct vq_chain *c = &n->chain;
	struct virtio_net_ctrl_hdr h;
	uint8_t data[DATA_MAX] = { 0 };
	const struct command *cmd;

	if (!vq_pull(c, &h, sizeof(h)))
		return false;
	cmd = find(n, &h);
	if (!cmd)
		return false;
	if (cmd->len != ANY_LEN && (c->r.left != cmd->len || !vq_pull(c, data, cmd->len)))
		return false;
	return cmd->fn(n, h.command, data);
}

void net_ctrl_pump(struct virtio_net *n, unsigned q)
{
	struct virtq *vq = n->vdev.queue[q].vq;
	unsigned left = TURN_COMMANDS;
	uint8_t ack;

	vq_kicks_off(vq);
	do {
		for (; left && vq_pop(vq, &n->chain) == VQ_OK; left--) {
			ack = (uint8_t)(carry_out(n) ? VIRTIO_NET_OK : VIRTIO_NET_ERR);
			if (!vq_push(&n->chain, &ack, sizeof(ack)))
				log_guest(&n->vdev.dev, "a command has no byte for its answer");
			vq_complete(&n->chain);
		}
		virtio_notify(&n->vdev, q);
	} while (left && vq_kicks_on(vq));
	if (!left)
		virtio_ring(&n->vdev, q);
}
