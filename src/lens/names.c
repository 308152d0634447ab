/* SPDX-License-Identifier: MIT */
/* names.c: what the guest accessed, by the table of the device's type. */
#include "lens/seen.h"

#include <inttypes.h>
#include <string.h>

const struct seen seen_nothing;

static const struct chip *const chips[] = {
	&chip_acpi_pm,  &chip_debugcon, &chip_debugexit, &chip_i8042,       &chip_i8254,
	&chip_i8259,    &chip_ioapic,   &chip_mc146818,  &chip_ns16550,     &chip_pci_host,
	&chip_postcode, &chip_pvpanic,  &chip_sysctl_a,  &chip_virtio_mmio, &chip_virtio_pci,
};

const struct chip *chip_find(const char *type)
{
	for (unsigned i = 0; i < ARRAY_LEN(chips); i++)
		if (!strcmp(chips[i]->type, type))
			return chips[i];
	return NULL;
}

bool in_region(const struct access *a, const char *name)
{
	return !strcmp(a->region->name, name);
}

const struct bits *name_reg(const struct access *a, const char *title, const struct reg *regs,
			    unsigned cnt, struct str *ret)
{
	const char *gap = title ? " " : "";

	for (unsigned i = 0; i < cnt; i++) {
		const struct reg *r = &regs[i];
		bool whole = a->off == r->off;

		if (a->off - r->off >= r->len)
			continue;
		str_add(ret, "%s%s%s", title ? title : "", gap, a->write ? r->write : r->read);
		if (!whole)
			str_add(ret, "+%u", a->off - r->off);
		return !whole ? NULL : a->write ? r->write_bits : r->read_bits;
	}
	str_add(ret, "%s%s+%#x", title ? title : "", gap, a->off);
	return NULL;
}

/* --- accesses to devices ---------------------------------------------------------------------- */

/* False: to nobody, or to a device that the machine's description does not have. */
static bool access_of(const struct lens *l, const struct trace_rec *x, struct access *ret)
{
	const struct trace_machine *m = l->machine;
	uint64_t known = UINT64_MAX; /* of the region's address */

	if ((x->exit.reason != TRACE_PIO && x->exit.reason != TRACE_MMIO) ||
	    x->exit.flags & TRACE_X_NOBODY || !m || x->dev >= m->device_cnt ||
	    x->exit.region >= m->device[x->dev].region_cnt)
		return false;
	*ret = (struct access){ .lens = l,
				.dev = &m->device[x->dev],
				.region = &m->device[x->dev].region[x->exit.region],
				.x = x,
				.write = x->exit.flags & TRACE_X_WRITE,
				.off = x->exit.off,
				.value = x->exit.value };
	/* BARs move, by whole pages or, of ports, by their length. */
	if (ret->dev->pci >= 0)
		known = min_u64(ret->region->len, 4096) - 1;
	ret->whole = ((ret->region->base + ret->off) & known) == (x->exit.addr & known);
	return true;
}

static const struct seen *seen_of(const struct lens *l, const struct trace_rec *x)
{
	return l->seen && x->dev < l->seen->cnt ? &l->seen->dev[x->dev] : &seen_nothing;
}

static const struct bits *name_access(const struct access *a, struct str *ret)
{
	const struct chip *c = chip_find(a->dev->type);

	if (c)
		return c->name(a, seen_of(a->lens, a->x), ret);
	str_add(ret, "%s", a->dev->id);
	if (strcmp(a->region->name, a->dev->id) != 0)
		str_add(ret, " %s", a->region->name);
	if (a->region->len > a->x->exit.size)
		str_add(ret, "+%#x", a->off);
	return NULL;
}

/* --- the others ------------------------------------------------------------------------------- */

static void name_nobody(const struct trace_rec *x, struct str *ret)
{
	const char *usual =
		x->exit.reason == TRACE_PIO ? name_port(x->exit.addr) : name_memory(x->exit.addr);

	str_add(ret, "nobody%s%s", usual ? ": " : "", usual ? usual : "");
}

