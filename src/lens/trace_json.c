/* SPDX-License-Identifier: MIT */
/* trace_json.c: the machine's description and the end of a recording, as JSON and back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lens/trace_format.h"
#include "vmm/error.h"

/* --- there ------------------------------------------------------------------------------------ */

/* JSON is UTF-8; paths and commands need not be. */
static json_t *text(const char *s)
{
	_cleanup_free_ char *clean = NULL;
	json_t *j = json_string(s);
	size_t room;

	if (j)
		return j;
	room = 4 * strlen(s) + 1;
	clean = malloc(room);
	return clean ? json_string(str_escape(s, strlen(s), clean, room)) : NULL;
}

/* All 64 bits of it: JSON's numbers here are signed. */
static json_t *number(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *regions(const struct trace_device *d)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < d->region_cnt; i++) {
		const struct trace_region *r = &d->region[i];

		json_array_append_new(all, json_pack("[o, s, o, o]", text(r->name),
						     r->mmio ? "mmio" : "port", number(r->base),
						     number(r->len)));
	}
	return all;
}

static json_t *fields(const struct trace_device *d)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < d->field_cnt; i++) {
		const struct trace_field *f = &d->field[i];

		/* A truth is a number of no bytes. */
		json_array_append_new(all, json_pack("[o, i, o]", text(f->name),
						     f->is_bool ? 0 : f->size, number(f->count)));
	}
	return all;
}

json_t *trace_machine_to_json(const struct trace_machine *m)
{
	json_t *devices = json_array();

	for (unsigned i = 0; i < m->device_cnt; i++) {
		const struct trace_device *d = &m->device[i];

		json_array_append_new(devices,
				      json_pack("{so, so, so*, so, so}", "id", text(d->id), "type",
						text(d->type), "pci",
						d->pci < 0 ? NULL : json_integer(d->pci), "regions",
						regions(d), "fields", fields(d)));
	}
	if (json_array_size(devices) != m->device_cnt) {
		json_decref(devices);
		return NULL;
	}
	return json_pack("{so, so, so*, so, so, so, so, so}", "version",
			 text(m->version ? m->version : ""), "command",
			 text(m->cmdline ? m->cmdline : ""), "kernel",
			 m->kernel ? text(m->kernel) : NULL, "cpus", number(m->cpu_cnt), "begin",
			 number(m->begin), "time", number(m->wall_sec), "irqchip", text(m->irqchip),
			 "devices", devices);
}

json_t *trace_end_to_json(const struct trace_end *e)
{
	json_t *cpus = json_array(), *stats = json_array(), *lost = json_array();

	for (unsigned i = 0; i < e->cpu_cnt; i++) {
		const struct trace_cpu_time *c = &e->cpu_time[i];

		json_array_append_new(cpus, json_pack("[o, o, o, o, o]", number(c->wall_ns),
						      number(c->guest_ns), number(c->kernel_ns),
						      number(c->vmm_ns), number(c->halted_ns)));
	}
	for (unsigned i = 0; i < e->stat_cnt; i++)
		json_array_append_new(stats, json_pack("[o, o]", text(e->stat[i].name),
						       number(e->stat[i].value)));
	for (unsigned i = 0; i < e->thread_cnt; i++)
		json_array_append_new(lost, number(e->lost[i]));
	return json_pack("{so, so, so, so*}", "cpu_time", cpus, "kvm", stats, "lost", lost, "slide",
			 e->slide_known ? number(e->slide) : NULL);
}

/* --- and back --------------------------------------------------------------------------------- */

/* Members that are not there, or are something else, are 0, "" and []: a file of this version has
 * them, and nothing depends on it. */
static uint64_t get_number(const json_t *j, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(j, key));
}

static uint64_t number_at(const json_t *j, size_t i)
{
	return (uint64_t)json_integer_value(json_array_get(j, i));
}

/* Printable, and cut to what there is room for. */
static void copy_name(char *to, size_t room, const json_t *j)
{
	const char *s = json_string_value(j);

	str_escape(s ? s : "", s ? strlen(s) : 0, to, room);
}

static char *copy_text(const json_t *j)
{
	const char *s = json_string_value(j);
	size_t len = s ? strlen(s) : 0, room = 4 * len + 1;
	char *to = malloc(room);

	return to ? str_escape(s ? s : "", len, to, room) : NULL;
}

static int no_memory(struct error **errp)
{
	return err_errno(errp, ENOMEM, "cannot keep what machine it was");
}

static int too_many(struct error **errp, const char *what)
{
	return err_set(errp, EINVAL, "it says that the machine has more %s than one can have",
		       what);
}

static int get_regions(const json_t *j, struct trace_device *d, struct error **errp)
{
	size_t cnt = json_array_size(j);

	if (cnt > TRACE_REGIONS_MAX)
		return too_many(errp, "regions in a device");
	d->region = calloc(cnt + 1, sizeof(*d->region));
	if (!d->region)
		return no_memory(errp);
	d->region_cnt = (unsigned)cnt;
	for (size_t i = 0; i < cnt; i++) {
		const json_t *r = json_array_get(j, i);
		const char *where = json_string_value(json_array_get(r, 1));

		copy_name(d->region[i].name, sizeof(d->region[i].name), json_array_get(r, 0));
		d->region[i].mmio = where && !strcmp(where, "mmio");
		d->region[i].base = number_at(r, 2);
		d->region[i].len = number_at(r, 3);
	}
	return 0;
}

