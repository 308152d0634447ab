/* SPDX-License-Identifier: MIT */
/* inspect.h: what the files of the machine's inspectors share. */
#ifndef MACHINE_INSPECT_H
#define MACHINE_INSPECT_H

#include "virtio/virtq.h"
#include "vmm/inspect.h"

typedef int machine_inspect_fn(struct inspect *in, unsigned argc, char *const *argv,
			       struct str *out, struct error **errp);
machine_inspect_fn inspect_dev, inspect_map, inspect_irq, inspect_virtq;

/* -ENODEV with an error: nobody has given a machine. */
int inspect_machine(struct inspect *in, struct machine **ret, struct error **errp);

/* The device of that id; NULL and an error that names one like it, or lists them. */
struct device;
struct device *inspect_device(struct machine *m, const char *id, struct error **errp);

/* The device as a virtio device; NULL: it is none. */
struct virtio_device;
struct virtio_device *inspect_virtio(struct machine *m, const struct device *d);

/* One field of a device's state by its name in the snapshot table; 0 if there is none. Under the
 * device's lock. */
uint64_t inspect_field(const struct device *d, const char *name, uint32_t index);

/* A ring as it is in memory and as its device sees it. */
struct ring_view {
	struct guest_mem *gm;
	struct vring_addr addr;
	uint64_t features;
	struct virtq_position pos; /* the device's */
	unsigned outstanding;
	bool mapped; /* pos and outstanding mean something */
};
/* inspect_ring.c: draws it. At most some hundred lines, whatever is in the ring. */
void inspect_draw_ring(const struct ring_view *v, struct str *out);

#endif
