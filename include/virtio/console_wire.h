/* SPDX-License-Identifier: MIT */
/* console_wire.h: the layouts of virtio-console (virtio 1.2, 5.3). */
#ifndef VIRTIO_CONSOLE_WIRE_H
#define VIRTIO_CONSOLE_WIRE_H

#include "vmm/endian.h"

/* 5.3.3 */
#define VIRTIO_CONSOLE_F_SIZE        (UINT64_C(1) << 0)
#define VIRTIO_CONSOLE_F_MULTIPORT   (UINT64_C(1) << 1)
#define VIRTIO_CONSOLE_F_EMERG_WRITE (UINT64_C(1) << 2)

/* 5.3.2: port 0 has queues 0 and 1; port n from 1 on has 2 + 2n and 3 + 2n. */
#define VIRTIO_CONSOLE_Q_CONTROL_RX 2u /* to the driver */
#define VIRTIO_CONSOLE_Q_CONTROL_TX 3u

/* 5.3.4 */
struct virtio_console_config {
	le16 cols, rows;   /* F_SIZE */
	le32 max_nr_ports; /* F_MULTIPORT */
	le32 emerg_wr;     /* F_EMERG_WRITE */
};
_Static_assert(sizeof(struct virtio_console_config) == 12, "5.3.4");
_Static_assert(offsetof(struct virtio_console_config, emerg_wr) == 8, "5.3.4");

/* 5.3.6.2 */
enum virtio_console_event {
	VIRTIO_CONSOLE_DEVICE_READY = 0, /* from the driver */
	VIRTIO_CONSOLE_DEVICE_ADD = 1,
	VIRTIO_CONSOLE_DEVICE_REMOVE = 2,
	VIRTIO_CONSOLE_PORT_READY = 3, /* from the driver */
	VIRTIO_CONSOLE_CONSOLE_PORT = 4,
	VIRTIO_CONSOLE_RESIZE = 5,    /* a struct virtio_console_resize follows */
	VIRTIO_CONSOLE_PORT_OPEN = 6, /* both ways */
	VIRTIO_CONSOLE_PORT_NAME = 7, /* the name follows, without a NUL */
};

struct virtio_console_control {
	le32 id; /* of the port */
	le16 event, value;
};
_Static_assert(sizeof(struct virtio_console_control) == 8, "5.3.6.2");

/*
 * The specification has cols first. Linux has read rows first since 2010 (drivers/char/
 * virtio_console.c, handle_control_message()), but for a few releases of 2025 that followed the
 * text and were taken back, and so do QEMU and whoever else was tried against it. What drivers do
 * counts.
 */
struct virtio_console_resize {
	le16 rows, cols;
};
_Static_assert(sizeof(struct virtio_console_resize) == 4, "5.3.6.2");

#endif
