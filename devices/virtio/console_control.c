/* SPDX-License-Identifier: MIT */
/*
 * console_control.c: the messages about ports (virtio 1.2, 5.3.6.2), with F_MULTIPORT.
 *
 *	driver                        device
 *	DEVICE_READY 1        ->
 *	                      <-      DEVICE_ADD, for each port
 *	PORT_READY 1          ->
 *	                      <-      CONSOLE_PORT, RESIZE      if it is the console
 *	                      <-      PORT_NAME                 if it has one
 *	                      <-      PORT_OPEN 1, 0      somebody came to the host's end, or left
 *	PORT_OPEN 1, 0        ->                          somebody opened the guest's end, or closed
 *
 * There is no queue of messages to the driver: what to send next follows from what is so and what
 * the driver has been told. A guest that takes no messages thus costs no memory, and one that asks
 * for all of them again gets them again.
 */
#include <string.h>

#include "devices/virtio/console_internal.h"
#include "vmm/log.h"

/* Messages until others on the loop have their turn. */
#define TURN_MESSAGES 64u

struct message {
	struct virtio_console_control head;
	uint8_t body[VIRTIO_CONSOLE_NAME_MAX];
	size_t body_len;
};

/* --- to the driver ---------------------------------------------------------------------------- */

static bool message(struct message *m, const struct console_port *p, unsigned event, unsigned value,
		    const void *body, size_t body_len)
{
	m->head = (struct virtio_console_control){ .id = le32_make(p->id),
						   .event = le16_make((uint16_t)event),
						   .value = le16_make((uint16_t)value) };
	memcpy(m->body, body, body_len);
	m->body_len = body_len;
	return true;
}

static bool resize_message(struct message *m, struct console_port *p, uint32_t window)
{
	struct virtio_console_resize size = { .rows = le16_make((uint16_t)window),
					      .cols = le16_make((uint16_t)(window >> 16)) };

	p->told_window = window;
	return message(m, p, VIRTIO_CONSOLE_RESIZE, 0, &size, sizeof(size));
}

/* True: there is something to tell of @p, and now it counts as told. */
static bool next_message(struct console_port *p, struct message *m)
{
	uint32_t window = p->is_console ? atomic_load(&p->owner->window) : 0;

	if (!p->added) {
		p->added = true;
		return message(m, p, VIRTIO_CONSOLE_DEVICE_ADD, 1, "", 0);
	}
	if (!p->ready)
		return false;
	if (p->is_console && !p->told_console) {
		p->told_console = true;
		return message(m, p, VIRTIO_CONSOLE_CONSOLE_PORT, 1, "", 0);
	}
	if (window && window != p->told_window)
		return resize_message(m, p, window);
	if (p->name && !p->told_name) {
		p->told_name = true;
		return message(m, p, VIRTIO_CONSOLE_PORT_NAME, 1, p->name, strlen(p->name));
	}
	/* One who came after another had left is not the same one, which the guest may care about.
	 */
	if (p->told_open && (!p->connected || p->left)) {
		p->told_open = p->left = false;
		return message(m, p, VIRTIO_CONSOLE_PORT_OPEN, 0, "", 0);
	}
	if (!p->told_open && p->connected) {
		p->told_open = true;
		p->left = false;
		return message(m, p, VIRTIO_CONSOLE_PORT_OPEN, 1, "", 0);
	}
	return false;
}

/*
 * A buffer that is too short gets nothing, and its message is lost: the driver has been told of the
 * layout as we have. So each message takes one buffer, whatever the driver does.
 */
static void put_message(struct virtio_console *c, const struct message *m)
{
	bool fits = c->chain.w.left >= sizeof(m->head) + m->body_len;

	if (!fits || !vq_push(&c->chain, &m->head, sizeof(m->head)) ||
	    !vq_push(&c->chain, m->body, m->body_len))
		log_guest(&c->vdev.dev, "control message %u does not fit in the driver's buffer",
			  le16_get(m->head.event));
	vq_complete(&c->chain);
}

static bool take_buffer(struct virtio_console *c, struct virtq *vq)
{
	do {
		if (vq_pop(vq, &c->chain) == VQ_OK)
			return true;
	} while (vq_kicks_on(vq));
	return false;
}

