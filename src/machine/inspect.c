/* SPDX-License-Identifier: MIT */
/* inspect.c: the table of all questions; devices by their snapshot tables; who answers where. */
#include "machine/inspect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "machine/machine_internal.h"
#include "virtio/virtio.h"
#include "vmm/error.h"
#include "vmm/parse.h"
#include "vmm/snap.h"

const struct inspector machine_inspectors[] = {
	{ "dev", "[NAME]", "a device's state, field by field; without a name: which there are", 0,
	  1, inspect_dev },
	{ "virtq", "[NAME [N]]", "virtqueue N of a device, drawn", 0, 2, inspect_virtq },
	{ "irq", "", "who is pending where: 8259, IOAPIC, local APICs, INTR", 0, 0, inspect_irq },
	{ "map", "", "who answers at which port and address, and where memory is", 0, 0,
	  inspect_map },
};
const unsigned machine_inspector_cnt = ARRAY_LEN(machine_inspectors);

/* --- the table -------------------------------------------------------------------------------- */

static const struct inspector *find_in(const struct inspector *t, unsigned cnt, const char *name)
{
	for (unsigned i = 0; i < cnt; i++)
		if (!strcmp(t[i].name, name))
			return &t[i];
	return NULL;
}

const struct inspector *inspect_find(const char *name)
{
	const struct inspector *i = find_in(lens_inspectors, lens_inspector_cnt, name);

	return i ? i : find_in(machine_inspectors, machine_inspector_cnt, name);
}

int inspect_line(struct inspect *in, const char *line, struct str *out, struct error **errp)
{
	_cleanup_free_ char *copy = strdup(line);
	char *word[INSPECT_WORDS + 2];
	const struct inspector *i;
	unsigned n;

	if (!copy)
		return err_errno(errp, ENOMEM, "cannot read a command");
	n = inspect_split(copy, word, ARRAY_LEN(word));
	i = n ? inspect_find(word[0]) : NULL;
	if (!i)
		return -ENOENT;
	if (n - 1 < i->min || n - 1 > i->max)
		return err_set(errp, EINVAL, "it is: %s %s", i->name, i->args);
	return i->fn(in, n - 1, word + 1, out, errp);
}

static void help_of(const struct inspector *t, unsigned cnt, struct str *out)
{
	for (unsigned i = 0; i < cnt; i++) {
		char usage[64];

		snprintf(usage, sizeof(usage), "%s %s", t[i].name, t[i].args);
		str_add(out, "  %-30s %s\n", usage, t[i].help);
	}
}

void inspect_help(struct str *out)
{
	help_of(lens_inspectors, lens_inspector_cnt, out);
	help_of(machine_inspectors, machine_inspector_cnt, out);
}

/* --- devices ---------------------------------------------------------------------------------- */

int inspect_machine(struct inspect *in, struct machine **ret, struct error **errp)
{
	*ret = in->machine;
	return *ret ? 0 : err_set(errp, ENODEV, "there is no machine here to ask about");
}

struct device *inspect_device(struct machine *m, const char *id, struct error **errp)
{
	const char *names[256] = { NULL }, *near;
	unsigned n = 0;

	for (struct device *d = m->devices; d; d = d->next) {
		if (!strcmp(d->id, id))
			return d;
		if (n < ARRAY_LEN(names))
			names[n++] = d->id;
	}
	near = nearest(id, names, n);
	err_set(errp, ENOENT, "no device is called '%s'%s%s%s", id, near ? "; did you mean '" : "",
		near ? near : "", near ? "'?" : "");
	err_hint(errp, "dev lists them");
	return NULL;
}

uint64_t inspect_field(const struct device *d, const char *name, uint32_t index)
{
	const struct snap_desc *s = d->ops->state;

	for (unsigned i = 0; s && i < s->n; i++)
		if (!strcmp(s->f[i].name, name) && snap_field_is_current(s, &s->f[i]) &&
		    index < s->f[i].count)
			return snap_value(&s->f[i], d, index);
	return 0;
}

#define LINE_WIDTH 96u

/* Fields flow into lines; those of one part ("master.") begin a new one. */
struct flow {
	struct str *out;
	size_t line; /* where the line began */
	const char *part;
	size_t part_len;
};

