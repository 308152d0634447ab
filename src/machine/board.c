/* SPDX-License-Identifier: MIT */
/* board.c: the memory map, the CPUs and the fixed hardware, as the guest will be told of them. */
#include <errno.h>
#include <stdio.h>
#include <sys/sysinfo.h>

#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "vmm/bits.h"
#include "vmm/error.h"
#include "vmm/log.h"
#include "vmm/parse.h"

static void add_range(struct board *b, gpa_t base, gpa_t end, enum board_range_kind kind)
{
	if (end > base)
		b->ranges[b->range_cnt++] =
			(struct board_range){ .base = base, .len = end - base, .kind = kind };
}

/* RAM below 4 GiB, and what is left of it above. */
static uint64_t low_ram(const struct vm_config *c)
{
	return min_u64(c->mem.size, LAYOUT_RAM_LOW_MAX);
}

static void describe_memory(struct machine *m)
{
	struct board *b = &m->board;
	uint64_t low = low_ram(m->config);

	add_range(b, 0, LAYOUT_MPTABLE, BOARD_RAM);
	add_range(b, LAYOUT_MPTABLE, LAYOUT_LOW_END, BOARD_RESERVED);
	add_range(b, LAYOUT_BIOS, LAYOUT_BIOS_END, BOARD_RESERVED);
	add_range(b, LAYOUT_HIGH, low, BOARD_RAM);
	if (machine_wants_pci(m->config))
		add_range(b, LAYOUT_ECAM, LAYOUT_ECAM + LAYOUT_ECAM_LEN, BOARD_RESERVED);
	add_range(b, LAYOUT_KVM_IDENT, LAYOUT_KVM_END, BOARD_RESERVED);
	add_range(b, LAYOUT_RAM_HIGH, LAYOUT_RAM_HIGH + (m->config->mem.size - low), BOARD_RAM);
}

/* The holes in RAM are holes on the bus too: a probe of the VGA window must not
 * find memory there. */
static int place_memory(struct machine *m, struct error **errp)
{
	uint64_t low = low_ram(m->config), high = m->config->mem.size - low;
	int r = gm_add_ram(m->gm, 0, 0, LAYOUT_LOW_END, errp);

	if (r >= 0)
		r = gm_add_ram(m->gm, LAYOUT_BIOS_START, LAYOUT_BIOS_START, low - LAYOUT_BIOS_START,
			       errp);
	if (r >= 0 && high)
		r = gm_add_ram(m->gm, LAYOUT_RAM_HIGH, low, high, errp);
	return r;
}

/* How many bits of guest-physical address the CPUs have decides how much memory
 * they can be given. */
static int check_address_width(struct machine *m, unsigned bits, struct error **errp)
{
	uint64_t size = m->config->mem.size, max;
	char is[24], can[24];

	m->address_bits = bits;
	if (bits >= 64)
		return 0;
	max = bits <= 32 ? LAYOUT_RAM_LOW_MAX : BIT64(bits) - LAYOUT_RAM_HIGH + LAYOUT_RAM_LOW_MAX;
	if (size <= max)
		return 0;
	return err_set(
		errp, EINVAL,
		"%s of guest memory do not fit in the %u-bit physical addresses of this CPU: "
		"at most %s",
		format_size(size, is, sizeof(is)), bits, format_size(max, can, sizeof(can)));
}

/*
 * More memory than the host has is no mistake, as guests rarely use all of theirs, but worth a
 * word; to take it all at once cannot end well.
 */
static int check_host_memory(const struct vm_config *c, struct error **errp)
{
	char is[24], has[24];
	struct sysinfo si;
	uint64_t have;

	if (c->mem.backing == RAM_FILE || sysinfo(&si) < 0)
		return 0;
	have = ((uint64_t)si.totalram + si.totalswap) * si.mem_unit;
	if (c->mem.size <= have)
		return 0;
	format_size(c->mem.size, is, sizeof(is));
	format_size(align_down(have, MIB), has, sizeof(has));
	if (c->mem.prefault) {
		err_set(errp, ENOMEM, "%s of guest memory cannot be taken at once: the host has %s",
			is, has);
		err_hint(errp, "ask for less with -m, or leave out --prefault");
		return -ENOMEM;
	}
	log_msg(LOG_WARN, "memory", "the guest may use %s, the host has %s, swap included", is,
		has);
	return 0;
}

