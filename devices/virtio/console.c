/* SPDX-License-Identifier: MIT */
/*
 * console.c: virtio-console (virtio 1.2, 5.3), the streams.
 *
 *	queue 0, 1            receiveq, transmitq of port 0
 *	queue 2, 3            control, to and from the driver (console_control.c)
 *	queue 2 + 2n, 3 + 2n  receiveq, transmitq of port n from 1 on
 *
 * No chain is outstanding between two events. Input is asked for by a reader of the host's side
 * (chardev_client.room) and put into the chain at the head of the receive queue; output is taken
 * off the chain at the head of the transmit queue, which stays there until all of it is taken. So
 * there is nothing to wait for on a reset, and nothing of a guest's in a snapshot but how far a
 * chain is.
 *
 * MULTIPORT is offered even if there is a console and nothing else. A driver that has it says when
 * a port is open; Linux without it throws away what comes before its console is set up, which is
 * what a script has typed ahead.
 */
#include "devices/virtio/console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/console_internal.h"
#include "vmm/error.h"
#include "vmm/log.h"

#define QUEUE_SIZE 64u
/* What one port may pass on until others on the loop have their turn. */
#define TURN_BYTES  (256u * 1024)
#define TURN_CHAINS 256u

static struct virtio_console *to_console(struct virtio_device *v)
{
	return container_of(v, struct virtio_console, vdev);
}

static unsigned rx_index(const struct console_port *p)
{
	return p->id ? 2 + 2 * p->id : 0;
}

static unsigned tx_index(const struct console_port *p)
{
	return rx_index(p) + 1;
}

static struct virtq *rx_queue(const struct console_port *p)
{
	return p->owner->vdev.queue[rx_index(p)].vq;
}

static struct virtq *tx_queue(const struct console_port *p)
{
	return p->owner->vdev.queue[tx_index(p)].vq;
}

struct console_port *console_find_port(struct virtio_console *c, uint32_t id)
{
	return id < c->port_cnt && c->port[id].chr ? &c->port[id] : NULL;
}

/* --- host to guest ---------------------------------------------------------------------------- */

/* 5.3.6: a driver throws away what comes for a port that nobody has open. */
static bool takes_input(const struct console_port *p)
{
	if (!p->owner->vdev.active)
		return false;
	return console_is_multiport(p->owner) ? p->guest_open : p->id == 0;
}

/*
 * Pops the next chain with room in it; one without is done at once. At most @budget of those, as
 * the guest may bring them as fast as they go.
 */
static bool pop_room(struct console_port *p, struct vq_chain *chain, unsigned budget)
{
	struct virtq *vq = rx_queue(p);
	bool notify = false, found = false;

	do {
		while (!found && budget && vq_pop(vq, chain) == VQ_OK) {
			found = chain->w.left;
			if (found)
				break;
			vq_complete(chain);
			notify = true;
			budget--;
		}
	} while (!found && budget && vq_kicks_on(vq));
	if (notify)
		virtio_notify(&p->owner->vdev, rx_index(p));
	if (!found && !budget)
		virtio_ring(&p->owner->vdev, rx_index(p));
	return found;
}

/* chardev_client.room */
static size_t port_room(void *dev)
{
	struct console_port *p = dev;
	struct vq_chain *chain = &p->owner->chain;
	size_t n;

	if (!takes_input(p))
		return 0;
	vq_kicks_off(rx_queue(p));
	if (!pop_room(p, chain, TURN_CHAINS))
		return 0;
	n = chain->w.left;
	vq_unpop(chain);
	return n;
}

/*
 * chardev_client.receive. One chain has room for it, unless the guest has changed it under us: then
 * as many as it takes, and what there is no room for is lost by the guest's own doing.
 */