/* False: there is more to tell of @p, and no buffer or no time left for it. */
static bool send_all(struct virtio_console *c, struct console_port *p, unsigned *budget)
{
	struct virtq *vq = c->vdev.queue[VIRTIO_CONSOLE_Q_CONTROL_RX].vq;
	struct console_port told = *p;
	struct message m;

	while (next_message(&told, &m)) {
		if (!*budget) {
			virtio_ring(&c->vdev, VIRTIO_CONSOLE_Q_CONTROL_RX);
			return false;
		}
		if (!take_buffer(c, vq))
			return false;
		put_message(c, &m);
		*p = told;
		--*budget;
	}
	return true;
}

void console_control_send(struct virtio_console *c)
{
	unsigned budget = TURN_MESSAGES;

	if (!c->vdev.active || !c->driver_ready || !console_is_multiport(c))
		return;
	vq_kicks_off(c->vdev.queue[VIRTIO_CONSOLE_Q_CONTROL_RX].vq);
	for (unsigned i = 0; i < c->port_cnt; i++)
		if (c->port[i].chr && !send_all(c, &c->port[i], &budget))
			break;
	virtio_notify(&c->vdev, VIRTIO_CONSOLE_Q_CONTROL_RX);
}

/* --- from the driver -------------------------------------------------------------------------- */

static void forget_port(struct console_port *p)
{
	p->told_console = p->told_name = p->told_open = p->left = false;
	p->told_window = 0;
}

static void on_device_ready(struct virtio_console *c, bool ready)
{
	console_control_forget(c);
	c->driver_ready = ready;
}

/* Asked again, answers again: a driver that was loaded anew has forgotten. */
static void on_port_ready(struct console_port *p, bool ready)
{
	p->ready = ready;
	if (!ready)
		p->guest_open = false;
	forget_port(p);
}

static void on_port_open(struct console_port *p, bool open)
{
	p->guest_open = open;
	if (open)
		console_port_opened(p);
}

static void handle(struct virtio_console *c, const struct virtio_console_control *m)
{
	uint32_t id = le32_get(m->id);
	unsigned event = le16_get(m->event), value = le16_get(m->value);
	struct console_port *p;

	/* The id of this one means nothing: Linux says VIRTIO_CONSOLE_BAD_ID. */
	if (event == VIRTIO_CONSOLE_DEVICE_READY) {
		on_device_ready(c, value);
		return;
	}
	p = console_find_port(c, id);
	if (!p)
		log_guest(&c->vdev.dev, "control message %u is for port %u, which is not there",
			  event, id);
	else if (event == VIRTIO_CONSOLE_PORT_READY)
		on_port_ready(p, value);
	else if (event == VIRTIO_CONSOLE_PORT_OPEN)
		on_port_open(p, value);
	else
		log_guest(&c->vdev.dev, "control message %u is not for a driver to send", event);
}

void console_control_receive(struct virtio_console *c)
{
	struct virtq *vq = c->vdev.queue[VIRTIO_CONSOLE_Q_CONTROL_TX].vq;
	unsigned budget = TURN_MESSAGES;

	if (!console_is_multiport(c))
		return;
	vq_kicks_off(vq);
	do {
		while (budget && vq_pop(vq, &c->chain) == VQ_OK) {
			struct virtio_console_control m;
			bool whole = vq_pull(&c->chain, &m, sizeof(m));

			budget--;
			vq_complete(&c->chain);
			if (whole)
				handle(c, &m);
			else
				log_guest(&c->vdev.dev, "a control message is too short");
		}
		virtio_notify(&c->vdev, VIRTIO_CONSOLE_Q_CONTROL_TX);
	} while (budget && vq_kicks_on(vq));
	if (!budget)
		virtio_ring(&c->vdev, VIRTIO_CONSOLE_Q_CONTROL_TX);
	console_control_send(c);
}

void console_control_forget(struct virtio_console *c)
{
	c->driver_ready = false;
	for (unsigned i = 0; i < c->port_cnt; i++) {
		struct console_port *p = &c->port[i];

		p->added = p->ready = p->guest_open = false;
		forget_port(p);
	}
}