int machine_place_memory(struct machine *m, struct cpuid_table *cpuid, struct error **errp)
{
	const struct vm_config *c = m->config;
	struct ram_config ram = { .size = c->mem.size,
				  .backing = c->mem.backing,
				  .pages = c->mem.pages,
				  .path = c->mem.path,
				  .prefault = c->mem.prefault,
				  .mergeable = c->mem.mergeable };
	const struct cpuid_leaf *l = cpuid_find(cpuid, 0x80000008, 0);
	unsigned bits = l ? l->eax & 0xff : 36;
	int r = check_address_width(m, bits, errp);

	if (r >= 0)
		r = check_host_memory(c, errp);
	if (r >= 0)
		r = gm_create(&ram, &m->gm, errp);
	if (r < 0)
		return r;
	gm_notify_loss(m->gm, m->ram_lost.fd);
	r = place_memory(m, errp);
	return r < 0 ? r : machine_place_pmem(m, bits, errp);
}

int machine_dump_dtb(struct machine *m, struct error **errp)
{
	const char *path = m->config->dump.dtb;
	_cleanup_free_ uint8_t *dtb = NULL;
	gpa_t initrd;
	uint64_t initrd_len;
	size_t len;
	FILE *f;
	int r;

	boot_initrd_range(m->boot, &initrd, &initrd_len);
	r = fdt_build(&m->board, m->cmdline, initrd, initrd_len, &dtb, &len, errp);
	if (r < 0)
		return r;
	f = fopen(path, "we");
	if (!f)
		return err_errno(errp, errno, "cannot create '%s'", path);
	r = fwrite(dtb, 1, len, f) == len ? 0 : -EIO;
	if (fclose(f) || r < 0)
		return err_errno(errp, errno ? errno : EIO, "cannot write '%s'", path);
	return 0;
}

int machine_describe(struct machine *m, struct error **errp)
{
	const struct vm_config *c = m->config;
	struct board *b = &m->board;

	m->apic_ids = calloc(c->cpu.count, sizeof(*m->apic_ids));
	if (!m->apic_ids)
		return err_set(errp, ENOMEM, "cannot allocate %u CPUs", c->cpu.count);
	for (unsigned i = 0; i < c->cpu.count; i++)
		m->apic_ids[i] = cpuid_apic_id(i, &m->topo);
	/* Field by field: the machine is zeroed, and most of the room for devices stays untouched.
	 */
	b->cpu_cnt = c->cpu.count;
	b->apic_ids = m->apic_ids;
	b->sockets = m->topo.sockets;
	b->cores = m->topo.cores;
	b->threads = m->topo.threads;
	b->tsc_khz = m->tsc_khz;
	b->has_apic = c->board.irqchip != IRQCHIP_USER;
	b->lapic_base = LAYOUT_LAPIC;
	b->ioapic_base = LAYOUT_IOAPIC;
	b->ioapic_pins = IOAPIC_PINS;
	b->has_pic = true;
	b->irq0_is_gsi2 = true;
	b->has_8042 = true;
	b->pm = (struct board_pm){ .pm1a_evt = PORT_PM1_EVT,
				   .pm1a_cnt = PORT_PM1_CNT,
				   .pm_tmr = PORT_PM_TMR,
				   .sci_gsi = IRQ_SCI,
				   .s5_slp_typ = ACPI_S5_TYPE,
				   .reset_port = PORT_RESET,
				   .reset_value = RESET_VALUE,
				   .rtc_century = true,
				   .century_reg = 0x32 };
	describe_memory(m);
	return 0;
}
