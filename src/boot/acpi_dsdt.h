/* SPDX-License-Identifier: MIT */
/* acpi_dsdt.h: the part of the DSDT after its header. */
#ifndef BOOT_ACPI_DSDT_H
#define BOOT_ACPI_DSDT_H

#include "boot/aml.h"

struct board;

/* Processors are named C000 to CFFF. */
#define DSDT_MAX_CPUS 0x1000u

/* Appends the definitions for everything on the board. At most DSDT_MAX_CPUS processors. */
void dsdt_append(struct aml *a, const struct board *b);

#endif
