/* SPDX-License-Identifier: MIT */
/* device.c: the part of a device that is the same for all of them. */
#include "vmm/device.h"

#include <stdio.h>
#include <string.h>

void device_init(struct device *d, const struct device_ops *ops, const char *id,
		 struct io_region *regions, unsigned region_cnt)
{
	d->ops = ops;
	snprintf(d->id, sizeof(d->id), "%s", id);
	mutex_init(&d->lock);
	d->regions = regions;
	d->region_cnt = region_cnt;
	for (unsigned i = 0; i < region_cnt; i++) {
		regions[i].dev = d;
		regions[i].index = i;
	}
}

void device_free(struct device *d)
{
	if (!d)
		return;
	mutex_destroy(&d->lock);
	free(d);
}

void device_reset(struct device *d)
{
	device_lock(d);
	if (d->ops->reset)
		d->ops->reset(d);
	device_unlock(d);
}