static int get_fields(const json_t *j, struct trace_device *d, struct error **errp)
{
	size_t cnt = json_array_size(j);

	d->field = calloc(cnt + 1, sizeof(*d->field));
	if (!d->field)
		return no_memory(errp);
	d->field_cnt = (unsigned)cnt;
	for (size_t i = 0; i < cnt; i++) {
		const json_t *f = json_array_get(j, i);
		uint64_t size = number_at(f, 1);

		copy_name(d->field[i].name, sizeof(d->field[i].name), json_array_get(f, 0));
		d->field[i].is_bool = size == 0;
		d->field[i].size = size == 0 || size > 8 ? 1 : (uint8_t)size;
		d->field[i].count = (uint32_t)number_at(f, 2);
	}
	return 0;
}

static int get_device(const json_t *j, struct trace_device *d, struct error **errp)
{
	int r;

	copy_name(d->id, sizeof(d->id), json_object_get(j, "id"));
	copy_name(d->type, sizeof(d->type), json_object_get(j, "type"));
	d->pci = json_object_get(j, "pci") ? (int)(get_number(j, "pci") & 0xff) : -1;
	r = get_regions(json_object_get(j, "regions"), d, errp);
	return r < 0 ? r : get_fields(json_object_get(j, "fields"), d, errp);
}

int trace_machine_from_json(const json_t *j, struct trace_machine *m, struct error **errp)
{
	const json_t *devices = json_object_get(j, "devices");
	size_t cnt = json_array_size(devices);
	uint64_t cpus = get_number(j, "cpus");
	int r = 0;

	if (cnt > TRACE_DEVICES_MAX)
		return too_many(errp, "devices");
	if (cpus > TRACE_CPUS_MAX)
		return too_many(errp, "CPUs");
	m->version = copy_text(json_object_get(j, "version"));
	m->cmdline = copy_text(json_object_get(j, "command"));
	if (json_object_get(j, "kernel"))
		m->kernel = copy_text(json_object_get(j, "kernel"));
	m->device = calloc(cnt + 1, sizeof(*m->device));
	if (!m->version || !m->cmdline || !m->device)
		return no_memory(errp);
	m->cpu_cnt = (unsigned)cpus;
	m->begin = get_number(j, "begin");
	m->wall_sec = get_number(j, "time");
	copy_name(m->irqchip, sizeof(m->irqchip), json_object_get(j, "irqchip"));
	for (; m->device_cnt < cnt && r == 0; m->device_cnt++)
		r = get_device(json_array_get(devices, m->device_cnt), &m->device[m->device_cnt],
			       errp);
	return r;
}

void trace_machine_free(struct trace_machine *m)
{
	for (unsigned i = 0; i < m->device_cnt; i++) {
		free(m->device[i].region);
		free(m->device[i].field);
	}
	free(m->device);
	free(m->version);
	free(m->cmdline);
	free(m->kernel);
	*m = (struct trace_machine){ 0 };
}

int trace_end_from_json(const json_t *j, struct trace_end *e, struct error **errp)
{
	const json_t *cpus = json_object_get(j, "cpu_time"), *stats = json_object_get(j, "kvm"),
		     *lost = json_object_get(j, "lost");
	size_t cpu_cnt = json_array_size(cpus), stat_cnt = json_array_size(stats),
	       thread_cnt = json_array_size(lost);

	if (cpu_cnt > TRACE_CPUS_MAX)
		return too_many(errp, "CPUs");
	if (thread_cnt > TRACE_THREADS_MAX)
		return too_many(errp, "threads");
	e->cpu_time = calloc(cpu_cnt + 1, sizeof(*e->cpu_time));
	e->stat = calloc(stat_cnt + 1, sizeof(*e->stat));
	e->lost = calloc(thread_cnt + 1, sizeof(*e->lost));
	if (!e->cpu_time || !e->stat || !e->lost)
		return no_memory(errp);
	e->cpu_cnt = (unsigned)cpu_cnt;
	e->stat_cnt = (unsigned)stat_cnt;
	e->thread_cnt = (unsigned)thread_cnt;
	for (size_t i = 0; i < cpu_cnt; i++) {
		const json_t *c = json_array_get(cpus, i);

		e->cpu_time[i] = (struct trace_cpu_time){ .wall_ns = number_at(c, 0),
							  .guest_ns = number_at(c, 1),
							  .kernel_ns = number_at(c, 2),
							  .vmm_ns = number_at(c, 3),
							  .halted_ns = number_at(c, 4) };
	}
	for (size_t i = 0; i < stat_cnt; i++) {
		const json_t *s = json_array_get(stats, i);

		copy_name(e->stat[i].name, sizeof(e->stat[i].name), json_array_get(s, 0));
		e->stat[i].value = number_at(s, 1);
	}
	for (size_t i = 0; i < thread_cnt; i++)
		e->lost[i] = number_at(lost, i);
	e->slide_known = json_is_integer(json_object_get(j, "slide"));
	e->slide = get_number(j, "slide");
	return 0;
}

void trace_end_free(struct trace_end *e)
{
	free(e->cpu_time);
	free(e->stat);
	free(e->lost);
	*e = (struct trace_end){ 0 };
}
