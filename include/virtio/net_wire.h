/* SPDX-License-Identifier: MIT */
/* net_wire.h: the layouts of virtio-net (virtio 1.2, 5.1; of UDP segmentation: 1.3, 5.1.3). */
#ifndef VIRTIO_NET_WIRE_H
#define VIRTIO_NET_WIRE_H

#include "vmm/endian.h"

/* 5.1.3 */
#define VIRTIO_NET_F_CSUM                (UINT64_C(1) << 0)
#define VIRTIO_NET_F_GUEST_CSUM          (UINT64_C(1) << 1)
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS (UINT64_C(1) << 2)
#define VIRTIO_NET_F_MTU                 (UINT64_C(1) << 3)
#define VIRTIO_NET_F_MAC                 (UINT64_C(1) << 5)
#define VIRTIO_NET_F_GUEST_TSO4          (UINT64_C(1) << 7)
#define VIRTIO_NET_F_GUEST_TSO6          (UINT64_C(1) << 8)
#define VIRTIO_NET_F_GUEST_ECN           (UINT64_C(1) << 9)
#define VIRTIO_NET_F_GUEST_UFO           (UINT64_C(1) << 10)
#define VIRTIO_NET_F_HOST_TSO4           (UINT64_C(1) << 11)
#define VIRTIO_NET_F_HOST_TSO6           (UINT64_C(1) << 12)
#define VIRTIO_NET_F_HOST_ECN            (UINT64_C(1) << 13)
#define VIRTIO_NET_F_HOST_UFO            (UINT64_C(1) << 14)
#define VIRTIO_NET_F_MRG_RXBUF           (UINT64_C(1) << 15)
#define VIRTIO_NET_F_STATUS              (UINT64_C(1) << 16)
#define VIRTIO_NET_F_CTRL_VQ             (UINT64_C(1) << 17)
#define VIRTIO_NET_F_CTRL_RX             (UINT64_C(1) << 18)
#define VIRTIO_NET_F_CTRL_VLAN           (UINT64_C(1) << 19)
#define VIRTIO_NET_F_CTRL_RX_EXTRA       (UINT64_C(1) << 20)
#define VIRTIO_NET_F_GUEST_ANNOUNCE      (UINT64_C(1) << 21)
#define VIRTIO_NET_F_MQ                  (UINT64_C(1) << 22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR       (UINT64_C(1) << 23)
#define VIRTIO_NET_F_GUEST_USO4          (UINT64_C(1) << 54)
#define VIRTIO_NET_F_GUEST_USO6          (UINT64_C(1) << 55)
#define VIRTIO_NET_F_HOST_USO            (UINT64_C(1) << 56)
#define VIRTIO_NET_F_SPEED_DUPLEX        (UINT64_C(1) << 63)

/* 5.1.2: receiveq1, transmitq1, receiveq2 and so on, then controlq. */
#define VIRTIO_NET_PAIRS_MAX 0x8000u

/* 5.1.4 */
#define VIRTIO_NET_S_LINK_UP  1u
#define VIRTIO_NET_S_ANNOUNCE 2u

#define VIRTIO_NET_SPEED_UNKNOWN UINT32_MAX
#define VIRTIO_NET_DUPLEX_FULL   1u

struct virtio_net_config {
	uint8_t mac[6];
	le16 status;              /* F_STATUS */
	le16 max_virtqueue_pairs; /* F_MQ */
	le16 mtu;                 /* F_MTU */
	le32 speed;               /* F_SPEED_DUPLEX: units of 1 Mbit/s */
	uint8_t duplex;
} __attribute__((packed));
_Static_assert(sizeof(struct virtio_net_config) == 17, "5.1.4");
_Static_assert(offsetof(struct virtio_net_config, speed) == 12, "5.1.4");

/* 5.1.6 */
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1u
#define VIRTIO_NET_HDR_F_DATA_VALID 2u

enum virtio_net_gso {
	VIRTIO_NET_HDR_GSO_NONE = 0,
	VIRTIO_NET_HDR_GSO_TCPV4 = 1,
	VIRTIO_NET_HDR_GSO_UDP = 3,
	VIRTIO_NET_HDR_GSO_TCPV6 = 4,
	VIRTIO_NET_HDR_GSO_UDP_L4 = 5,
	VIRTIO_NET_HDR_GSO_ECN = 0x80, /* a bit, with TCP */
};

struct virtio_net_hdr_v1 {
	uint8_t flags, gso_type;
	le16 hdr_len, gso_size, csum_start, csum_offset;
	le16 num_buffers;
};
_Static_assert(sizeof(struct virtio_net_hdr_v1) == 12, "5.1.6");
_Static_assert(offsetof(struct virtio_net_hdr_v1, num_buffers) == 10, "5.1.6");

/* 5.1.6.5: a command is this, data by class and command, and a byte that the device writes. */
struct virtio_net_ctrl_hdr {
	uint8_t class, command;
};

#define VIRTIO_NET_OK  0u
#define VIRTIO_NET_ERR 1u

enum virtio_net_ctrl_class {
	VIRTIO_NET_CTRL_RX = 0,
	VIRTIO_NET_CTRL_MAC = 1,
	VIRTIO_NET_CTRL_VLAN = 2,
	VIRTIO_NET_CTRL_ANNOUNCE = 3,
	VIRTIO_NET_CTRL_MQ = 4,
	VIRTIO_NET_CTRL_GUEST_OFFLOADS = 5,
};

/* 5.1.6.5.1: one byte, 0 or 1 */
enum virtio_net_ctrl_rx {
	VIRTIO_NET_CTRL_RX_PROMISC = 0,
	VIRTIO_NET_CTRL_RX_ALLMULTI = 1,
	VIRTIO_NET_CTRL_RX_ALLUNI = 2, /* this one and the next: F_CTRL_RX_EXTRA */
	VIRTIO_NET_CTRL_RX_NOMULTI = 3,
	VIRTIO_NET_CTRL_RX_NOUNI = 4,
	VIRTIO_NET_CTRL_RX_NOBCAST = 5,
};

/* 5.1.6.5.2: twice le32 and as many addresses, unicast, then multicast; one address */
#define VIRTIO_NET_CTRL_MAC_TABLE_SET 0u
#define VIRTIO_NET_CTRL_MAC_ADDR_SET  1u
/* 5.1.6.5.3: le16 */
#define VIRTIO_NET_CTRL_VLAN_ADD 0u
#define VIRTIO_NET_CTRL_VLAN_DEL 1u
/* 5.1.6.5.4: nothing */
#define VIRTIO_NET_CTRL_ANNOUNCE_ACK 0u
/* 5.1.6.5.5: le16 */
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET 0u
/* 5.1.6.5.6: le64, of the bits VIRTIO_NET_F_GUEST_* */
#define VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET 0u

#endif