static void break_line(struct flow *f)
{
	if (f->out->len > f->line)
		str_add(f->out, "\n");
	f->line = f->out->len;
}

static void add_word(struct flow *f, const char *word)
{
	if (f->out->len > f->line && f->out->len - f->line + strlen(word) + 2 > LINE_WIDTH)
		break_line(f);
	str_add(f->out, "  %s", word);
}

static void format_value(const struct snap_field *f, const void *s, uint32_t i, char *buf,
			 size_t len)
{
	uint64_t v = snap_value(f, s, i);

	if (f->type == SNAP_BOOL)
		snprintf(buf, len, "%s", v ? "yes" : "no");
	else if (v < 10)
		snprintf(buf, len, "%" PRIu64, v);
	else
		snprintf(buf, len, "0x%" PRIx64, v);
}

/* An array on lines of its own; runs of one value are told once. */
static void add_array(struct flow *fl, const struct snap_field *f, const void *s)
{
	char word[96], value[32];
	uint32_t i = 0;

	break_line(fl);
	snprintf(word, sizeof(word), "%s[%u]:", f->name, f->count);
	add_word(fl, word);
	for (unsigned shown = 0; i < f->count && shown < 256; shown++) {
		uint64_t v = snap_value(f, s, i);
		uint32_t first = i;

		while (i < f->count && snap_value(f, s, i) == v)
			i++;
		format_value(f, s, first, value, sizeof(value));
		if (i - first > 2)
			snprintf(word, sizeof(word), "[%u-%u]=%s", first, i - 1, value);
		else
			snprintf(word, sizeof(word), "[%u]=%s", first, value);
		if (i - first == 2)
			i--;
		add_word(fl, word);
	}
	if (i < f->count)
		add_word(fl, "...");
	break_line(fl);
}

static void add_field(struct flow *fl, const struct snap_field *f, const void *s)
{
	const char *dot = strrchr(f->name, '.');
	size_t len = dot ? (size_t)(dot - f->name) : 0;
	char word[128], value[32];

	if (f->count != 1) {
		add_array(fl, f, s);
		return;
	}
	if (len != fl->part_len || (len && strncmp(f->name, fl->part, len) != 0)) {
		break_line(fl);
		fl->part = f->name;
		fl->part_len = len;
	}
	format_value(f, s, 0, value, sizeof(value));
	snprintf(word, sizeof(word), "%s=%s", f->name, value);
	add_word(fl, word);
}

static void add_state(struct device *d, struct str *out)
{
	const struct snap_desc *s = d->ops->state;
	struct flow f = { .out = out, .line = out->len };

	if (!s) {
		str_add(out, "  it has no state\n");
		return;
	}
	if (s->pre_save)
		s->pre_save(d);
	for (unsigned i = 0; i < s->n; i++)
		if (snap_field_is_current(s, &s->f[i]))
			add_field(&f, &s->f[i], d);
	break_line(&f);
}

/* --- where regions are ------------------------------------------------------------------------ */

enum place { NOWHERE, PORTS, MEMORY };

/* No vCPU runs, so nobody changes a bus's table under us. */
static enum place place_of(struct machine *m, struct io_region *r)
{
	if (r->base < 0x10000 && bus_find(m->pio, r->base) == r)
		return PORTS;
	return bus_find(m->mmio, r->base) == r ? MEMORY : NOWHERE;
}

static void add_regions(struct machine *m, struct device *d, struct str *out)
{
	for (unsigned i = 0; i < d->region_cnt; i++) {
		struct io_region *r = &d->regions[i];
		enum place p = place_of(m, r);

		if (p == NOWHERE)
			str_add(out, "  %s: nowhere at present\n", r->name);
		else
			str_add(out, "  %s: %s %#" PRIx64 " to %#" PRIx64 "\n", r->name,
				p == PORTS ? "ports" : "memory", r->base, r->base + r->len - 1);
	}
}

