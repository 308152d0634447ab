/* SPDX-License-Identifier: MIT */
/*
 * device.h: what every emulated device is, and what an address range of one is.
 *
 * A chip's struct embeds a struct device as its first member and an array of io_regions that
 * device.regions points to. The chip sets each region's ops, name and len; the machine chooses the
 * bus and the base. The bus holds device.lock around region_ops unless DEV_SELF_LOCKED.
 */
#ifndef VMM_DEVICE_H
#define VMM_DEVICE_H

#include "vmm/base.h"
#include "vmm/lock.h"

struct device;
struct error;
struct io_region;
struct snap_desc;

struct region_ops {
	/*
	 * The access widths, in bytes, the handlers see. The bus splits wider accesses; a narrower
	 * read is cut out of an aligned min_size read, a narrower write is dropped and counted.
	 */
	uint8_t min_size, max_size;
	/* read() returns @size bytes and nothing above them. */
	uint64_t (*read)(struct io_region *r, uint32_t off, unsigned size);
	void (*write)(struct io_region *r, uint32_t off, unsigned size, uint64_t val);
};

struct io_region {
	const struct region_ops *ops;
	struct device *dev;
	const char *name;   /* "i8254 channels", for errors and traces */
	uint64_t base, len; /* base: set by bus_map() */
	unsigned index; /* which of its device's regions; free for the device to use in handlers */
};

#define DEV_SELF_LOCKED 1u

struct device_ops {
	const char *name; /* "i8254": trace, log and snapshot name */
	/* Power-on state; lock held; must not block. */
	void (*reset)(struct device *d);
	/* Begins to run: arms timers, attaches descriptors; NULL: nothing. */
	int (*start)(struct device *d, struct error **errp);
	/*
	 * On return no callback runs or is pending: timers are cancelled, descriptors detached. May
	 * come twice, and to a device that was never started. NULL: nothing. The loop exists. It
	 * does not run, unless it is an I/O thread's: then the device does this on that thread.
	 */
	void (*stop)(struct device *d);
	/*
	 * The process ends without taking the machine apart: removes what would outlive it, such as
	 * programs it has started and names of its sockets. After stop; destroy may follow all the
	 * same. NULL: there is nothing but memory and descriptors.
	 */
	void (*leave)(struct device *d);
	/* After stop. Frees, and uses nothing that was given to it: clock and wires may be gone.
	 * Accepts half-built devices and NULL. */
	void (*destroy)(struct device *d);
	const struct snap_desc *state; /* NULL only for stateless devices */
	unsigned flags;
};

struct device {
	const struct device_ops *ops;
	char id[24]; /* "serial0"; unique in a machine */
	struct mutex lock;
	struct io_region *regions; /* owned by the chip */
	unsigned region_cnt;
	struct device *next;    /* the machine's list */
	uint16_t number;        /* how many were in it before: its name in traces */
	uint64_t guest_errors;  /* what log_guest() counted */
	uint64_t log_window_ns; /* log_guest()'s rate limit */
	unsigned log_in_window;
};

/* Fills in a zeroed device: ops, id, lock, and region->dev and ->index for each region. */
void device_init(struct device *d, const struct device_ops *ops, const char *id,
		 struct io_region *regions, unsigned region_cnt);

/* ops->destroy of a chip that owns nothing but its struct, which begins with @d. */
void device_free(struct device *d);

/* Calls ops->reset under the lock. */
void device_reset(struct device *d);

static inline void device_lock(struct device *d) ACQUIRE(d->lock)
{
	mutex_lock(&d->lock);
}

static inline void device_unlock(struct device *d) RELEASE(d->lock)
{
	mutex_unlock(&d->lock);
}

/*
 * One access of a width that the region's ops declare, aligned and inside: calls the handler as the
 * device wants it called. For the bus, and for tests in its place.
 */
static inline uint64_t region_call_read(struct io_region *r, uint32_t off, unsigned size)
{
	struct device *d = r->dev;
	uint64_t v;

	if (d->ops->flags & DEV_SELF_LOCKED)
		return r->ops->read(r, off, size);
	device_lock(d);
	v = r->ops->read(r, off, size);
	device_unlock(d);
	return v;
}

static inline void region_call_write(struct io_region *r, uint32_t off, unsigned size, uint64_t v)
{
	struct device *d = r->dev;

	if (d->ops->flags & DEV_SELF_LOCKED) {
		r->ops->write(r, off, size, v);
		return;
	}
	device_lock(d);
	r->ops->write(r, off, size, v);
	device_unlock(d);
}

#endif
