/* SPDX-License-Identifier: MIT */
/* console_internal.h: what console.c (streams) and console_control.c (messages) share. */
#ifndef DEVICES_VIRTIO_CONSOLE_INTERNAL_H
#define DEVICES_VIRTIO_CONSOLE_INTERNAL_H

#include "devices/virtio/console.h"
#include "virtio/console_wire.h"
#include "virtio/virtio.h"
#include "vmm/chardev.h"

/* On the loop, like all of it. */
struct console_port {
	struct virtio_console *owner;
	unsigned id;
	struct chardev *chr; /* NULL: there is no such port */
	char *name;          /* or NULL */
	bool is_console;
	bool connected; /* somebody is at the host's end */

	/* What the driver has been told, and has said. Without MULTIPORT: nothing. */
	bool added, ready, guest_open;
	bool told_console, told_name, told_open;
	bool left;            /* connected was false since told_open was set */
	uint32_t told_window; /* as in virtio_console.window; 0: nothing */

	/*
	 * The chain at the head of the transmit queue has been passed on up to here. It stays in
	 * the ring until it is passed on as a whole, so that none is outstanding between two
	 * events.
	 */
	uint64_t sent;
	bool discard; /* who got the first part of it has left: nobody gets the rest */
};

/* Of a port, in saved state: fields above. */
#define PORT_ADDED        0x01u
#define PORT_READY        0x02u
#define PORT_GUEST_OPEN   0x04u
#define PORT_TOLD_CONSOLE 0x08u
#define PORT_TOLD_NAME    0x10u
#define PORT_TOLD_OPEN    0x20u
#define PORT_LEFT         0x40u
#define PORT_DISCARD      0x80u

struct virtio_console {
	struct virtio_device vdev; /* first */
	struct chardev *emergency;
	unsigned port_cnt;       /* the highest port's number, plus 1 */
	bool driver_ready;       /* loop: DEVICE_READY has come */
	_Atomic bool was_reset;  /* what the driver has said is to be forgotten, by the loop */
	_Atomic uint32_t window; /* the console's size: cols << 16 | rows; 0: unknown */
	struct vq_chain chain;   /* loop: the one at work */
	struct console_port port[VIRTIO_CONSOLE_PORTS_MAX];

	/* For snapshots. */
	uint8_t saved_flags[VIRTIO_CONSOLE_PORTS_MAX];
	uint64_t saved_sent[VIRTIO_CONSOLE_PORTS_MAX];
};

static inline bool console_is_multiport(const struct virtio_console *c)
{
	return virtio_has(&c->vdev, VIRTIO_CONSOLE_F_MULTIPORT);
}

/* --- console.c -------------------------------------------------------------------------------- */

/* Port @id, or NULL where there is none. */
struct console_port *console_find_port(struct virtio_console *c, uint32_t id);
/* The driver takes input for @p now. */
void console_port_opened(struct console_port *p);

/* --- console_control.c ------------------------------------------------------------------------ */

/* Sends the driver what it does not know yet, as far as it has room for messages. */
void console_control_send(struct virtio_console *c);
/* Takes what the driver says. */
void console_control_receive(struct virtio_console *c);
/* The driver knows nothing, and has said nothing. */
void console_control_forget(struct virtio_console *c);

#endif
