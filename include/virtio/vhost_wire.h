/* SPDX-License-Identifier: MIT */
/*
 * vhost_wire.h: what Linux' /dev/vhost-net and /dev/vhost-vsock are told, by ioctl(2)
 * (Documentation/ABI: linux/vhost.h). Not that header itself, as it brings along other names for
 * all that virtio_wire.h has.
 */
#ifndef VIRTIO_VHOST_WIRE_H
#define VIRTIO_VHOST_WIRE_H

#include <sys/ioctl.h>

#include "vmm/base.h"

struct vhost_vring_state {
	uint32_t index, num;
};

struct vhost_vring_file {
	uint32_t index;
	int32_t fd; /* -1: none */
};

struct vhost_vring_addr {
	uint32_t index, flags;
	uint64_t desc_user_addr, used_user_addr, avail_user_addr, log_guest_addr;
};
_Static_assert(sizeof(struct vhost_vring_addr) == 40, "as the kernel has it");

struct vhost_memory_region {
	uint64_t guest_phys_addr, memory_size, userspace_addr, flags_padding;
};

struct vhost_memory {
	uint32_t nregions, padding;
	struct vhost_memory_region regions[];
};
_Static_assert(offsetof(struct vhost_memory, regions) == 8, "as the kernel has it");

#define VHOST_VIRTIO        0xaf
#define VHOST_GET_FEATURES  _IOR(VHOST_VIRTIO, 0x00, uint64_t)
#define VHOST_SET_FEATURES  _IOW(VHOST_VIRTIO, 0x00, uint64_t)
#define VHOST_SET_OWNER     _IO(VHOST_VIRTIO, 0x01)
#define VHOST_SET_MEM_TABLE _IOW(VHOST_VIRTIO, 0x03, struct vhost_memory)

#define VHOST_SET_VRING_NUM  _IOW(VHOST_VIRTIO, 0x10, struct vhost_vring_state)
#define VHOST_SET_VRING_ADDR _IOW(VHOST_VIRTIO, 0x11, struct vhost_vring_addr)
#define VHOST_SET_VRING_BASE _IOW(VHOST_VIRTIO, 0x12, struct vhost_vring_state)
#define VHOST_GET_VRING_BASE _IOWR(VHOST_VIRTIO, 0x12, struct vhost_vring_state)
#define VHOST_SET_VRING_KICK _IOW(VHOST_VIRTIO, 0x20, struct vhost_vring_file)
#define VHOST_SET_VRING_CALL _IOW(VHOST_VIRTIO, 0x21, struct vhost_vring_file)
#define VHOST_SET_VRING_ERR  _IOW(VHOST_VIRTIO, 0x22, struct vhost_vring_file)

#define VHOST_NET_SET_BACKEND     _IOW(VHOST_VIRTIO, 0x30, struct vhost_vring_file)
#define VHOST_VSOCK_SET_GUEST_CID _IOW(VHOST_VIRTIO, 0x60, uint64_t)
#define VHOST_VSOCK_SET_RUNNING   _IOW(VHOST_VIRTIO, 0x61, int)

#endif
