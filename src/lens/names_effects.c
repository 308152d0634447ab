/* SPDX-License-Identifier: MIT */
/* names_effects.c: what an event, or a field that has changed, means. */
#include <inttypes.h>
#include <string.h>

#include "lens/names.h"

typedef void event_words(const struct trace_device *d, const uint64_t *arg, struct str *ret);

static void irq_line(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret, "irq %" PRIu64 " %s", arg[0], arg[1] ? "raised" : "lowered");
}

static void irq_request(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret, "irq %" PRIu64 " requested", arg[1]);
}

static void irq_ack(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret, "irq %" PRIu64 " acknowledged as vector %#" PRIx64, arg[1], arg[0]);
}

static void irq_inject(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret, "vector %#" PRIx64 " injected into vcpu%" PRIu64, arg[0], arg[1]);
}

static void irq_eoi(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret, "vector %#" PRIx64 " ended", arg[0]);
}

/* Intel SDM, volume 3, 11.11: destination in the address, vector and mode in the data. */
static void msi(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	static const char *const mode[] = { "", ", lowest priority", ", SMI", "", ", NMI", ", INIT",
					    "", ", ExtINT" };

	(void)d;
	if (arg[0] >> 20 != 0xfee)
		str_add(ret, "message %#" PRIx64 " to %#" PRIx64, arg[1], arg[0]);
	else
		str_add(ret, "MSI: vector %#" PRIx64 " to APIC %" PRIu64 "%s", arg[1] & 0xff,
			arg[0] >> 12 & 0xff, mode[arg[1] >> 8 & 7]);
}

static void region(const struct trace_device *d, uint64_t i, struct str *ret)
{
	if (d && i < d->region_cnt)
		str_add(ret, "%s", d->region[i].name);
	else
		str_add(ret, "region %" PRIu64, i);
}

static void map(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	region(d, arg[0], ret);
	str_add(ret, " now at %#" PRIx64, arg[1]);
}

static void unmap(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	region(d, arg[0], ret);
	str_add(ret, " no longer at %#" PRIx64, arg[1]);
}

static void vq_notify(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret, "queue %" PRIu64 " notified", arg[0]);
}

static void vq_pop(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret,
		"queue %" PRIu64 ": chain %" PRIu64 " taken (%" PRIu64 " bytes to read, %" PRIu64
		" to write)",
		arg[0], arg[1], arg[2], arg[3]);
}

static void vq_push(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret, "queue %" PRIu64 ": chain %" PRIu64 " used, %" PRIu64 " bytes written", arg[0],
		arg[1], arg[2]);
}

/* enum blk_op, which is the file format's as well. */
static void io_begin(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	static const char *const op[] = { "read", "write", "flush", "discard", "write of zeros" };

	(void)d;
	str_add(ret, "request %" PRIu64 ": %s", arg[0], arg[1] < ARRAY_LEN(op) ? op[arg[1]] : "?");
	if (arg[3])
		str_add(ret, " of %" PRIu64 " bytes at %#" PRIx64, arg[3], arg[2]);
	str_add(ret, " begun");
}

static void io_end(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret, "request %" PRIu64 " %s", arg[0], arg[1] ? "failed: " : "done");
	if (arg[1])
		str_add(ret, "%s", arg[1] < 4096 ? strerror((int)arg[1]) : "?");
}

static void dirty(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret, "%" PRIu64 " page%s written at %#" PRIx64, arg[1], arg[1] == 1 ? "" : "s",
		arg[0]);
}

static void timer(const struct trace_device *d, const uint64_t *arg, struct str *ret)
{
	(void)d;
	str_add(ret, "timer %" PRIu64 " fired", arg[0]);
}

static event_words *const words[TRACE_EVENT_CNT] = {
	[TRACE_E_IRQ_LINE] = irq_line,
	[TRACE_E_IRQ_REQUEST] = irq_request,
	[TRACE_E_IRQ_ACK] = irq_ack,
	[TRACE_E_IRQ_INJECT] = irq_inject,
	[TRACE_E_IRQ_EOI] = irq_eoi,
	[TRACE_E_MSI] = msi,
	[TRACE_E_MAP] = map,
	[TRACE_E_UNMAP] = unmap,
	[TRACE_E_VQ_NOTIFY] = vq_notify,
	[TRACE_E_VQ_POP] = vq_pop,
	[TRACE_E_VQ_PUSH] = vq_push,
	[TRACE_E_TIMER] = timer,
	[TRACE_E_IO_BEGIN] = io_begin,
	[TRACE_E_IO_END] = io_end,
	[TRACE_E_DIRTY] = dirty,
};

/* An event without words of its own: "request begun: id 7, op 0". */
static void plain(unsigned num, const uint64_t *arg, struct str *ret)
{
	const struct trace_event_info *info = &trace_event_info[num];

	str_add(ret, "%s", info->name);
	for (unsigned i = 0; i < ARRAY_LEN(info->arg) && info->arg[i]; i++)
		str_add(ret, "%s%s %s%" PRIx64, i ? ", " : ": ", info->arg[i],
			arg[i] < 10 ? "" : "0x", arg[i]);
}

/* --- fields ----------------------------------------------------------------------------------- */

/* Without the structs around it. */
static const char *bare(const char *field)
{
	static const char *const around[] = { "vdev.saved.", "saved.", "func.", "t." };

	for (unsigned i = 0; i < ARRAY_LEN(around); i++)
		if (!strncmp(field, around[i], strlen(around[i])))
			return field + strlen(around[i]);
	return field;
}

static const struct state *state_of(const struct chip *c, const char *field)
{
	for (const struct state *s = c ? c->state : NULL; s && s->field; s++)
		if (!strcmp(s->field, field))
			return s;
	return NULL;
}

/* A byte of a function's configuration space is the register's. */
static bool is_config(const char *field)
{
	size_t len = strlen(field);

	return len > 4 && !strcmp(field + len - 4, ".cfg");
}

/* What the field, or its element, is called; its bits. */
static const struct bits *name_field(const struct chip *c, const struct state *s,
				     const struct trace_field *f, uint32_t index, struct str *ret)
{
	const struct bits *b;

	if (is_config(f->name)) {
		str_add(ret, "PCI ");
		name_pci_register(index, ret);
		return NULL;
	}
	if (c && c->element) {
		b = c->element(f->name, index, ret);
		if (ret->len)
			return b;
	}
	str_add(ret, "%s", s ? s->name : bare(f->name));
	if (f->count > 1)
		str_add(ret, "[%u]", index);
	return s ? s->bits : NULL;
}

static void field(const struct trace_device *d, const struct trace_rec *r, struct str *ret)
{
	const struct trace_field *f = &d->field[r->field.field];
	const struct chip *c = chip_find(d->type);
	const struct state *s = state_of(c, f->name);
	_cleanup_(str_free) struct str name = { 0 };
	const struct bits *b;

	if (s && !s->name)
		return;
	b = name_field(c, s, f, r->field.index, &name);
	bits_change(name.s ? name.s : "", b, r->field.from, r->field.to, ret);
}

void lens_effect(const struct lens *l, const struct trace_rec *r, struct str *ret)
{
	const struct trace_machine *m = l->machine;
	const struct trace_device *d = m && r->dev < m->device_cnt ? &m->device[r->dev] : NULL;

	if (r->kind == TRACE_FIELD && d && r->field.field < d->field_cnt)
		field(d, r, ret);
	if (r->kind != TRACE_EVENT || r->num >= TRACE_EVENT_CNT)
		return;
	if (words[r->num])
		words[r->num](d, r->event.arg, ret);
	else
		plain(r->num, r->event.arg, ret);
}
