/* SPDX-License-Identifier: MIT */
#include "tests/lib/port.h"

#include <assert.h>
#include <string.h>
#include <time.h>

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
	pthread_cond_signal(&p->came);
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
	pthread_cond_init(&p->came, NULL);
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

/* False if nothing has come within @ms. */
static bool wait_for_input(struct port *p, unsigned ms)
{
	struct timespec until;
	bool some;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	mutex_lock(&p->lock);
	while (!p->fill &&
	       !pthread_cond_clockwait(&p->came, &p->lock.pthread, CLOCK_MONOTONIC, &until))
		;
	some = p->fill;
	mutex_unlock(&p->lock);
	return some;
}

size_t port_read_all(struct port *p, void *buf, size_t len, unsigned ms)
{
	size_t done = 0;

	while (done < len && wait_for_input(p, ms))
		done += port_read(p, (uint8_t *)buf + done, len - done);
	return done;
}

static size_t look(struct port *p, const size_t *field)
{
	size_t n;

	mutex_lock(&p->lock);
	n = *field;
	mutex_unlock(&p->lock);
	return n;
}

size_t port_fill(struct port *p)
{
	return look(p, &p->fill);
}

size_t port_breaks(struct port *p)
{
	return look(p, &p->breaks);
}

size_t port_most(struct port *p)
{
	return look(p, &p->most);
}
