/* SPDX-License-Identifier: MIT */
/* pmem_wire.h: the layouts of virtio-pmem (virtio 1.2, 5.19). */
#ifndef VIRTIO_PMEM_WIRE_H
#define VIRTIO_PMEM_WIRE_H

#include "vmm/endian.h"

/* 5.19.4 */
struct virtio_pmem_config {
	le64 start; /* guest-physical */
	le64 size;  /* bytes */
};
_Static_assert(sizeof(struct virtio_pmem_config) == 16, "5.19.4");

/* 5.19.6: readable, then writable */
#define VIRTIO_PMEM_REQ_TYPE_FLUSH 0u

struct virtio_pmem_req {
	le32 type;
};

/* 5.19.7: "0" on success and "-1" on failure. */
#define VIRTIO_PMEM_RET_OK     0u
#define VIRTIO_PMEM_RET_FAILED UINT32_MAX

struct virtio_pmem_resp {
	le32 ret;
};
_Static_assert(sizeof(struct virtio_pmem_req) == 4, "5.19.6");
_Static_assert(sizeof(struct virtio_pmem_resp) == 4, "5.19.6");

#endif
