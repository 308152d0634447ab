/* SPDX-License-Identifier: MIT */
/* rng.c: the entropy device, on the I/O thread that light virtio devices share. */
#include "devices/virtio/rng.h"

#include "machine/machine_internal.h"

int machine_add_rng(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct virtio_rng_params p = { .id = "rng0", .gm = m->gm, .packed = c->board.packed };
	struct virtio_rng *rng;
	int r = machine_iothread(m, IOTHREAD_SHARED, p.id, &p.loop, errp);

	if (r >= 0)
		r = virtio_rng_create(&p, &rng, errp);
	return r < 0 ? r : machine_add_virtio(m, virtio_rng_device(rng), errp);
}
