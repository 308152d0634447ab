/* SPDX-License-Identifier: MIT */
/*
 * acpi_dsdt.c: the board as AML. Only names with constant data and no methods: the guest's
 * interpreter has nothing to run.
 */
#include "boot/acpi_dsdt.h"

#include <stdio.h>

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
	append_s5(a, b);
	aml_scope(a, "_SB");
	append_motherboard(a, b);
	for (unsigned i = 0; i < b->dev_cnt; i++)
		if (b->devs[i].hid)
			append_dev(a, &b->devs[i]);
	append_cpus(a, b);
	aml_end(a);
}
