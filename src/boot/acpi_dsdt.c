/* SPDX-License-Identifier: MIT */
/*
 * acpi_dsdt.c: the board as AML. But for what a PCI host bridge demands, only names with constant
 * data and no methods: the guest's interpreter has nothing to run.
 */
#include "boot/acpi_dsdt.h"

#include <stdio.h>

#include "vmm/bits.h"
#include "vmm/board.h"

static void append_pio(struct aml *a, const struct board_res *r)
{
	if (r->len <= UINT8_MAX)
		aml_res_io(a, (uint16_t)r->base, (uint8_t)r->len);
	else
		aml_res_word(a, AML_SPACE_IO, (uint16_t)r->base, (uint32_t)r->len, false);
}

static void append_mmio(struct aml *a, const struct board_res *r)
{
	if (r->base <= UINT32_MAX && r->len <= UINT32_MAX - r->base + 1 && r->len <= UINT32_MAX)
		aml_res_mem32_fixed(a, (uint32_t)r->base, (uint32_t)r->len, true);
	else
		aml_res_qword(a, AML_SPACE_MEMORY, r->base, r->len, false);
}

/* The short descriptors speak of ISA interrupts, which the MADT's overrides map; beyond 15 there is
 * only the long one. */
static void append_irq(struct aml *a, const struct board_res *r)
{
	if (r->base >= 16)
		aml_res_interrupt(a, (uint32_t)r->base, r->level, r->active_low, r->shared);
	else if (r->level || r->active_low || r->shared)
		aml_res_irq(a, (unsigned)r->base, r->level, r->active_low, r->shared);
	else
		aml_res_irq_no_flags(a, (unsigned)r->base);
}

static void append_crs(struct aml *a, const struct board_res *res, unsigned cnt)
{
	static void (*const append[])(struct aml *, const struct board_res *) = {
		[BOARD_RES_PIO] = append_pio,
		[BOARD_RES_MMIO] = append_mmio,
		[BOARD_RES_IRQ] = append_irq,
	};

	aml_name(a, "_CRS");
	aml_template(a);
	for (unsigned i = 0; i < cnt; i++)
		append[res[i].kind](a, &res[i]);
	aml_end(a);
}

static void append_dev(struct aml *a, const struct board_dev *d)
{
	aml_device(a, d->name);
	aml_name(a, "_HID");
	aml_hid(a, d->hid);
	if (d->cid) {
		aml_name(a, "_CID");
		aml_hid(a, d->cid);
	}
	aml_name(a, "_UID");
	aml_int(a, d->uid);
	aml_name(a, "_STA"); /* 6.3.7: present, enabled, shown, working */
	aml_int(a, 0x0f);
	if (d->res_cnt)
		append_crs(a, d->res, d->res_cnt);
	aml_end(a);
}

/*
 * What belongs to no device but must not be given to one: the fixed hardware of the FADT and, as
 * the PCI Firmware Specification 3.3, 4.1.2 asks, the range the MCFG names. A reset register among
 * the ports of PCI configuration mechanism 1 belongs to the host bridge.
 */
static void append_motherboard(struct aml *a, const struct board *b)
{
	struct board_res res[] = {
		{ .kind = BOARD_RES_PIO, .base = b->pm.pm1a_evt, .len = 4 },
		{ .kind = BOARD_RES_PIO, .base = b->pm.pm1a_cnt, .len = 2 },
		{ .kind = BOARD_RES_PIO, .base = b->pm.pm_tmr, .len = 4 },
		{ .kind = BOARD_RES_PIO, .base = b->pm.reset_port, .len = 1 },
		{ .kind = BOARD_RES_MMIO, .base = b->pci.ecam_base, .len = b->pci.ecam_len },
	};
	bool wanted[ARRAY_LEN(res)] = {
		true,
		true,
		true,
		b->pm.reset_port && (b->pm.reset_port & ~7u) != 0xcf8,
		b->pci.ecam_len,
	};
	struct board_dev d = { .name = "MBRD", .hid = "PNP0C02" };

	_Static_assert(ARRAY_LEN(res) <= BOARD_MAX_RES, "they all fit");
	for (unsigned i = 0; i < ARRAY_LEN(res); i++)
		if (wanted[i])
			d.res[d.res_cnt++] = res[i];
	append_dev(a, &d);
}

/* --- PCI -------------------------------------------------------------------------------------- */

/*
 * 6.2.13: what the bridge passes on to its children (windows), and what it uses itself: the ports
 * of configuration mechanism 1. ECAM is the motherboard's, see above.
 */
static void append_bridge_crs(struct aml *a, const struct board_pci *p)
{
	aml_name(a, "_CRS");
	aml_template(a);
	aml_res_word(a, AML_SPACE_BUS, p->bus_start, p->bus_end - p->bus_start + 1u, true);
	aml_res_io(a, 0xcf8, 8);
	if (p->io.len)
		aml_res_word(a, AML_SPACE_IO, (uint16_t)p->io.base, (uint32_t)p->io.len, true);
	if (p->mem32.len)
		aml_res_dword(a, AML_SPACE_MEMORY, (uint32_t)p->mem32.base, p->mem32.len, true);
	if (p->mem64.len)
		aml_res_qword(a, AML_SPACE_MEMORY, p->mem64.base, p->mem64.len, true);
	aml_end(a);
}

