/* SPDX-License-Identifier: MIT */
/* chardev.h: a byte stream between a device (serial port, debug console)
 * and something on the host. */
#ifndef VMM_CHARDEV_H
#define VMM_CHARDEV_H

#include "vmm/base.h"

struct chardev;

/* The device's end. Called on the I/O loop, no lock held. */
struct chardev_client {
	size_t (*room)(void *dev); /* bytes receive() will take now */
	void (*receive)(void *dev, const uint8_t *buf, size_t len); /* len <= room() */
	void (*brk)(void *dev); /* a break condition; may be NULL */
};

struct chardev_ops {
	/*
	 * Guest to host. Takes all of it and never blocks: what a stuck reader leaves no room for
	 * is dropped and counted by the host side. Any thread, device lock may be held.
	 */
	void (*write)(struct chardev *c, const uint8_t *buf, size_t len);
	/* room() grew from 0: the host side may go on reading. Any thread, device lock may be held;
	 * does not call back. */
	void (*room_changed)(struct chardev *c);
};

struct chardev {
	const struct chardev_ops *ops;
	const struct chardev_client *client; /* NULL until chardev_attach() */
	void *client_dev;
};

static inline void chardev_attach(struct chardev *c, const struct chardev_client *client, void *dev)
{
	c->client_dev = dev;
	c->client = client;
}

static inline void chardev_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	c->ops->write(c, buf, len);
}

static inline void chardev_room_changed(struct chardev *c)
{
	if (c->ops->room_changed)
		c->ops->room_changed(c);
}

/* Swallows output, gives no input. Static, never freed, has no client. */
extern struct chardev chardev_null;

#endif