static void port_receive(void *dev, const uint8_t *buf, size_t len)
{
	struct console_port *p = dev;
	struct vq_chain *chain = &p->owner->chain;

	while (len && takes_input(p) && pop_room(p, chain, TURN_CHAINS)) {
		size_t n = min_u64(len, chain->w.left);

		if (!vq_push(chain, buf, n))
			n = len;
		vq_complete(chain);
		buf += n;
		len -= n;
	}
	if (len)
		log_guest(&p->owner->vdev.dev, "port %u took its buffers back", p->id);
	virtio_notify(&p->owner->vdev, rx_index(p));
}

void console_port_opened(struct console_port *p)
{
	chardev_room_changed(p->chr);
}

/* --- guest to host ---------------------------------------------------------------------------- */

static size_t pass_on(struct console_port *p, const uint8_t *buf, size_t len)
{
	if (!p->is_console)
		return chardev_offer(p->chr, buf, len);
	chardev_write(p->chr, buf, len);
	return len;
}

/* Passes on the next *budget bytes of the chain at most. True: all of it has been taken. */
static bool send(struct console_port *p, struct vq_chain *chain, size_t *budget)
{
	const struct iovec *iov;
	unsigned cnt;

	if (!p->chr || p->discard)
		return true;
	/* The driver may have made it shorter since the last time: then this is all of it. */
	if (p->sent)
		vq_window(chain, &chain->r, p->sent, &iov, &cnt);
	while (*budget && vq_window(chain, &chain->r, *budget, &iov, &cnt)) {
		for (unsigned i = 0; i < cnt; i++) {
			size_t n = pass_on(p, iov[i].iov_base, iov[i].iov_len);

			p->sent += n;
			*budget -= n;
			if (n < iov[i].iov_len)
				return false;
		}
	}
	return !chain->r.left;
}

/* False: there may be more, but nobody takes it now, or *budget is used up. */
static bool send_all(struct console_port *p, size_t *budget)
{
	struct vq_chain *chain = &p->owner->chain;
	struct virtq *vq = tx_queue(p);

	for (unsigned n = 0; n < TURN_CHAINS; n++) {
		if (vq_pop(vq, chain) != VQ_OK)
			return true;
		if (!send(p, chain, budget)) {
			vq_unpop(chain);
			return false;
		}
		vq_complete(chain);
		p->sent = 0;
		p->discard = false;
	}
	*budget = 0;
	return false;
}

static void pump_output(struct console_port *p)
{
	struct virtq *vq = tx_queue(p);
	size_t budget = TURN_BYTES;
	bool empty;

	vq_kicks_off(vq);
	do {
		empty = send_all(p, &budget);
		virtio_notify(&p->owner->vdev, tx_index(p));
	} while (empty && vq_kicks_on(vq));
	/* Without budget left there may be room for more, and nobody will tell. */
	if (!empty && !budget)
		virtio_ring(&p->owner->vdev, tx_index(p));
}

/* chardev_client.output_ready: any thread. */
static void port_output_ready(void *dev)
{
	struct console_port *p = dev;

	virtio_ring(&p->owner->vdev, tx_index(p));
}

/*
 * The driver goes, and what it has written to the port and nobody has taken yet would go with it:
 * Linux, for one, resets its devices on its way to a power-off, and a program there cannot wait for
 * its bytes to be read. So they are moved to where they outlive the driver. As many chains as a
 * ring has, as the guest may still add more.
 */
static void pass_rest(struct console_port *p)
{
	struct vq_chain *chain = &p->owner->chain;
	struct virtq *vq = tx_queue(p);
	const struct iovec *iov;
	bool room = true;
	unsigned cnt;

	for (unsigned n = 0; n < QUEUE_SIZE && room && vq_pop(vq, chain) == VQ_OK; n++) {
		if (p->sent)
			vq_window(chain, &chain->r, p->sent, &iov, &cnt);
		p->sent = 0;
		vq_window(chain, &chain->r, CHARDEV_REST, &iov, &cnt);
		for (unsigned i = 0; i < cnt && !p->discard && room; i++)
			room = chardev_offer_rest(p->chr, iov[i].iov_base, iov[i].iov_len) ==
			       iov[i].iov_len;
		p->discard = false;
		vq_complete(chain);
	}
}

