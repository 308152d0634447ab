/* SPDX-License-Identifier: MIT */
/*
 * chardev.h: a byte stream between a device (serial port, debug console, virtio port) and something
 * on the host.
 *
 * Output goes one of two ways. A device that cannot wait, as a vCPU stands behind it, write()s: all
 * of it is taken, and what a stuck reader leaves no room for is lost. One that can, as a virtio
 * port leaves the guest's buffers where they are, offer()s: what is taken arrives, and the rest is
 * taken later. A stream is fed one way or the other.
 */
#ifndef VMM_CHARDEV_H
#define VMM_CHARDEV_H

#include "vmm/base.h"

struct chardev;

/* The device's end. Called on the I/O loop, no lock held. */
struct chardev_client {
	size_t (*room)(void *dev); /* bytes receive() will take now */
	void (*receive)(void *dev, const uint8_t *buf, size_t len); /* len <= room() */
	void (*brk)(void *dev); /* a break condition; may be NULL */
	/*
	 * offer() took less than all, and would take more now. Any thread, and any number of times:
	 * it wakes the device and does nothing else. NULL: the device does not offer().
	 */
	void (*output_ready)(void *dev);
	/* What connected() or window() say has changed. NULL: no interest. */
	void (*changed)(void *dev);
};

/* A terminal's size, in characters. */
struct chardev_window {
	uint16_t cols, rows;
};

#define CHARDEV_REST (8u * 1024 * 1024)

struct chardev_ops {
	/*
	 * Guest to host. Takes all of it and never blocks: what a stuck reader leaves no room for
	 * is dropped and counted by the host side. Any thread, device lock may be held.
	 */
	void (*write)(struct chardev *c, const uint8_t *buf, size_t len);
	/* room() grew from 0: the host side may go on reading. Any thread, device lock may be held;
	 * does not call back. */
	void (*room_changed)(struct chardev *c);

	/* The rest may be NULL; the functions below say what that means. */

	/*
	 * Guest to host, for a device that can wait. Takes as much as there is room for and returns
	 * how much that is; if it is less than @len, output_ready() comes when there is room again.
	 * What is taken is lost only if the reader goes away before reading it. Any thread.
	 */
	size_t (*offer)(struct chardev *c, const uint8_t *buf, size_t len);
	/*
	 * Is there somebody at the far end? While nobody is, offer() takes nothing. Each one who
	 * comes is told by changed(), and each one who goes: between two of them connected() is
	 * false for at least one changed(). On the I/O loop, or while it does not run.
	 */
	bool (*connected)(struct chardev *c);
	/* False: the far end is no terminal, or its size is unknown. Like connected(). */
	bool (*window)(struct chardev *c, struct chardev_window *ret);
	/*
	 * What a device has on its hands that will not offer() again, as its driver takes it back:
	 * there is room for CHARDEV_REST bytes beside what was offered, until they are read. Takes
	 * as much and returns how much; less than @len is lost and counted. Any thread.
	 */
	size_t (*offer_rest)(struct chardev *c, const uint8_t *buf, size_t len);
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

/* Without offer(): what takes everything at once takes it by write(). */
static inline size_t chardev_offer(struct chardev *c, const uint8_t *buf, size_t len)
{
	if (c->ops->offer)
		return c->ops->offer(c, buf, len);
	c->ops->write(c, buf, len);
	return len;
}

static inline bool chardev_connected(struct chardev *c)
{
	return !c->ops->connected || c->ops->connected(c);
}

static inline bool chardev_window(struct chardev *c, struct chardev_window *ret)
{
	return c->ops->window && c->ops->window(c, ret);
}

static inline size_t chardev_offer_rest(struct chardev *c, const uint8_t *buf, size_t len)
{
	return c->ops->offer_rest ? c->ops->offer_rest(c, buf, len) : chardev_offer(c, buf, len);
}

/* Somebody who holds the consoles of a machine that would else be on standard input and output. */
struct console_host {
	/* The far end of console @id ("serial0"), which is borrowed as long as the machine is
	 * there. NULL: there is no memory. */
	struct chardev *(*take)(struct console_host *h, const char *id);
};

/* Swallows output, gives no input. Static, never freed, has no client. */
extern struct chardev chardev_null;

#endif
