/* SPDX-License-Identifier: MIT */
/* null.c: the serial cable that is not plugged in. */
#include "vmm/chardev.h"

static void null_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	(void)c;
	(void)buf;
	(void)len;
}

static const struct chardev_ops null_ops = { .write = null_write };

struct chardev chardev_null = { .ops = &null_ops };