static void list_devices(struct machine *m, struct str *out)
{
	unsigned cnt = 0, i = 0;
	struct device **v;

	for (struct device *d = m->devices; d; d = d->next)
		cnt++;
	v = calloc(cnt + 1, sizeof(struct device *));
	if (!v)
		return;
	for (struct device *d = m->devices; d; d = d->next)
		v[cnt - ++i] = d; /* as they were built */
	for (i = 0; i < cnt; i++)
		str_add(out, "  %-16s %s\n", v[i]->id, v[i]->ops->name);
	free(v);
}

struct virtio_device *inspect_virtio(struct machine *m, const struct device *d)
{
	for (unsigned i = 0; i < m->virtio_cnt; i++)
		if (&m->virtio[i]->dev == d)
			return m->virtio[i];
	return NULL;
}

struct answer {
	struct device *d;
	struct str *out;
};

/* Queues are their loop's, which may be at work for a guest that stands still. */
static void answer_state(void *arg)
{
	struct answer *a = arg;

	device_lock(a->d);
	add_state(a->d, a->out);
	if (a->d->guest_errors)
		str_add(a->out, "  the guest did %" PRIu64 " things that it should not\n",
			a->d->guest_errors);
	device_unlock(a->d);
}

int inspect_dev(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		struct error **errp)
{
	struct virtio_device *v;
	struct machine *m;
	struct device *d;
	struct answer a;
	int r = inspect_machine(in, &m, errp);

	if (r < 0)
		return r;
	if (!argc) {
		list_devices(m, out);
		return 0;
	}
	d = inspect_device(m, argv[0], errp);
	if (!d)
		return -ENOENT;
	str_add(out, "%s, %s\n", d->id, d->ops->name);
	add_regions(m, d, out);
	a = (struct answer){ d, out };
	v = inspect_virtio(m, d);
	if (v)
		virtio_run_on_loop(v, answer_state, &a);
	else
		answer_state(&a);
	return 0;
}

/* --- map -------------------------------------------------------------------------------------- */

struct row {
	uint64_t base, last;
	const char *name, *id;
};

struct rows {
	struct row *v;
	unsigned cnt, room;
};

static void add_row(struct rows *t, uint64_t base, uint64_t len, const char *name, const char *id)
{
	if (t->cnt == t->room) {
		unsigned room = t->room ? 2 * t->room : 64;
		struct row *v = realloc(t->v, room * sizeof(*v));

		if (!v)
			return;
		t->v = v;
		t->room = room;
	}
	t->v[t->cnt++] = (struct row){ base, base + len - 1, name, id };
}

static int by_base(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->base > y->base) - (x->base < y->base);
}

static void print_rows(struct rows *t, int digits, struct str *out)
{
	if (t->cnt)
		qsort(t->v, t->cnt, sizeof(*t->v), by_base);
	for (unsigned i = 0; i < t->cnt; i++)
		str_add(out, "  %0*" PRIx64 "-%0*" PRIx64 "  %-14s %s\n", digits, t->v[i].base,
			digits, t->v[i].last, t->v[i].id, t->v[i].name);
	free(t->v);
}

static const char *memory_kind(const struct gm_region *g)
{
	return g->file ? "a file" : g->readonly ? "read-only memory" : "RAM";
}

int inspect_map(struct inspect *in, unsigned argc, char *const *argv, struct str *out,
		struct error **errp)
{
	struct rows ports = { 0 }, memory = { 0 };
	const struct gm_region *g;
	struct machine *m;
	unsigned cnt = 0;
	int r = inspect_machine(in, &m, errp);

	(void)argc;
	(void)argv;
	if (r < 0)
		return r;
	for (struct device *d = m->devices; d; d = d->next) {
		for (unsigned i = 0; i < d->region_cnt; i++) {
			struct io_region *io = &d->regions[i];
			enum place p = place_of(m, io);

			if (p != NOWHERE)
				add_row(p == PORTS ? &ports : &memory, io->base, io->len, io->name,
					d->id);
		}
	}
	g = gm_regions(m->gm, &cnt);
	for (unsigned i = 0; i < cnt; i++)
		add_row(&memory, g[i].base, g[i].len, memory_kind(&g[i]), "-");
	str_add(out, "ports\n");
	print_rows(&ports, 4, out);
	str_add(out, "memory\n");
	print_rows(&memory, 10, out);
	return 0;
}
