/* SPDX-License-Identifier: MIT */
/* shares.c: each --share as a directory of the host, a virtio device and a thread for both. */
#include <stdio.h>

#include "devices/virtio/fs.h"
#include "machine/machine_internal.h"
#include "vmm/error.h"

static int add_share(struct machine *m, const struct share_config *c, const char *id,
		     unsigned descriptors, struct error **errp)
{
	struct share_params s = { .path = c->path,
				  .writable = c->writable,
				  .descriptors = descriptors };
	struct virtio_fs_params p = { .id = id,
				      .gm = m->gm,
				      .tag = c->tag ? c->tag : id,
				      .packed = m->config->board.packed };
	struct virtio_fs *f;
	int r = machine_iothread(m, NULL, id, &p.loop, errp);

	if (r >= 0)
		r = share_open(&s, &p.share, errp);
	if (r < 0)
		return r;
	r = virtio_fs_create(&p, &f, errp);
	if (r < 0) {
		share_close(p.share);
		return r;
	}
	return machine_add_virtio(m, virtio_fs_device(f), errp);
}

int machine_add_shares(struct machine *m, const struct vm_config *c, struct error **errp)
{
	unsigned descriptors = share_descriptors(c->shares.cnt);

	for (unsigned i = 0; i < c->shares.cnt; i++) {
		char id[16];
		int r;

		snprintf(id, sizeof(id), "share%u", i);
		r = add_share(m, &c->shares.v[i], id, descriptors, errp);
		if (r < 0)
			return err_wrap(errp, "%s", id);
	}
	return 0;
}
