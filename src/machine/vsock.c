/* SPDX-License-Identifier: MIT */
/* vsock.c: --vsock as a unix socket, a virtio socket device and a thread that serves both. */
#include "devices/virtio/vsock.h"

#include "machine/machine_internal.h"
#include "vmm/error.h"

int machine_add_vsock(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct virtio_vsock_params p = {
		.id = "vsock0", .gm = m->gm, .packed = c->board.packed, .cid = c->virtio.vsock.cid
	};
	struct virtio_vsock *v;
	int r = machine_iothread(m, NULL, p.id, &p.loop, errp);

	if (r >= 0)
		r = vsock_open(&c->virtio.vsock, p.loop, &p.host, errp);
	if (r < 0)
		return err_wrap(errp, "--vsock");
	r = virtio_vsock_create(&p, &v, errp);
	if (r < 0) {
		vsock_close_host(p.host);
		return r;
	}
	return machine_add_virtio(m, virtio_vsock_device(v), errp);
}
