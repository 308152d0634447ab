/* SPDX-License-Identifier: MIT */
/* layout.h: every address and interrupt of the board, one table. */
#ifndef MACHINE_LAYOUT_H
#define MACHINE_LAYOUT_H

#include "vmm/base.h"

/* --- guest-physical memory -------------------------------------------------------------------- */

#define LAYOUT_REAL_LOAD   0x7c00u  /* flat real-mode images, as a BIOS loads a boot sector */
#define LAYOUT_SCRATCH     0x10000u /* boot_params, GDT, page tables, command line, start_info */
#define LAYOUT_SCRATCH_LEN 0x80000u /* up to 0x90000 */
#define LAYOUT_MPTABLE     0x9fc00u /* last KiB of base memory, where the MP specification looks */
#define LAYOUT_MPTABLE_LEN 0x400u
#define LAYOUT_LOW_END     0xa0000u /* base memory ends, VGA hole begins */
#define LAYOUT_BIOS_START  0xc0000u /* option ROMs, when there are any; RAM until then */
#define LAYOUT_BIOS        0xe0000u /* RSDP and ACPI tables: where a BIOS would have them */
#define LAYOUT_BIOS_END    0x100000u
#define LAYOUT_RSDP        0xe0000u
#define LAYOUT_ACPI        0xe0100u
#define LAYOUT_ACPI_LEN    0x1ff00u
#define LAYOUT_HIGH        0x100000u
/* RAM below 4 GiB ends here at most; the rest goes above 4 GiB. */
#define LAYOUT_RAM_LOW_MAX UINT64_C(0xc0000000)
/* PCI configuration space, when there is PCI: one bus; there is room for all 256. */
#define LAYOUT_ECAM     UINT64_C(0xc0000000)
#define LAYOUT_ECAM_LEN MIB
/* Where BARs may be, and what is left of the hole below the IOAPIC for virtio over MMIO. */
#define LAYOUT_MMIO_START      UINT64_C(0xd0000000)
#define LAYOUT_VIRTIO_MMIO     UINT64_C(0xfe000000)
#define LAYOUT_VIRTIO_MMIO_LEN (64 * KIB)
#define LAYOUT_MMIO_END        UINT64_C(0xfec00000)
#define LAYOUT_IOAPIC          UINT64_C(0xfec00000)
#define LAYOUT_LAPIC           UINT64_C(0xfee00000)
#define LAYOUT_TEST            UINT64_C(0xff000000)
/* KVM's own pages on hosts without unrestricted guest: 1 + 3 pages. */
#define LAYOUT_KVM_IDENT UINT64_C(0xfffbc000)
#define LAYOUT_KVM_TSS   UINT64_C(0xfffbd000)
#define LAYOUT_KVM_END   UINT64_C(0xfffc0000)
#define LAYOUT_RAM_HIGH  UINT64_C(0x100000000)
/*
 * BARs above RAM: from the middle of the CPU's physical addresses on, a quarter of them; on CPUs
 * with more than 40 bits as if it were 40, which guests of any age can map.
 */
#define LAYOUT_PCI_HIGH_BITS 40u

/* --- I/O ports -------------------------------------------------------------------------------- */

#define PORT_PIC1      0x20u
#define PORT_PIT       0x40u
#define PORT_8042_DATA 0x60u
#define PORT_SYSCTL_B  0x61u
#define PORT_8042_CMD  0x64u
#define PORT_RTC       0x70u
#define PORT_POST      0x80u
#define PORT_SYSCTL_A  0x92u
#define PORT_PIC2      0xa0u
#define PORT_TEST      0xe0u /* testdev.h; 0xe8 is in the way of PORT_DEBUGCON */
#define PORT_DEBUGCON  0xe9u
#define PORT_DEBUGEXIT 0xf4u
#define PORT_COM4      0x2e8u
#define PORT_COM2      0x2f8u
#define PORT_COM3      0x3e8u
#define PORT_COM1      0x3f8u
#define PORT_ELCR      0x4d0u
#define PORT_PVPANIC   0x505u
#define PORT_PM1_EVT   0x600u
#define PORT_PM1_CNT   0x604u
#define PORT_PM_TMR    0x608u
#define PORT_PCI_ADDR  0xcf8u
#define PORT_RESET     0xcf9u /* inside PORT_PCI_ADDR's dword */
#define PORT_PCI_DATA  0xcfcu
#define PORT_PCI_IO    0x1000u /* from here on, BARs may be */
#define PORT_TEST_IRQ  0x2000u
#define PORT_END       0x10000u

/* --- global system interrupts (ISA numbers; the PIT's is pin 2 of the IOAPIC) ----------------- */

#define IRQ_PIT  0u
#define IRQ_KBD  1u
#define IRQ_COM2 3u
#define IRQ_COM1 4u
#define IRQ_RTC  8u
#define IRQ_SCI  9u
#define IRQ_AUX  12u

/* Level-triggered and shared. Where there is no APIC, the ISA interrupts stand in for the rest. */
#define GSI_PCI         16u /* INTA# to INTD# of slot 0: 16 to 19 */
#define IRQ_PCI         10u /* the same: 10 and 11, in turns */
#define GSI_VIRTIO_MMIO 20u /* to 23 */

/* --- values the guest is told by ACPI ------------------------------------------------------ */

#define ACPI_S5_TYPE 5u    /* SLP_TYP of soft off */
#define RESET_VALUE  0x06u /* what to write to PORT_RESET */

#define IOAPIC_PINS 24u

#endif
