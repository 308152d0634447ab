/* SPDX-License-Identifier: MIT */
/* trace_machine.c: a machine as the lens sees it: devices by number, their regions and state. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "machine/machine_internal.h"
#include "machine/tracer.h"
#include "vmm/error.h"
#include "vmm/pci.h"
#include "vmm/snap.h"
#include "vmm/version.h"

/* --- devices ---------------------------------------------------------------------------------- */

static void describe_region(struct machine *m, struct io_region *r, struct trace_region *ret)
{
	gpa_t base = 0;

	snprintf(ret->name, sizeof(ret->name), "%s", r->name ? r->name : "");
	ret->mmio = !bus_maps(m->pio, r, &base) && bus_maps(m->mmio, r, &base);
	ret->base = base;
	ret->len = r->len;
}

/* By io_region.index: those of the device, and behind them the one that its PCI function has. */
static int describe_regions(struct machine *m, const struct device *d, struct trace_device *ret)
{
	const unsigned cnt = (unsigned)min_u64(d->region_cnt, TRACE_REGIONS_MAX - 1);
	struct io_region *msix = m->pci ? pci_bus_msix_region(m->pci, d) : NULL;

	ret->region = calloc(cnt + 1, sizeof(*ret->region));
	if (!ret->region)
		return -ENOMEM;
	for (unsigned i = 0; i < cnt; i++)
		describe_region(m, &d->regions[i], &ret->region[i]);
	ret->region_cnt = cnt;
	if (msix && msix->index == cnt)
		describe_region(m, msix, &ret->region[ret->region_cnt++]);
	return 0;
}

static int describe_fields(const struct snap_desc *s, struct trace_device *ret)
{
	const unsigned cnt = s ? s->n : 0;

	ret->field = calloc(cnt ? cnt : 1, sizeof(*ret->field));
	if (!ret->field)
		return -ENOMEM;
	ret->field_cnt = cnt;
	for (unsigned i = 0; i < cnt; i++) {
		struct trace_field *f = &ret->field[i];

		snprintf(f->name, sizeof(f->name), "%s", s->f[i].name);
		f->size = s->f[i].size;
		f->is_bool = s->f[i].type == SNAP_BOOL;
		f->count = s->f[i].count;
	}
	return 0;
}

/* slot << 3 | function, and all have function 0; -1: none. */
static int pci_place(const struct pci_bus *b, const struct device *d)
{
	const int slot = b ? pci_bus_slot_of(b, d) : -1;

	return slot < 0 ? -1 : slot << 3;
}

static int describe_devices(struct machine *m, struct trace_machine *ret)
{
	const unsigned cnt = m->devices ? m->devices->number + 1u : 0;
	int r = 0;

	ret->device = calloc(cnt ? cnt : 1, sizeof(*ret->device));
	if (!ret->device)
		return -ENOMEM;
	ret->device_cnt = (unsigned)min_u64(cnt, TRACE_DEVICES_MAX);
	for (struct device *d = m->devices; d && r >= 0; d = d->next) {
		struct trace_device *t = &ret->device[d->number];

		if (d->number >= ret->device_cnt)
			continue;
		snprintf(t->id, sizeof(t->id), "%s", d->id);
		snprintf(t->type, sizeof(t->type), "%s", d->ops->name);
		t->pci = pci_place(m->pci, d);
		r = describe_regions(m, d, t);
		if (r >= 0)
			r = describe_fields(d->ops->state, t);
	}
	return r;
}

/* --- the run ---------------------------------------------------------------------------------- */

/* The words of this process, as a shell would take them back. */
static char *command_line(void)
{
	_cleanup_close_ int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	char buf[8192];
	struct str s = { 0 };
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof(buf) - 1);

	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(buf + at) + 1) {
		const char *w = buf + at;
		const bool plain = *w && !w[strspn(w, "abcdefghijklmnopqrstuvwxyz"
						      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
						      "0123456789_-+=./,:@%")];

		buf[n] = '\0';
		str_add(&s, "%s%s%s%s", at ? " " : "", plain ? "" : "'", w, plain ? "" : "'");
	}
	return str_take(&s);
}

static const char *irqchip_name(enum irqchip_mode mode)
{
	static const char *const name[] = {
		[IRQCHIP_SPLIT] = "split", [IRQCHIP_KERNEL] = "kernel", [IRQCHIP_USER] = "user"
	};

	return name[mode];
}

int trace_machine_describe(struct machine *m, uint64_t begin, struct trace_machine *ret,
			   struct error **errp)
{
	const struct vm_config *c = m->config;

	*ret = (struct trace_machine){ .cpu_cnt = c->cpu.count,
				       .begin = begin,
				       .wall_sec = (uint64_t)time(NULL) };
	snprintf(ret->irqchip, sizeof(ret->irqchip), "%s", irqchip_name(c->board.irqchip));
	ret->version = strdup(TRAPEZE_VERSION);
	ret->cmdline = command_line();
	ret->kernel = c->boot.kernel ? strdup(c->boot.kernel) : NULL;
	if (ret->version && ret->cmdline && (ret->kernel || !c->boot.kernel) &&
	    describe_devices(m, ret) == 0)
		return 0;
	trace_machine_clear(ret);
	return err_set(errp, ENOMEM, "no memory to trace with");
}

void trace_machine_clear(struct trace_machine *t)
{
	for (unsigned i = 0; i < t->device_cnt; i++) {
		free(t->device[i].region);
		free(t->device[i].field);
	}
	free(t->device);
	free(t->version);
	free(t->cmdline);
	free(t->kernel);
	*t = (struct trace_machine){ 0 };
}
