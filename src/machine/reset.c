/* SPDX-License-Identifier: MIT */
/* reset.c: the machine at power-on: RAM, tables, kernel, chips, CPUs. The same road at the first
 * start and at each reset. */
#include <errno.h>

#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "vmm/error.h"

static int load_tables(struct machine *m, struct error **errp)
{
	const struct vm_config *c = m->config;
	int r = 0;

	if (c->board.acpi)
		r = acpi_write(&m->acpi, m->gm, errp);
	if (r >= 0 && c->board.mptable)
		r = mptable_write(&m->board, m->gm, LAYOUT_MPTABLE, LAYOUT_MPTABLE_LEN, errp);
	return r;
}

static int load_kernel(struct machine *m, struct cpu_entry *entry, struct error **errp)
{
	struct boot_env env = {
		.board = &m->board,
		.acpi_rsdp = m->config->board.acpi ? LAYOUT_RSDP : 0,
		.scratch = LAYOUT_SCRATCH,
		.scratch_len = LAYOUT_SCRATCH_LEN,
		.device_tree = m->config->board.fdt,
	};

	return boot_load(m->boot, m->gm, &env, entry, errp);
}

int machine_reset(struct machine *m, struct error **errp)
{
	struct cpu_entry entry;
	int r = 0;

	for (struct device *d = m->devices; d; d = d->next)
		device_reset(d);
	for (unsigned i = 0; i < CONFIG_SERIALS; i++)
		console_watch_reset(&m->serial[i].watch);
	console_watch_reset(&m->hvc.watch);
	atomic_store(&m->panic_seen, false);
	if (m->resets) {
		r = vm_reset_irqchip(m->vm, errp);
		if (r >= 0)
			r = gm_clear_ram(m->gm, errp);
	}
	if (r >= 0)
		r = interrupts_firmware(m, errp);
	if (r >= 0)
		r = load_tables(m, errp);
	if (r >= 0)
		r = load_kernel(m, &entry, errp);
	if (r >= 0)
		r = vcpu_set_reset(m->cpus, &entry, errp);
	return r;
}
