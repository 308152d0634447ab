/* SPDX-License-Identifier: MIT */
/*
 * virtio_console.c: the virtio console and its ports, and where they lead.
 *
 * All of it is on one I/O thread: the device's queues, what is read for it on the host's side, and
 * who comes and goes there. A serial port's host side is on the main loop instead; the two meet
 * where both write to standard output, whose sink takes bytes from any thread.
 */
#include "devices/virtio/console.h"

#include "machine/machine_internal.h"
#include "vmm/error.h"

_Static_assert(CONFIG_PORTS == VIRTIO_CONSOLE_PORTS_MAX - 1, "port 0 is the console");

/* The console is watched for a panic as a serial port is. */
static int open_hvc(struct machine *m, struct virtio_console_params *p, struct error **errp)
{
	int r = machine_open_console(m, "hvc0", m->config->virtio.console, p->loop, false,
				     &m->hvc.host, errp);

	if (r < 0)
		return err_wrap(errp, "--console");
	p->console = p->emergency = m->hvc.host;
	if (m->config->end.panic_watch) {
		machine_watch_console(&m->hvc, m);
		p->console = &m->hvc.watch.in;
	}
	return 0;
}

static int open_ports(struct machine *m, struct virtio_console_port *port, struct loop *loop,
		      struct error **errp)
{
	const struct port_list *l = &m->config->virtio.ports;

	for (unsigned i = 0; i < l->cnt; i++) {
		if (machine_open_console(m, l->v[i].name, l->v[i].where, loop, true, &m->port[i],
					 errp) < 0)
			return err_wrap(errp, "--port %s", l->v[i].name);
		port[i] = (struct virtio_console_port){ .name = l->v[i].name, .chr = m->port[i] };
	}
	return 0;
}

int machine_add_virtio_console(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct virtio_console_port port[CONFIG_PORTS];
	struct virtio_console_params p = { .id = "console0",
					   .gm = m->gm,
					   .packed = c->board.packed,
					   .port = port,
					   .port_cnt = c->virtio.ports.cnt };
	int r = machine_iothread(m, IOTHREAD_SHARED, p.id, &p.loop, errp);

	if (r >= 0 && config_has_console(c))
		r = open_hvc(m, &p, errp);
	if (r >= 0)
		r = open_ports(m, port, p.loop, errp);
	if (r >= 0)
		r = virtio_console_create(&p, &m->vconsole, errp);
	return r < 0 ? r : machine_add_virtio(m, virtio_console_device(m->vconsole), errp);
}

int virtio_console_start(struct machine *m, struct error **errp)
{
	int r = m->hvc.host ? console_start(m->hvc.host, errp) : 0;

	for (unsigned i = 0; i < CONFIG_PORTS && r >= 0; i++)
		if (m->port[i])
			r = console_start(m->port[i], errp);
	return r;
}

void virtio_console_finish(struct machine *m)
{
	if (m->vconsole)
		virtio_console_pass_rest(m->vconsole);
}

uint64_t virtio_console_close(struct machine *m, unsigned patience_ms)
{
	uint64_t dropped, sum;

	m->hvc.host = console_close(m->hvc.host, patience_ms, &sum);
	for (unsigned i = 0; i < CONFIG_PORTS; i++) {
		m->port[i] = console_close(m->port[i], patience_ms, &dropped);
		sum += dropped;
	}
	return sum;
}
