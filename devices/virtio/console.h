/* SPDX-License-Identifier: MIT */
/*
 * console.h: virtio-console (virtio 1.2, 5.3): byte streams between guest and host. Port 0 is a
 * console (hvc0 in Linux); ports from 1 on are streams with names (/dev/virtio-ports/NAME).
 *
 * What the guest writes to the console is never waited for, as its kernel would spin with
 * interrupts off until its line is taken (Linux: put_chars()): a reader who does not read loses
 * output, as on a serial port. What it writes to another port waits in the guest's own buffers
 * until there is room, and nothing is lost.
 */
#ifndef DEVICES_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_CONSOLE_H

#include "vmm/base.h"

struct chardev;
struct error;
struct guest_mem;
struct loop;
struct virtio_console;
struct virtio_device;

/* Ports, the console included: two queues each and two for control make VIRTIO_QUEUES_MAX. */
#define VIRTIO_CONSOLE_PORTS_MAX 31u
#define VIRTIO_CONSOLE_NAME_MAX  63u

struct virtio_console_port {
	const char *name; /* NULL: none; at most VIRTIO_CONSOLE_NAME_MAX bytes; copied */
	struct chardev *chr;
};

struct virtio_console_params {
	const char *id; /* copied */
	struct guest_mem *gm;
	/*
	 * Any that is not the main one (virtio.h); may be shared. Input, changed(), connected() and
	 * window() of all chardevs are on this loop too, so that a port is one thread's.
	 */
	struct loop *loop;
	bool packed;
	struct chardev *console; /* port 0; NULL: there is none */
	/* Where single characters of a guest that has no driver yet go (F_EMERG_WRITE), on its
	 * vCPU's thread; NULL: nowhere. */
	struct chardev *emergency;
	const struct virtio_console_port *port; /* ports 1 to port_cnt */
	unsigned port_cnt;                      /* at most VIRTIO_CONSOLE_PORTS_MAX - 1 */
};

/* Machine-building thread. Attaches to the chardevs, which outlive the device. -ENOMEM, or what
 * eventfds cost. */
int virtio_console_create(const struct virtio_console_params *p, struct virtio_console **ret,
			  struct error **errp) __must_check;
struct virtio_device *virtio_console_device(struct virtio_console *c);

/*
 * The guest has ended, and the device will be stopped: what the guest has written to ports and
 * nobody has taken yet goes to the chardevs, as on a reset by the driver. Control thread, once no
 * vCPU runs.
 */
void virtio_console_pass_rest(struct virtio_console *c);

#endif
