/* SPDX-License-Identifier: MIT */
/* nets.c: each -n as the host's end of a network, a virtio network card and a thread for both. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices/virtio/net.h"
#include "machine/machine_internal.h"
#include "net/netdev.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/siphash.h"

/*
 * An address that stays the same for the same name and card, so that a guest finds its interfaces
 * and leases again, and that differs where names do.
 */
static void make_mac(const char *vm_name, unsigned card, uint8_t mac[6])
{
	static const uint8_t key[16] = "trapeze-mac-addr";
	uint8_t number[4];
	struct siphash_tag tag;
	struct siphash h;

	siphash_init(&h, siphash_key(key));
	siphash_update(&h, vm_name, strlen(vm_name) + 1);
	put_le32(number, card);
	siphash_update(&h, number, sizeof(number));
	tag = siphash_final(&h);
	memcpy(mac, tag.b, 6);
	mac[0] = (uint8_t)((mac[0] & ~0x01u) | 0x02u); /* unicast, locally administered */
}

static int create_net(struct machine *m, const struct net_config *c, const char *id,
		      struct virtio_net **ret, struct error **errp)
{
	struct virtio_net_params p = {
		.id = id,
		.gm = m->gm,
		.packed = m->config->board.packed,
		.mtu = c->mtu,
		.vhost = c->vhost,
		.link_down = c->link_down,
		.bw = c->bw,
		.pps = c->pps,
	};
	int r = machine_iothread(m, c->iothread, id, &p.loop, errp);

	if (c->has_mac)
		memcpy(p.mac, c->mac, sizeof(p.mac));
	else
		make_mac(m->config->name, m->net_cnt, p.mac);
	if (r >= 0)
		r = netdev_open(c, m->config->name, p.loop, &p.net, errp);
	if (r < 0)
		return r;
	r = virtio_net_create(&p, ret, errp);
	if (r < 0)
		netdev_close(p.net);
	return r;
}

static int add_net(struct machine *m, const struct net_config *c, struct error **errp)
{
	struct virtio_net *n = NULL;
	char id[16];
	int r;

	snprintf(id, sizeof(id), "net%u", m->net_cnt);
	r = create_net(m, c, id, &n, errp);
	if (r >= 0) {
		m->net[m->net_cnt++] = n;
		r = machine_add_virtio(m, virtio_net_device(n), errp);
	}
	return r < 0 ? err_wrap(errp, "%s", id) : 0;
}

int machine_add_nets(struct machine *m, const struct vm_config *c, struct error **errp)
{
	m->net = calloc(c->nets.cnt, sizeof(struct virtio_net *));
	if (!m->net)
		return err_errno(errp, ENOMEM, "creating network cards");
	for (unsigned i = 0; i < c->nets.cnt; i++) {
		int r = add_net(m, &c->nets.v[i], errp);

		if (r < 0)
			return r;
	}
	return 0;
}
