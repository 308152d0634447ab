/* SPDX-License-Identifier: MIT */
/* virtio_wire.h: numbers and layouts that every virtio device shares (virtio 1.2). */
#ifndef VIRTIO_WIRE_H
#define VIRTIO_WIRE_H

#include "vmm/bits.h"
#include "vmm/endian.h"

/* 2.1: device status */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01u
#define VIRTIO_STATUS_DRIVER      0x02u
#define VIRTIO_STATUS_DRIVER_OK   0x04u
#define VIRTIO_STATUS_FEATURES_OK 0x08u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u
#define VIRTIO_STATUS_FAILED      0x80u

/* 6: reserved feature bits */
#define VIRTIO_F_INDIRECT_DESC     (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX         (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1         (UINT64_C(1) << 32)
#define VIRTIO_F_ACCESS_PLATFORM   (UINT64_C(1) << 33)
#define VIRTIO_F_RING_PACKED       (UINT64_C(1) << 34)
#define VIRTIO_F_IN_ORDER          (UINT64_C(1) << 35)
#define VIRTIO_F_ORDER_PLATFORM    (UINT64_C(1) << 36)
#define VIRTIO_F_NOTIFICATION_DATA (UINT64_C(1) << 38)
#define VIRTIO_F_RING_RESET        (UINT64_C(1) << 40)

/* 5: device types */
#define VIRTIO_ID_NET     1u
#define VIRTIO_ID_BLOCK   2u
#define VIRTIO_ID_CONSOLE 3u
#define VIRTIO_ID_RNG     4u
#define VIRTIO_ID_BALLOON 5u
#define VIRTIO_ID_VSOCK   19u
#define VIRTIO_ID_FS      26u
#define VIRTIO_ID_PMEM    27u

/* 4.1.4.5, 4.2.2: interrupt status */
#define VIRTIO_ISR_QUEUE  0x1u
#define VIRTIO_ISR_CONFIG 0x2u

/* "VIRT", the implementer as the MMIO transport reports it */
#define VIRTIO_VENDOR_ID 0x54524956u

/* --- 4.1: PCI --------------------------------------------------------------------------------- */

#define VIRTIO_PCI_VENDOR      0x1af4u
#define VIRTIO_PCI_DEVICE_BASE 0x1040u /* plus the device type */
#define VIRTIO_MSI_NO_VECTOR   0xffffu

/* 4.1.4: cfg_type of a vendor-specific capability */
#define VIRTIO_PCI_CAP_COMMON_CFG 1u
#define VIRTIO_PCI_CAP_NOTIFY_CFG 2u
#define VIRTIO_PCI_CAP_ISR_CFG    3u
#define VIRTIO_PCI_CAP_DEVICE_CFG 4u
#define VIRTIO_PCI_CAP_PCI_CFG    5u

struct virtio_pci_cap {
	uint8_t cap_vndr, cap_next, cap_len, cfg_type;
	uint8_t bar, id, padding[2];
	le32 offset, length; /* within the BAR */
};
_Static_assert(sizeof(struct virtio_pci_cap) == 16, "4.1.4");

struct virtio_pci_notify_cap {
	struct virtio_pci_cap cap;
	le32 notify_off_multiplier;
};
_Static_assert(sizeof(struct virtio_pci_notify_cap) == 20, "4.1.4.4");

struct virtio_pci_cfg_cap {
	struct virtio_pci_cap cap;
	uint8_t pci_cfg_data[4];
};
_Static_assert(sizeof(struct virtio_pci_cfg_cap) == 20, "4.1.4.9");

struct virtio_pci_common_cfg {
	le32 device_feature_select, device_feature;
	le32 driver_feature_select, driver_feature;
	le16 config_msix_vector, num_queues;
	uint8_t device_status, config_generation;
	le16 queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
	le32 queue_desc_lo, queue_desc_hi; /* 64-bit fields may be accessed by halves (4.1.3.1) */
	le32 queue_driver_lo, queue_driver_hi;
	le32 queue_device_lo, queue_device_hi;
	le16 queue_notify_data, queue_reset;
};
_Static_assert(sizeof(struct virtio_pci_common_cfg) == 60, "4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common_cfg, config_msix_vector) == 16, "4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common_cfg, device_status) == 20, "4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common_cfg, queue_notify_off) == 30, "4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common_cfg, queue_desc_lo) == 32, "4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common_cfg, queue_reset) == 58, "4.1.4.3");

/* --- 4.2.2: MMIO registers -------------------------------------------------------------------- */

#define VIRTIO_MMIO_MAGIC   0x74726976u /* "virt" */
#define VIRTIO_MMIO_VERSION 2u

/* clang-format off */
enum virtio_mmio_reg {
	VIRTIO_MMIO_MAGIC_VALUE         = 0x000,
	VIRTIO_MMIO_VERSION_REG         = 0x004,
	VIRTIO_MMIO_DEVICE_ID           = 0x008,
	VIRTIO_MMIO_VENDOR_ID           = 0x00c,
	VIRTIO_MMIO_DEVICE_FEATURES     = 0x010,
	VIRTIO_MMIO_DEVICE_FEATURES_SEL = 0x014,
	VIRTIO_MMIO_DRIVER_FEATURES     = 0x020,
	VIRTIO_MMIO_DRIVER_FEATURES_SEL = 0x024,
	VIRTIO_MMIO_QUEUE_SEL           = 0x030,
	VIRTIO_MMIO_QUEUE_NUM_MAX       = 0x034,
	VIRTIO_MMIO_QUEUE_NUM           = 0x038,
	VIRTIO_MMIO_QUEUE_READY         = 0x044,
	VIRTIO_MMIO_QUEUE_NOTIFY        = 0x050,
	VIRTIO_MMIO_INTERRUPT_STATUS    = 0x060,
	VIRTIO_MMIO_INTERRUPT_ACK       = 0x064,
	VIRTIO_MMIO_STATUS              = 0x070,
	VIRTIO_MMIO_QUEUE_DESC_LOW      = 0x080,
	VIRTIO_MMIO_QUEUE_DESC_HIGH     = 0x084,
	VIRTIO_MMIO_QUEUE_DRIVER_LOW    = 0x090,
	VIRTIO_MMIO_QUEUE_DRIVER_HIGH   = 0x094,
	VIRTIO_MMIO_QUEUE_DEVICE_LOW    = 0x0a0,
	VIRTIO_MMIO_QUEUE_DEVICE_HIGH   = 0x0a4,
	VIRTIO_MMIO_SHM_SEL             = 0x0ac,
	VIRTIO_MMIO_SHM_LEN_LOW         = 0x0b0,
	VIRTIO_MMIO_SHM_LEN_HIGH        = 0x0b4,
	VIRTIO_MMIO_SHM_BASE_LOW        = 0x0b8,
	VIRTIO_MMIO_SHM_BASE_HIGH       = 0x0bc,
	VIRTIO_MMIO_QUEUE_RESET         = 0x0c0,
	VIRTIO_MMIO_CONFIG_GENERATION   = 0x0fc,
	VIRTIO_MMIO_CONFIG              = 0x100,
};
/* clang-format on */

#endif
