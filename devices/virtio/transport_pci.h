/* SPDX-License-Identifier: MIT */
/*
 * transport_pci.h: a virtio device as a PCI function, modern interface only (virtio 1.2, 4.1).
 *
 *   BAR 0  memory  16 KiB  0000 common configuration, 1000 ISR status, 2000 device configuration,
 *                          3000 notifications
 *   BAR 1  memory          MSI-X table and pending bits
 *   BAR 2  I/O             notifications
 *
 * There are two notification capabilities, and a driver takes the first it can use. The one for I/O
 * comes first: that a port was written to is known without decoding an instruction, which on many
 * hosts is what a write to memory costs.
 */
#ifndef DEVICES_VIRTIO_TRANSPORT_PCI_H
#define DEVICES_VIRTIO_TRANSPORT_PCI_H

#include "vmm/base.h"

struct device;
struct doorbell_host;
struct error;
struct pci_func;
struct virtio_device;
struct virtio_pci;

enum { VIRTIO_PCI_BAR_MEM, VIRTIO_PCI_BAR_MSIX, VIRTIO_PCI_BAR_IO };

/* In BAR 0. */
#define VIRTIO_PCI_COMMON  0x0000u
#define VIRTIO_PCI_ISR     0x1000u
#define VIRTIO_PCI_DEVICE  0x2000u
#define VIRTIO_PCI_NOTIFY  0x3000u
#define VIRTIO_PCI_MEM_LEN 0x4000u
/* notify_off_multiplier: an address per queue. */
#define VIRTIO_PCI_NOTIFY_STRIDE 4u

struct virtio_pci_config {
	struct virtio_device *vdev;      /* must outlive the transport */
	struct doorbell_host *doorbells; /* NULL: none */
};

/* Machine-building thread. Attaches itself to the device. The function is then for the caller to
 * put on a bus (pci_bus_attach()); destroying the transport takes it off. -ENOMEM. */
int virtio_pci_create(const struct virtio_pci_config *c, struct virtio_pci **ret,
		      struct error **errp) __must_check;
struct device *virtio_pci_device(struct virtio_pci *p);
struct pci_func *virtio_pci_func(struct virtio_pci *p);

#endif
