/* SPDX-License-Identifier: MIT */
/*
 * console_guest.h: a virtio console with a thread of its own, what is at the host's end of each of
 * its ports, and the guest that drives it.
 *
 *	struct console_guest g;
 *	cg_begin(&g, 0);
 *	cg_send(&g, 1, "hello", 5); cg_assert_out(&g, 1, "hello");
 *	cg_post(&g, 1, 16); cg_feed(&g, 1, "typed", 5); cg_expect_input(&g, 1, "typed");
 *	cg_end(&g);
 */
#ifndef TESTS_CONSOLE_GUEST_H
#define TESTS_CONSOLE_GUEST_H

#include "devices/virtio/console.h"
#include "tests/lib/vdev_rig.h"
#include "vmm/chardev.h"

#define CG_MULTIPORT VIRTIO_CONSOLE_F_MULTIPORT
#define CG_CTRL_RX   VIRTIO_CONSOLE_Q_CONTROL_RX
#define CG_CTRL_TX   VIRTIO_CONSOLE_Q_CONTROL_TX
#define CG_PORTS     3u /* the console and two more, "alpha" and "" */

/* Touched on the loop only, or while the loop is known to be at rest. */
struct cg_host_end {
	struct chardev chr;
	uint8_t *out; /* what has come */
	size_t len, size;
	size_t room;       /* what offer() takes before it says no */
	size_t rest;       /* what offer_rest() takes */
	unsigned refusals; /* times it took less than all */
	bool gone;         /* nobody is there */
	struct chardev_window window;
	_Atomic unsigned room_changes;
	const uint8_t *in; /* what waits for the guest */
	size_t in_len;
};

struct console_guest {
	struct vdev_rig r;
	struct virtio_console *c;
	struct cg_host_end end[CG_PORTS];
};

/* Memory, a loop, and the host's ends: they take everything. */
void cg_prepare(struct console_guest *g);
/* A device on them: with the console or not, and with the first @ports of the other ports. */
struct virtio_device *cg_make(struct console_guest *g, bool console, unsigned ports);
/* All of it: a console and two ports, and a driver that has opened each of them. */
void cg_begin(struct console_guest *g, uint64_t features);
void cg_end(struct console_guest *g);
/* What hostile guests make the device say goes nowhere. */
void cg_quiet(void);

/* Queues of a port. */
unsigned cg_rx(unsigned port);
unsigned cg_tx(unsigned port);

/* --- messages --------------------------------------------------------------------------------- */

/* Adds a buffer for a message; adds @n of them, and kicks. */
void cg_post_message_buffer(struct console_guest *g, uint32_t len);
void cg_post_message_buffers(struct console_guest *g, unsigned n);
/* The next message from the device is this one. */
void cg_expect_msg(struct console_guest *g, uint32_t id, unsigned event, unsigned value);
void cg_expect_text(struct console_guest *g, uint32_t id, unsigned event, const void *text,
		    unsigned len);
void cg_expect_silence(struct console_guest *g);
/* A message to the device, which takes it. */
void cg_say(struct console_guest *g, uint32_t id, unsigned event, unsigned value);
void cg_say_raw(struct console_guest *g, const void *data, uint32_t len);

/* --- the guest's end of a port ---------------------------------------------------------------- */

void cg_send(struct console_guest *g, unsigned port, const void *data, uint32_t len);
/* A buffer for input, and where it is; what is in the next one that comes back. */
gpa_t cg_post(struct console_guest *g, unsigned port, uint32_t len);
void cg_expect_input(struct console_guest *g, unsigned port, const char *text);
/* Takes the used buffers of queue @q; returns how many. */
unsigned cg_used(struct console_guest *g, unsigned q);

/* --- the host's end --------------------------------------------------------------------------- */

/* For vr_on_loop(), with a struct cg_host_end: input that waits is delivered as far as there is
 * room; the device hears that something has changed. */
void cg_deliver(void *end);
void cg_changed(void *end);
/* Somebody types. */
void cg_feed(struct console_guest *g, unsigned port, const void *data, size_t len);
/* From now on there is room for @n bytes. */
void cg_more_room(struct console_guest *g, unsigned port, size_t n);
size_t cg_refusals(struct console_guest *g, unsigned port);
/* Somebody leaves, or comes. */
void cg_set_gone(struct console_guest *g, unsigned port, bool gone);
/* All that has come is @text. */
void cg_assert_out(struct console_guest *g, unsigned port, const char *text);

#endif
