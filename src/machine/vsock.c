/* SPDX-License-Identifier: MIT */
/*
 * vsock.c: --vsock as a virtio socket device and a thread that serves it, with unix sockets on the
 * host's side or, with vhost, the kernel's AF_VSOCK.
 */
#include "devices/virtio/vsock.h"

#include "devices/virtio/vsock_vhost.h"
#include "machine/machine_internal.h"
#include "vmm/error.h"

#define ID "vsock0"

static int add_unix(struct machine *m, const struct vm_config *c, struct loop *loop,
		    struct error **errp)
{
	struct virtio_vsock_params p = { .id = ID,
					 .gm = m->gm,
					 .loop = loop,
					 .packed = c->board.packed,
					 .cid = c->virtio.vsock.cid };
	struct virtio_vsock *v;
	int r = vsock_open(&c->virtio.vsock, loop, &p.host, errp);

	if (r < 0)
		return err_wrap(errp, "--vsock");
	r = virtio_vsock_create(&p, &v, errp);
	if (r < 0) {
		vsock_close_host(p.host);
		return r;
	}
	return machine_add_virtio(m, virtio_vsock_device(v), errp);
}

static int add_vhost(struct machine *m, const struct vm_config *c, struct loop *loop,
		     struct error **errp)
{
	const struct vsock_vhost_params p = {
		.id = ID, .gm = m->gm, .loop = loop, .cid = c->virtio.vsock.cid
	};
	struct vsock_vhost *v;
	int r = vsock_vhost_create(&p, &v, errp);

	if (r < 0)
		return err_wrap(errp, "--vsock");
	return machine_add_virtio(m, vsock_vhost_device(v), errp);
}

int machine_add_vsock(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct loop *loop;
	int r = machine_iothread(m, NULL, ID, &loop, errp);

	if (r < 0)
		return r;
	return c->virtio.vsock.vhost ? add_vhost(m, c, loop, errp) : add_unix(m, c, loop, errp);
}
