/* SPDX-License-Identifier: MIT */
/* msi_pins.c: a sink with irqfds. */
#include "tests/lib/msi_pins.h"

#include <errno.h>
#include <sys/eventfd.h>

#define FIRST 24u

static struct msi_pins *the_pins; /* a sink does not know the rig's other parts */

static int pin_alloc(struct msi_sink *s)
{
	struct msi_pins *p = the_pins;
	int r = -ENOSPC;

	(void)s;
	mutex_lock(&p->lock);
	for (unsigned i = 0; i < ARRAY_LEN(p->pin) && r < 0; i++) {
		if (p->pin[i].used)
			continue;
		p->pin[i].used = p->pin[i].masked = true;
		p->pin[i].fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		r = (int)(FIRST + i);
	}
	mutex_unlock(&p->lock);
	return r;
}

static void pin_free(struct msi_sink *s, unsigned pin)
{
	(void)s;
	mutex_lock(&the_pins->lock);
	close(the_pins->pin[pin - FIRST].fd);
	the_pins->pin[pin - FIRST].used = false;
	mutex_unlock(&the_pins->lock);
}

static int pin_fd(struct msi_sink *s, unsigned pin)
{
	int fd;

	(void)s;
	mutex_lock(&the_pins->lock);
	fd = the_pins->pin[pin - FIRST].fd;
	mutex_unlock(&the_pins->lock);
	return fd;
}

static void pin_route(struct msi_sink *s, unsigned pin, const struct msi_msg *m, bool masked)
{
	(void)s;
	mutex_lock(&the_pins->lock);
	the_pins->pin[pin - FIRST].data = m->data;
	the_pins->pin[pin - FIRST].masked = masked;
	mutex_unlock(&the_pins->lock);
}

static bool pin_pending(struct msi_sink *s, unsigned pin)
{
	(void)s;
	(void)pin;
	return false;
}

void msi_pins_init(struct msi_pins *p, struct virtio_rig *g)
{
	*p = (struct msi_pins){ 0 };
	mutex_init(&p->lock);
	the_pins = p;
	if (g->kind != VRIG_PCI)
		return;
	p->ops = *g->pci.msi.sink.ops;
	p->ops.pin_alloc = pin_alloc;
	p->ops.pin_free = pin_free;
	p->ops.trigger_fd = pin_fd;
	p->ops.route = pin_route;
	p->ops.pin_pending = pin_pending;
	g->pci.msi.sink.ops = &p->ops;
}

unsigned msi_pins_signals(struct msi_pins *p, unsigned vector)
{
	uint64_t n, sum = 0;

	mutex_lock(&p->lock);
	for (unsigned i = 0; i < ARRAY_LEN(p->pin); i++)
		if (p->pin[i].used && !p->pin[i].masked && p->pin[i].data == vector &&
		    read(p->pin[i].fd, &n, sizeof(n)) == sizeof(n))
			sum += n;
	mutex_unlock(&p->lock);
	return (unsigned)sum;
}