/* virtio_ops.last_look */
static void console_last_look(struct virtio_device *v)
{
	struct virtio_console *c = to_console(v);

	for (unsigned i = 0; i < c->port_cnt; i++)
		if (c->port[i].chr && !c->port[i].is_console)
			pass_rest(&c->port[i]);
}

static void last_look(void *arg)
{
	struct virtio_console *c = arg;

	if (c->vdev.active)
		console_last_look(&c->vdev);
}

void virtio_console_pass_rest(struct virtio_console *c)
{
	virtio_run_on_loop(&c->vdev, last_look, c);
}

/* --- the host's end --------------------------------------------------------------------------- */

static uint32_t look_at_window(const struct console_port *p)
{
	struct chardev_window w;

	if (!p->is_console || !chardev_window(p->chr, &w))
		return 0;
	return (uint32_t)w.cols << 16 | w.rows;
}

/* Notes who is at the host's end and how large his window is. */
static void look(struct console_port *p)
{
	/* The console is one as a serial cable is: nobody asks whether somebody looks. */
	bool connected = p->is_console || chardev_connected(p->chr);
	uint32_t window = look_at_window(p);

	if (p->connected && !connected) {
		p->left = p->told_open;
		p->discard = p->sent != 0;
	}
	p->connected = connected;
	/* Until the device runs a vCPU may be writing what virtio_has() reads. */
	if (window && atomic_exchange(&p->owner->window, window) != window &&
	    p->owner->vdev.active && virtio_has(&p->owner->vdev, VIRTIO_CONSOLE_F_SIZE))
		virtio_config_changed(&p->owner->vdev);
}

/* chardev_client.changed */
static void port_changed(void *dev)
{
	struct console_port *p = dev;

	look(p);
	console_control_send(p->owner);
	if (p->owner->vdev.active)
		pump_output(p);
}

static const struct chardev_client port_client = {
	.room = port_room,
	.receive = port_receive,
	.output_ready = port_output_ready,
	.changed = port_changed,
};

/* --- virtio_ops ------------------------------------------------------------------------------- */

static void console_get_config(struct virtio_device *v, void *buf)
{
	struct virtio_console *c = to_console(v);
	uint32_t window = atomic_load(&c->window);
	struct virtio_console_config config = {
		.cols = le16_make((uint16_t)(window >> 16)),
		.rows = le16_make((uint16_t)window),
		.max_nr_ports = le32_make(c->port_cnt),
	};

	memcpy(buf, &config, sizeof(config));
}

/* 5.3.4: a driver may write emerg_wr at any time, "even before" it has negotiated anything. */
static void console_set_config(struct virtio_device *v, unsigned off, unsigned size, uint64_t val)
{
	struct virtio_console *c = to_console(v);
	uint8_t byte = (uint8_t)val;

	(void)size;
	if (off == offsetof(struct virtio_console_config, emerg_wr) && c->emergency)
		chardev_write(c->emergency, &byte, 1);
}

static struct console_port *port_of_queue(struct virtio_console *c, unsigned q)
{
	return &c->port[q < 2 ? 0 : q / 2 - 1];
}

static void console_kick(struct virtio_device *v, unsigned q)
{
	struct virtio_console *c = to_console(v);
	struct console_port *p = port_of_queue(c, q);

	if (q == VIRTIO_CONSOLE_Q_CONTROL_RX)
		console_control_send(c);
	else if (q == VIRTIO_CONSOLE_Q_CONTROL_TX)
		console_control_receive(c);
	else if (q % 2)
		pump_output(p);
	else if (p->chr)
		chardev_room_changed(p->chr);
}