/* "MSR LSTAR", or "MSR 0xc0000082" where no name is known. */
static void name_number(const char *prefix, const char *known, uint64_t number, struct str *ret)
{
	str_add(ret, "%s", prefix);
	if (known)
		str_add(ret, "%s", known);
	else
		str_add(ret, "%#" PRIx64, number);
}

static void name_no_access(const struct trace_rec *x, struct str *ret)
{
	switch (x->exit.reason) {
	case TRACE_RDMSR:
	case TRACE_WRMSR:
		name_number("MSR ", name_msr(x->exit.addr), x->exit.addr, ret);
		break;
	case TRACE_EOI:
		str_add(ret, "vector %#" PRIx64, x->exit.addr);
		break;
	case TRACE_OTHER:
		name_number("KVM_EXIT_", name_kvm_exit(x->exit.value), x->exit.value, ret);
		break;
	case TRACE_HLT:
		str_add(ret, "until an interrupt");
		break;
	case TRACE_IRQ_WINDOW:
		str_add(ret, "interrupts can be taken");
		break;
	case TRACE_INTR:
		str_add(ret, "the host wants the vCPU");
		break;
	case TRACE_SHUTDOWN:
		str_add(ret, "triple fault");
		break;
	default:
		str_add(ret, "debugger");
	}
}

void lens_register_name(const struct lens *l, const struct trace_rec *x, struct str *ret)
{
	struct access a;

	if (access_of(l, x, &a)) {
		(void)name_access(&a, ret);
		if (!a.whole)
			str_add(ret, ", in part");
	} else if (x->exit.reason == TRACE_PIO || x->exit.reason == TRACE_MMIO)
		name_nobody(x, ret);
	else
		name_no_access(x, ret);
}

void lens_value(const struct lens *l, const struct trace_rec *x, struct str *ret)
{
	_cleanup_(str_free) struct str name = { 0 };
	struct access a;

	if (access_of(l, x, &a) && a.whole)
		bits_name(name_access(&a, &name), x->exit.value, ret);
}

const char *lens_kind_name(const struct trace_rec *x)
{
	static const char *const names[TRACE_EXIT_REASONS][2] = {
		[TRACE_PIO] = { "IO IN", "IO OUT" },
		[TRACE_MMIO] = { "MMIO read", "MMIO write" },
		[TRACE_HLT] = { "HLT", "HLT" },
		[TRACE_IRQ_WINDOW] = { "IRQ window", "IRQ window" },
		[TRACE_EOI] = { "EOI", "EOI" },
		[TRACE_INTR] = { "INTR", "INTR" },
		[TRACE_RDMSR] = { "RDMSR", "RDMSR" },
		[TRACE_WRMSR] = { "WRMSR", "WRMSR" },
		[TRACE_SHUTDOWN] = { "SHUTDOWN", "SHUTDOWN" },
		[TRACE_DEBUG] = { "DEBUG", "DEBUG" },
		[TRACE_OTHER] = { "OTHER", "OTHER" },
	};
	bool write = x->exit.flags & TRACE_X_WRITE;

	if (x->exit.reason == TRACE_PIO && x->exit.flags & TRACE_X_STRING)
		return write ? "IO OUTS" : "IO INS";
	if (!x->exit.reason || x->exit.reason >= TRACE_EXIT_REASONS)
		return "?";
	return names[x->exit.reason][write];
}

/* --- what the guest has selected -------------------------------------------------------------- */

struct lens_seen *lens_seen_new(const struct trace_machine *m)
{
	struct lens_seen *s = calloc(1, sizeof(*s) + m->device_cnt * sizeof(s->dev[0]));

	if (s)
		s->cnt = m->device_cnt;
	return s;
}

struct lens_seen *lens_seen_free(struct lens_seen *s)
{
	free(s);
	return NULL;
}

void lens_see(const struct lens *l, const struct trace_rec *x)
{
	const struct chip *c;
	struct access a;

	if (!l->seen || x->kind != TRACE_EXIT || !access_of(l, x, &a) || !a.whole ||
	    x->dev >= l->seen->cnt)
		return;
	c = chip_find(a.dev->type);
	if (c && c->see)
		c->see(&a, &l->seen->dev[x->dev]);
}
