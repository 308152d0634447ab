/* SPDX-License-Identifier: MIT */
#include "tests/lib/port.h"

#include <assert.h>
#include <string.h>

static size_t room(void *dev)
{
	struct port *p = dev;
	size_t n;

	mutex_lock(&p->lock);
	n = sizeof(p->fifo) - p->fill;
	mutex_unlock(&p->lock);
	return n;
}

static void receive(void *dev, const uint8_t *buf, size_t len)
{
	struct port *p = dev;

	mutex_lock(&p->lock);
	assert(len && len <= sizeof(p->fifo) - p->fill);
	memcpy(p->fifo + p->fill, buf, len);
	p->fill += len;
	if (len > p->most)
		p->most = len;
	mutex_unlock(&p->lock);
}

static void take_break(void *dev)
{
	struct port *p = dev;

	mutex_lock(&p->lock);
	p->breaks++;
	mutex_unlock(&p->lock);
}

void port_attach(struct port *p, struct chardev *chr)
{
	static const struct chardev_client client = { .room = room,
						      .receive = receive,
						      .brk = take_break };

	*p = (struct port){ .chr = chr };
	mutex_init(&p->lock);
	chardev_attach(chr, &client, p);
}

size_t port_read(struct port *p, void *buf, size_t len)
{
	bool was_full;

	mutex_lock(&p->lock);
	was_full = p->fill == sizeof(p->fifo);
	len = min_u64(len, p->fill);
	memcpy(buf, p->fifo, len);
	p->fill -= len;
	memmove(p->fifo, p->fifo + len, p->fill);
	if (was_full && len)
		chardev_room_changed(p->chr);
	mutex_unlock(&p->lock);
	return len;
}

size_t port_read_all(struct port *p, void *buf, size_t len, unsigned ms)
{
	size_t done = 0;

	for (unsigned idle = 0; done < len && idle < ms;) {
		size_t n = port_read(p, (uint8_t *)buf + done, len - done);

		done += n;
		idle = n ? 0 : idle + 1;
		if (!n)
			usleep(1000);
	}
	return done;
}

size_t port_fill(struct port *p)
{
	size_t n;

	mutex_lock(&p->lock);
	n = p->fill;
	mutex_unlock(&p->lock);
	return n;
}

unsigned port_breaks(struct port *p)
{
	unsigned n;

	mutex_lock(&p->lock);
	n = p->breaks;
	mutex_unlock(&p->lock);
	return n;
}

size_t port_most(struct port *p)
{
	size_t n;

	mutex_lock(&p->lock);
	n = p->most;
	mutex_unlock(&p->lock);
	return n;
}
