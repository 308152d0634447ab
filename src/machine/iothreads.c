/* SPDX-License-Identifier: MIT */
/*
 * iothreads.c: threads for devices whose vCPU may have to wait for their loop (a disk's reset
 * drains it), so that it must not be the main thread's. Loops exist from the building of the
 * machine to its end; their threads run between the start of the devices and their stop.
 */
#include <errno.h>
#include <string.h>

#include "machine/machine_internal.h"
#include "vmm/error.h"

struct iothread {
	struct loop *loop;
	char *name; /* NULL: its device's alone */
	struct iothread *next;
};

static struct iothread *find(struct machine *m, const char *name)
{
	for (struct iothread *t = m->iothreads; name && t; t = t->next) {
		if (t->name && !strcmp(t->name, name))
			return t;
	}
	return NULL;
}

static struct iothread *create(const char *name, const char *dev_id, struct error **errp)
{
	struct iothread *t = calloc(1, sizeof(*t));

	if (t && name)
		t->name = strdup(name);
	if (!t || (name && !t->name)) {
		err_errno(errp, ENOMEM, "creating an I/O thread for '%s'", dev_id);
		free(t);
		return NULL;
	}
	t->loop = loop_create(name ? name : dev_id, errp);
	if (t->loop)
		return t;
	free(t->name);
	free(t);
	return NULL;
}

int machine_iothread(struct machine *m, const char *name, const char *dev_id, struct loop **ret,
		     struct error **errp)
{
	struct iothread *t = find(m, name);

	if (!t) {
		t = create(name, dev_id, errp);
		if (!t)
			return -ENOMEM;
		t->next = m->iothreads;
		m->iothreads = t;
	}
	*ret = t->loop;
	return 0;
}

int iothreads_start(struct machine *m, struct error **errp)
{
	for (struct iothread *t = m->iothreads; t; t = t->next) {
		int r = loop_start_thread(t->loop, errp);

		if (r < 0)
			return r;
	}
	return 0;
}

void iothreads_stop(struct machine *m)
{
	for (struct iothread *t = m->iothreads; t; t = t->next)
		loop_stop(t->loop);
}

void iothreads_destroy(struct machine *m)
{
	for (struct iothread *t = m->iothreads, *next; t; t = next) {
		next = t->next;
		loop_destroy(t->loop);
		free(t->name);
		free(t);
	}
	m->iothreads = NULL;
}
