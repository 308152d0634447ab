/* SPDX-License-Identifier: MIT */
/* fake_board.h: a PC as the machine layer would describe it, for tests of what is made from it. */
#ifndef TESTS_FAKE_BOARD_H
#define TESTS_FAKE_BOARD_H

#include "vmm/board.h"

#define FAKE_MAX_CPUS 4200u

/* APIC ids 0 to cpu_cnt - 1, 512 MiB of RAM, two UARTs (the first is the console), RTC, PIT, PIC,
 * keyboard controller, ACPI power management. */
void fake_board_init(struct board *b, unsigned cpu_cnt);

/* Adds a PCI bus with all windows, and functions in slots 1, 2, 5 and 31. */
void fake_board_add_pci(struct board *b);

#endif
