/* SPDX-License-Identifier: MIT */
/* nets.c: each -n as the host's end of a network, a virtio network card and a thread for both. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "devices/virtio/net.h"
#include "machine/machine_internal.h"
#include "net/netdev.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/siphash.h"

/*
 * What the addresses of all cards are made with, besides the VM's name. One that has none may be
 * any of many that run at once, on any host of the network, so it is drawn.
 */
static struct siphash_key mac_key(const char *vm_name)
{
	uint8_t b[16] = "trapeze-mac-addr";
	struct timespec now = { 0 };

	if (vm_name && *vm_name)
		return siphash_key(b);
	if (getrandom(b, sizeof(b), GRND_NONBLOCK) == sizeof(b))
		return siphash_key(b);
	/* A host that has only just started. Its processes at least are told apart. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (struct siphash_key){ (uint64_t)getpid() << 32 | (uint64_t)now.tv_nsec,
				     (uint64_t)now.tv_sec };
}

/*
 * An address that stays the same for the same name and card, so that a guest finds its interfaces
 * and leases again, and that differs where names, or keys, do.
 */
static void make_mac(struct siphash_key key, const char *vm_name, unsigned card, uint8_t mac[6])
{
	uint8_t number[4];
	struct siphash_tag tag;
	struct siphash h;

	siphash_init(&h, key);
	siphash_update(&h, vm_name ? vm_name : "", vm_name ? strlen(vm_name) + 1 : 1);
	put_le32(number, card);
	siphash_update(&h, number, sizeof(number));
	tag = siphash_final(&h);
	memcpy(mac, tag.b, 6);
	mac[0] = (uint8_t)((mac[0] & ~0x01u) | 0x02u); /* unicast, locally administered */
}

static int create_net(struct machine *m, const struct net_config *c, struct siphash_key key,
		      const char *id, struct virtio_net **ret, struct error **errp)
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
		make_mac(key, m->config->name, m->net_cnt, p.mac);
	if (r >= 0)
		r = netdev_open(c, p.loop, &p.net, errp);
	if (r < 0)
		return r;
	r = virtio_net_create(&p, ret, errp);
	if (r < 0)
		netdev_close(p.net);
	return r;
}

static int add_net(struct machine *m, const struct net_config *c, struct siphash_key key,
		   struct error **errp)
{
	struct virtio_net *n = NULL;
	char id[16];
	int r;

	snprintf(id, sizeof(id), "net%u", m->net_cnt);
	r = create_net(m, c, key, id, &n, errp);
	if (r >= 0) {
		m->net[m->net_cnt++] = n;
		r = machine_add_virtio(m, virtio_net_device(n), errp);
	}
	return r < 0 ? err_wrap(errp, "%s", id) : 0;
}

int machine_add_nets(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct siphash_key key = mac_key(c->name);

	m->net = calloc(c->nets.cnt, sizeof(struct virtio_net *));
	if (!m->net)
		return err_errno(errp, ENOMEM, "creating network cards");
	for (unsigned i = 0; i < c->nets.cnt; i++) {
		int r = add_net(m, &c->nets.v[i], key, errp);

		if (r < 0)
			return r;
	}
	return 0;
}
