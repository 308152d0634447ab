/* SPDX-License-Identifier: MIT */
/* disks.c: each -d as an image, a virtio block device and a thread that serves it. */
#include <errno.h>
#include <stdio.h>

#include "block/blk.h"
#include "devices/virtio/blk.h"
#include "machine/machine_internal.h"
#include "vmm/error.h"

/* More than that seldom helps a guest, and each has a vector and a ring. */
#define DEFAULT_MAX_QUEUES 4

static int create_disk(struct machine *m, const struct disk_config *d, const char *id,
		       struct virtio_blk **ret, struct error **errp)
{
	struct virtio_blk_params p = {
		.id = id,
		.gm = m->gm,
		.serial = d->serial,
		.queues = d->queues,
		.queue_size = d->queue_size,
		.block_size = d->block_size,
		.write_through = d->write_through,
		.packed = m->config->board.packed,
	};
	int r = machine_iothread(m, d->iothread, id, &p.loop, errp);

	if (!p.queues)
		p.queues = (unsigned)min_u64(m->config->cpu.count, DEFAULT_MAX_QUEUES);
	if (r >= 0)
		r = blk_open(&d->blk, p.loop, &p.blk, errp);
	if (r < 0)
		return r;
	r = virtio_blk_create(&p, ret, errp);
	if (r < 0)
		blk_close(p.blk);
	return r;
}

static int add_disk(struct machine *m, const struct disk_config *d, struct error **errp)
{
	struct virtio_blk *b;
	char id[16];
	int r;

	snprintf(id, sizeof(id), "disk%u", m->disk_cnt);
	r = create_disk(m, d, id, &b, errp);
	if (r >= 0) {
		m->disk[m->disk_cnt++] = b;
		r = machine_add_virtio(m, virtio_blk_device(b), errp);
	}
	return r < 0 ? err_wrap(errp, "%s", id) : 0;
}

int machine_add_disks(struct machine *m, const struct vm_config *c, struct error **errp)
{
	m->disk = calloc(c->disks.cnt, sizeof(struct virtio_blk *));
	if (!m->disk)
		return err_errno(errp, ENOMEM, "creating disks");
	for (unsigned i = 0; i < c->disks.cnt; i++) {
		int r = add_disk(m, &c->disks.v[i], errp);

		if (r < 0)
			return r;
	}
	return 0;
}

void machine_look_at_disks(struct machine *m)
{
	for (unsigned i = 0; i < m->disk_cnt; i++)
		virtio_blk_look_again(m->disk[i]);
}
