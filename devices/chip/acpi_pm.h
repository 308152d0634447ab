/* SPDX-License-Identifier: MIT */
/*
 * acpi_pm.h: ACPI fixed hardware (ACPI 6.4, section 4.8): power button, sleep control, the power
 * management timer; and the reset register.
 *
 * regions[ACPI_PM_EVT]    "PM1a event"    4 bytes, PM1_STS and PM1_EN; accesses of 1 or 2
 * regions[ACPI_PM_CNT]    "PM1a control"  2 bytes; accesses of 1 or 2
 * regions[ACPI_PM_TMR]    "PM timer"      4 bytes, 32 bits wide (FADT TMR_VAL_EXT); 1 to 4
 * regions[ACPI_PM_RESET]  "reset control" 1 byte, PIIX's RST_CNT at 0xcf9; FADT reset value 0x06
 *
 * The FADT says: SMI_CMD 0 (always in ACPI mode, SCI_EN reads 1), TMR_VAL_EXT, RESET_REG_SUP,
 * SLP_BUTTON and FIX_RTC set (neither is fixed hardware here). The SCI is level-triggered.
 *
 * Port 0xcf9 lies inside 0xcf8..0xcfb, the address register of PCI configuration mechanism 1,
 * which takes dwords only. Without a PCI host bridge this region is mapped by itself. A host
 * bridge that maps all four bytes hands byte accesses at 0xcf9 on to this region's ops (the machine
 * gives it the struct io_region), holding no lock of its own: this device locks itself.
 */
#ifndef DEVICES_CHIP_ACPI_PM_H
#define DEVICES_CHIP_ACPI_PM_H

#include "vmm/base.h"

struct acpi_pm;
struct device;
struct error;
struct irq_line;
struct power_sink;
struct vclock;

enum { ACPI_PM_EVT, ACPI_PM_CNT, ACPI_PM_TMR, ACPI_PM_RESET, ACPI_PM_REGIONS };

#define ACPI_PM_RESET_VALUE 0x06u

/* Everything pointed to is borrowed, and no longer touched by ops->destroy; @id is copied. */
struct acpi_pm_config {
	const char *id;
	struct irq_line *sci; /* NULL: not wired */
	struct vclock *clock;
	struct power_sink *power;
	uint8_t s5_slp_typ; /* the value of the DSDT's \_S5; 0 to 7 */
};

/* -ENOMEM, or -EINVAL without clock or power sink or for a SLP_TYP of more than three bits. */
int acpi_pm_create(const struct acpi_pm_config *cfg, struct acpi_pm **ret,
		   struct error **errp) __must_check;
struct device *acpi_pm_device(struct acpi_pm *s);

/*
 * Presses and releases the power button: sets PWRBTN_STS. True if the guest has enabled the event,
 * so that somebody may act on it; if not, the status waits until it does. Any thread.
 */
bool acpi_pm_power_button(struct acpi_pm *s);

#endif