/*
 * 6.2.11, and PCI Firmware Specification 3.3, 4.5: which features of PCI Express the firmware
 * leaves to the OS. It has no use for any: whatever the OS asks for it gets, by the buffer going
 * back as it came. Only a UUID that means something else is refused (bit 2 of the first dword).
 */
static void append_osc(struct aml *a)
{
	aml_method(a, "_OSC", 4, true);
	aml_op(a, AML_CREATE_DWORD_FIELD);
	aml_arg(a, 3);
	aml_int(a, 0);
	aml_path(a, "CDW1");
	aml_if(a);
	aml_op(a, AML_NOT);
	aml_op(a, AML_EQUAL);
	aml_arg(a, 0);
	aml_uuid(a, "33DB4D5B-1FF7-401C-9657-7441C03DD766");
	aml_op(a, AML_OR);
	aml_path(a, "CDW1");
	aml_int(a, BIT(2));
	aml_path(a, "CDW1");
	aml_end(a);
	aml_return(a);
	aml_arg(a, 3);
	aml_end(a);
}

/* 6.2.13, table 6.14: {address, pin, source, index}; source 0: the index is the interrupt itself,
 * level-triggered, active low. Functions have INTA# only. */
static void append_routes(struct aml *a, const char *name, const struct board_pci *p,
			  const uint8_t irq[4])
{
	aml_name(a, name);
	aml_package(a, (unsigned)__builtin_popcount(p->slots));
	for (unsigned slot = 0; slot < 32; slot++) {
		if (!(p->slots & BIT(slot)))
			continue;
		aml_package(a, 4);
		aml_int(a, slot << 16 | 0xffff);
		aml_int(a, 0);
		aml_int(a, 0);
		aml_int(a, irq[slot % 4]);
		aml_end(a);
	}
	aml_end(a);
}

/* With both kinds of interrupt controller the OS says by \_PIC which one it uses. */
static bool has_two_models(const struct board *b)
{
	return b->has_apic && b->has_pic;
}

static void append_prt(struct aml *a, const struct board *b)
{
	if (!b->pci.slots)
		return;
	if (!has_two_models(b)) {
		append_routes(a, "_PRT", &b->pci, b->has_apic ? b->pci.gsi : b->pci.irq);
		return;
	}
	append_routes(a, "PRTA", &b->pci, b->pci.gsi);
	append_routes(a, "PRTP", &b->pci, b->pci.irq);
	aml_method(a, "_PRT", 0, false);
	aml_if(a);
	aml_path(a, "PICM");
	aml_return(a);
	aml_path(a, "PRTA");
	aml_end(a);
	aml_return(a);
	aml_path(a, "PRTP");
	aml_end(a);
}

static void append_bridge(struct aml *a, const struct board *b)
{
	aml_device(a, "PCI0");
	aml_name(a, "_HID");
	aml_hid(a, "PNP0A08");
	aml_name(a, "_CID");
	aml_hid(a, "PNP0A03");
	aml_name(a, "_UID");
	aml_int(a, 0);
	aml_name(a, "_BBN");
	aml_int(a, b->pci.bus_start);
	append_bridge_crs(a, &b->pci);
	append_osc(a);
	append_prt(a, b);
	aml_end(a);
}

/* 5.8.1: 0 is the 8259, 1 the APIC; an OS that does not call it means the 8259. */
static void append_pic_model(struct aml *a)
{
	aml_name(a, "PICM");
	aml_int(a, 0);
	aml_method(a, "_PIC", 1, false);
	aml_op(a, AML_STORE);
	aml_arg(a, 0);
	aml_path(a, "PICM");
	aml_end(a);
}

/* --- the rest --------------------------------------------------------------------------------- */

/* 8.4: processor devices; _UID is what the MADT calls the processor UID. */
static void append_cpus(struct aml *a, const struct board *b)
{
	char name[5];

	for (unsigned i = 0; i < b->cpu_cnt; i++) {
		snprintf(name, sizeof(name), "C%03X", i & (DSDT_MAX_CPUS - 1));
		aml_device(a, name);
		aml_name(a, "_HID");
		aml_string(a, "ACPI0007");
		aml_name(a, "_UID");
		aml_int(a, i);
		aml_end(a);
	}
}

/* 7.4.2, 16.1.7: the SLP_TYP values that go to PM1a and (absent) PM1b control to power off. No S1
 * to S4: there is no wake-up hardware. */
static void append_s5(struct aml *a, const struct board *b)
{
	aml_name(a, "_S5");
	aml_package(a, 4);
	aml_int(a, b->pm.s5_slp_typ);
	aml_int(a, b->pm.s5_slp_typ);
	aml_int(a, 0);
	aml_int(a, 0);
	aml_end(a);
}

void dsdt_append(struct aml *a, const struct board *b)
{
	bool pci = b->pci.ecam_len;

	append_s5(a, b);
	if (pci && b->pci.slots && has_two_models(b))
		append_pic_model(a);
	aml_scope(a, "_SB");
	append_motherboard(a, b);
	if (pci)
		append_bridge(a, b);
	for (unsigned i = 0; i < b->dev_cnt; i++)
		if (b->devs[i].hid)
			append_dev(a, &b->devs[i]);
	append_cpus(a, b);
	aml_end(a);
}
