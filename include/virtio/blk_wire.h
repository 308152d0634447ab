/* SPDX-License-Identifier: MIT */
/* blk_wire.h: what a virtio block device and its driver say to each other (virtio 1.2, 5.2). */
#ifndef VIRTIO_BLK_WIRE_H
#define VIRTIO_BLK_WIRE_H

#include "virtio/virtio_wire.h"

/* The unit of sector numbers and capacity, whatever blk_size says (5.2.4). */
#define VIRTIO_BLK_SECTOR 512u

/* 5.2.3: feature bits */
#define VIRTIO_BLK_F_SIZE_MAX     (UINT64_C(1) << 1)
#define VIRTIO_BLK_F_SEG_MAX      (UINT64_C(1) << 2)
#define VIRTIO_BLK_F_GEOMETRY     (UINT64_C(1) << 4)
#define VIRTIO_BLK_F_RO           (UINT64_C(1) << 5)
#define VIRTIO_BLK_F_BLK_SIZE     (UINT64_C(1) << 6)
#define VIRTIO_BLK_F_FLUSH        (UINT64_C(1) << 9)
#define VIRTIO_BLK_F_TOPOLOGY     (UINT64_C(1) << 10)
#define VIRTIO_BLK_F_CONFIG_WCE   (UINT64_C(1) << 11)
#define VIRTIO_BLK_F_MQ           (UINT64_C(1) << 12)
#define VIRTIO_BLK_F_DISCARD      (UINT64_C(1) << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (UINT64_C(1) << 14)
#define VIRTIO_BLK_F_LIFETIME     (UINT64_C(1) << 15)
#define VIRTIO_BLK_F_SECURE_ERASE (UINT64_C(1) << 16)

/* 5.2.6: request types and status values */
#define VIRTIO_BLK_T_IN           0u
#define VIRTIO_BLK_T_OUT          1u
#define VIRTIO_BLK_T_FLUSH        4u
#define VIRTIO_BLK_T_GET_ID       8u
#define VIRTIO_BLK_T_GET_LIFETIME 10u
#define VIRTIO_BLK_T_DISCARD      11u
#define VIRTIO_BLK_T_WRITE_ZEROES 13u
#define VIRTIO_BLK_T_SECURE_ERASE 14u

#define VIRTIO_BLK_S_OK     0u
#define VIRTIO_BLK_S_IOERR  1u
#define VIRTIO_BLK_S_UNSUPP 2u

#define VIRTIO_BLK_ID_LEN 20u /* of what GET_ID returns; NUL-padded, not terminated */

/* 5.2.6: what each request begins with */
struct virtio_blk_req_hdr {
	le32 type;
	le32 reserved;
	le64 sector;
};
_Static_assert(sizeof(struct virtio_blk_req_hdr) == 16, "virtio 1.2, 5.2.6");

/* 5.2.6: the data of DISCARD and WRITE_ZEROES */
struct virtio_blk_range {
	le64 sector;
	le32 num_sectors;
	le32 flags;
};
_Static_assert(sizeof(struct virtio_blk_range) == 16, "virtio 1.2, 5.2.6");
#define VIRTIO_BLK_RANGE_UNMAP 1u

/* 5.2.4: device configuration, up to the fields of VIRTIO_BLK_F_WRITE_ZEROES */
struct virtio_blk_config {
	le64 capacity;
	le32 size_max;
	le32 seg_max;
	le16 cylinders;
	uint8_t heads;
	uint8_t sectors;
	le32 blk_size;
	uint8_t physical_block_exp;
	uint8_t alignment_offset;
	le16 min_io_size;
	le32 opt_io_size;
	uint8_t writeback;
	uint8_t unused0;
	le16 num_queues;
	le32 max_discard_sectors;
	le32 max_discard_seg;
	le32 discard_sector_alignment;
	le32 max_write_zeroes_sectors;
	le32 max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap;
	uint8_t unused1[3];
};
_Static_assert(sizeof(struct virtio_blk_config) == 64, "virtio 1.2, 5.2.4: 60 bytes and padding");
_Static_assert(offsetof(struct virtio_blk_config, blk_size) == 20, "virtio 1.2, 5.2.4");
_Static_assert(offsetof(struct virtio_blk_config, writeback) == 32, "virtio 1.2, 5.2.4");
_Static_assert(offsetof(struct virtio_blk_config, num_queues) == 34, "virtio 1.2, 5.2.4");
_Static_assert(offsetof(struct virtio_blk_config, max_discard_sectors) == 36, "virtio 1.2, 5.2.4");
_Static_assert(offsetof(struct virtio_blk_config, write_zeroes_may_unmap) == 56,
	       "virtio 1.2, 5.2.4");
#define VIRTIO_BLK_CONFIG_LEN 60u

#endif