/* What an earlier driver has said and been told does not hold any more. */
static void forget_driver(struct virtio_console *c)
{
	if (!atomic_exchange(&c->was_reset, false))
		return;
	console_control_forget(c);
	for (unsigned i = 0; i < c->port_cnt; i++) {
		c->port[i].sent = 0;
		c->port[i].discard = false;
	}
}

static void console_activate(struct virtio_device *v)
{
	struct virtio_console *c = to_console(v);

	forget_driver(c);
	for (unsigned i = 0; i < c->port_cnt; i++)
		if (c->port[i].chr)
			look(&c->port[i]);
}

/* A ring that is set up anew begins with another chain. */
static void console_quiesce(struct virtio_device *v, unsigned q)
{
	struct virtio_console *c = to_console(v);
	struct console_port *p;

	if (q == VIRTIO_ALL_QUEUES || !(q % 2) || q == VIRTIO_CONSOLE_Q_CONTROL_TX)
		return;
	p = port_of_queue(c, q);
	p->sent = 0;
	p->discard = false;
}

/*
 * On the control side, while the host's ends of the ports live on on the loop. So that looks at it
 * when it matters again.
 */
static void console_reset(struct virtio_device *v)
{
	atomic_store(&to_console(v)->was_reset, true);
}

static const struct virtio_ops console_virtio_ops = {
	.name = "virtio-console",
	.device_type = VIRTIO_ID_CONSOLE,
	.get_config = console_get_config,
	.set_config = console_set_config,
	.reset = console_reset,
	.activate = console_activate,
	.kick = console_kick,
	.last_look = console_last_look,
	.quiesce = console_quiesce,
};

/* --- saved state ------------------------------------------------------------------------------ */

static uint8_t pack_flags(const struct console_port *p)
{
	return (uint8_t)((p->added ? PORT_ADDED : 0) | (p->ready ? PORT_READY : 0) |
			 (p->guest_open ? PORT_GUEST_OPEN : 0) |
			 (p->told_console ? PORT_TOLD_CONSOLE : 0) |
			 (p->told_name ? PORT_TOLD_NAME : 0) | (p->told_open ? PORT_TOLD_OPEN : 0) |
			 (p->left ? PORT_LEFT : 0) | (p->discard ? PORT_DISCARD : 0));
}

static void unpack_flags(struct console_port *p, unsigned flags)
{
	p->added = flags & PORT_ADDED;
	p->ready = flags & PORT_READY;
	p->guest_open = flags & PORT_GUEST_OPEN;
	p->told_console = flags & PORT_TOLD_CONSOLE;
	p->told_name = flags & PORT_TOLD_NAME;
	p->told_open = flags & PORT_TOLD_OPEN;
	p->left = flags & PORT_LEFT;
	p->discard = flags & PORT_DISCARD;
	p->told_window = 0; /* told again: it is another terminal now */
}

static void pre_save(void *s)
{
	struct virtio_console *c = s;

	virtio_pre_save(&c->vdev);
	forget_driver(c);
	for (unsigned i = 0; i < VIRTIO_CONSOLE_PORTS_MAX; i++) {
		c->saved_flags[i] = pack_flags(&c->port[i]);
		c->saved_sent[i] = c->port[i].sent;
	}
}

static int post_load(void *s, unsigned version, struct error **errp)
{
	struct virtio_console *c = s;

	(void)version;
	atomic_store(&c->was_reset, false);
	for (unsigned i = 0; i < VIRTIO_CONSOLE_PORTS_MAX; i++) {
		if (!console_find_port(c, i) && (c->saved_flags[i] || c->saved_sent[i]))
			return err_set(errp, EINVAL,
				       "the snapshot has a console port %u, this machine has not",
				       i);
		unpack_flags(&c->port[i], c->saved_flags[i]);
		c->port[i].sent = c->saved_sent[i];
	}
	return virtio_post_load(&c->vdev, errp);
}

