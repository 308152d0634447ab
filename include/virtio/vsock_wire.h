/* SPDX-License-Identifier: MIT */
/* vsock_wire.h: what a virtio socket device and its driver say to each other (virtio 1.2, 5.10). */
#ifndef VIRTIO_VSOCK_WIRE_H
#define VIRTIO_VSOCK_WIRE_H

#include "virtio/virtio_wire.h"

/* 5.10.2: virtqueues */
#define VIRTIO_VSOCK_Q_RX    0u /* to the driver */
#define VIRTIO_VSOCK_Q_TX    1u
#define VIRTIO_VSOCK_Q_EVENT 2u

/* 5.10.3: feature bits */
#define VIRTIO_VSOCK_F_STREAM    (UINT64_C(1) << 0)
#define VIRTIO_VSOCK_F_SEQPACKET (UINT64_C(1) << 1)

/* 5.10.4: device configuration, and CIDs with a meaning of their own */
struct virtio_vsock_config {
	le64 guest_cid;
};
_Static_assert(sizeof(struct virtio_vsock_config) == 8, "virtio 1.2, 5.10.4");

#define VIRTIO_VSOCK_CID_HOST  2u
#define VIRTIO_VSOCK_CID_FIRST 3u          /* that a guest may have */
#define VIRTIO_VSOCK_CID_LAST  0xfffffffeu /* "The upper 32 bits of the CID are reserved" */

/* 5.10.6: what each packet begins with. No padding: 44 bytes. */
struct virtio_vsock_hdr {
	le64 src_cid, dst_cid;
	le32 src_port, dst_port;
	le32 len;
	le16 type, op;
	le32 flags;
	le32 buf_alloc, fwd_cnt;
} __attribute__((packed));
_Static_assert(sizeof(struct virtio_vsock_hdr) == 44, "virtio 1.2, 5.10.6");

#define VIRTIO_VSOCK_TYPE_STREAM 1u

enum virtio_vsock_op {
	VIRTIO_VSOCK_OP_INVALID = 0,
	VIRTIO_VSOCK_OP_REQUEST = 1,
	VIRTIO_VSOCK_OP_RESPONSE = 2,
	VIRTIO_VSOCK_OP_RST = 3,
	VIRTIO_VSOCK_OP_SHUTDOWN = 4,
	VIRTIO_VSOCK_OP_RW = 5,
	VIRTIO_VSOCK_OP_CREDIT_UPDATE = 6,
	VIRTIO_VSOCK_OP_CREDIT_REQUEST = 7,
};

/* 5.10.6.5: flags of SHUTDOWN: its sender will receive, or send, no more. */
#define VIRTIO_VSOCK_SHUTDOWN_RCV  1u
#define VIRTIO_VSOCK_SHUTDOWN_SEND 2u
#define VIRTIO_VSOCK_SHUTDOWN_BOTH 3u

/* 5.10.6.7: device events */
#define VIRTIO_VSOCK_EVENT_TRANSPORT_RESET 0u

struct virtio_vsock_event {
	le32 id;
};

#endif
