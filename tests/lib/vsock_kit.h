/* SPDX-License-Identifier: MIT */
/*
 * vsock_kit.h: a virtio socket device with its host's end in a directory of its own, a guest that
 * speaks packets, and programs of the host.
 */
#ifndef TESTS_VSOCK_KIT_H
#define TESTS_VSOCK_KIT_H

#include "tests/lib/vdev_rig.h"
#include "virtio/vsock_wire.h"

#define VK_CID     3u
#define VK_RX_LEN  4096u
#define VK_TX_LEN  (256u * 1024)
#define VK_NO_PORT UINT32_MAX

struct virtio_vsock;

struct vsock_kit {
	struct vdev_rig r;
	struct virtio_vsock *v;
	char dir[64], path[80];
	gpa_t rx[VR_SIZE], tx;
	unsigned max_streams;
	bool whole; /* receive buffers of one descriptor, and twice as many */
	/* What the guest's packets say of its own room, and of what it has taken. */
	uint32_t buf_alloc, fwd_cnt;
};

/* A packet the guest got. */
struct vk_packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len, flags, buf_alloc, fwd_cnt;
	unsigned type, op;
	uint8_t data[VK_RX_LEN];
};

/* @max_streams 0: as many as descriptors allow. The guest has not given any buffers yet. */
void vk_init(struct vsock_kit *k, unsigned max_streams);
void vk_begin(struct vsock_kit *k, unsigned max_streams, uint64_t features);
void vk_end(struct vsock_kit *k);
/* Another device with the same configuration, when the first has stopped. */
struct virtio_vsock *vk_make(struct vsock_kit *k);
/* Puts all receive buffers on the ring, after vr_drive(). */
void vk_fill(struct vsock_kit *k);

/* The guest sends. @h's CIDs, type, buf_alloc are filled in if they are 0; len if data is given. */
void vk_put(struct vsock_kit *k, struct virtio_vsock_hdr h, const void *data, uint32_t len);
/* The usual: from the guest's @port to the host's. */
struct virtio_vsock_hdr vk_hdr(uint32_t guest_port, uint32_t host_port, unsigned op);
void vk_send(struct vsock_kit *k, uint32_t guest_port, uint32_t host_port, unsigned op);
void vk_data(struct vsock_kit *k, uint32_t guest_port, uint32_t host_port, const void *data,
	     uint32_t len);
/* The next packet the guest gets; false: none within @ms. Its buffer goes back on the ring. */
bool vk_get(struct vsock_kit *k, struct vk_packet *p, unsigned ms);
/* The next one, which is an @op of this connection (VK_NO_PORT: any). */
void vk_expect(struct vsock_kit *k, struct vk_packet *p, uint32_t guest_port, uint32_t host_port,
	       unsigned op);
void vk_expect_none(struct vsock_kit *k);

/* Programs of the host: non-blocking sockets. */
int vk_client(struct vsock_kit *k);                /* connected to PATH */
int vk_listen(struct vsock_kit *k, uint32_t port); /* at PATH_PORT */
int vk_accept(int fd);
void vk_write(int fd, const char *text);
/* Reads until @len bytes or an end have come, or two seconds have gone; how many. */
size_t vk_read(int fd, void *buf, size_t len);
bool vk_is_over(int fd); /* an end or an error has come, within two seconds */

/* A stream that stands, by the host (to the guest's @port) or by the guest (from it, to 1000). */
int vk_host_connects(struct vsock_kit *k, uint32_t port, uint32_t *host_port);
int vk_guest_connects(struct vsock_kit *k, uint32_t port);
unsigned vk_streams(struct vsock_kit *k);     /* that the host's end has */
unsigned vk_connections(struct vsock_kit *k); /* that the device has */
/* Whoever is waited for has had his time. */
void vk_time_passes(struct vsock_kit *k);

#endif