static const struct snap_field console_fields[] = {
	VIRTIO_SNAP(struct virtio_console, vdev.saved),
	SNAP(struct virtio_console, driver_ready, 1),
	SNAP_ARR(struct virtio_console, saved_flags, 1),
	SNAP_ARR(struct virtio_console, saved_sent, 1),
};

static const struct snap_desc console_state = {
	.version = 1,
	.min_version = 1,
	.f = console_fields,
	.n = ARRAY_LEN(console_fields),
	.pre_save = pre_save,
	.post_load = post_load,
};

/* --- life ------------------------------------------------------------------------------------- */

static void console_destroy(struct device *d)
{
	struct virtio_console *c = d ? container_of(d, struct virtio_console, vdev.dev) : NULL;

	if (!c)
		return;
	for (unsigned i = 0; i < VIRTIO_CONSOLE_PORTS_MAX; i++)
		free(c->port[i].name);
	virtio_fini(&c->vdev);
	free(c);
}

static const struct device_ops console_dev_ops = {
	.name = "virtio-console",
	.reset = virtio_dev_reset,
	.start = virtio_dev_start,
	.stop = virtio_dev_stop,
	.destroy = console_destroy,
	.state = &console_state,
};

static int add_port(struct virtio_console *c, unsigned id, struct chardev *chr, const char *name)
{
	struct console_port *p = &c->port[id];

	p->chr = chr;
	p->is_console = id == 0;
	if (name) {
		p->name = strndup(name, VIRTIO_CONSOLE_NAME_MAX);
		if (!p->name)
			return -ENOMEM;
	}
	if (chr != &chardev_null)
		chardev_attach(chr, &port_client, p);
	look(p);
	return 0;
}

static int add_ports(struct virtio_console *c, const struct virtio_console_params *p)
{
	int r = 0;

	c->port_cnt = p->port_cnt + 1;
	for (unsigned i = 0; i < VIRTIO_CONSOLE_PORTS_MAX; i++) {
		c->port[i].owner = c;
		c->port[i].id = i;
	}
	if (p->console)
		r = add_port(c, 0, p->console, NULL);
	for (unsigned i = 0; i < p->port_cnt && r >= 0; i++)
		r = add_port(c, i + 1, p->port[i].chr, p->port[i].name);
	return r;
}

static uint64_t features(const struct virtio_console *c)
{
	return VIRTIO_CONSOLE_F_MULTIPORT | (atomic_load(&c->window) ? VIRTIO_CONSOLE_F_SIZE : 0) |
	       (c->emergency ? VIRTIO_CONSOLE_F_EMERG_WRITE : 0);
}

int virtio_console_create(const struct virtio_console_params *p, struct virtio_console **ret,
			  struct error **errp)
{
	uint16_t sizes[2 + 2 * VIRTIO_CONSOLE_PORTS_MAX];
	struct virtio_config config = {
		.id = p->id,
		.gm = p->gm,
		.loop = p->loop,
		.packed = p->packed,
		.config_len = sizeof(struct virtio_console_config),
		.queue_sizes = sizes,
		.queue_cnt = 4 + 2 * p->port_cnt,
	};
	struct virtio_console *c = calloc(1, sizeof(*c));
	int r;

	_Static_assert(ARRAY_LEN(sizes) <= VIRTIO_QUEUES_MAX, "two per port, and control");
	if (!c)
		return err_errno(errp, ENOMEM, "creating console '%s'", p->id);
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
		sizes[i] = QUEUE_SIZE;
	c->emergency = p->emergency;
	r = add_ports(c, p);
	if (r < 0)
		err_errno(errp, -r, "creating console '%s'", p->id);
	config.features = features(c);
	if (r >= 0)
		r = virtio_init(&c->vdev, &console_virtio_ops, &console_dev_ops, &config, errp);
	if (r < 0) {
		console_destroy(&c->vdev.dev);
		return r;
	}
	*ret = c;
	return 0;
}

struct virtio_device *virtio_console_device(struct virtio_console *c)
{
	return &c->vdev;
}
