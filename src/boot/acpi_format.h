/* SPDX-License-Identifier: MIT */
/*
 * acpi_format.h: ACPI tables as they lie in memory. Section numbers are of ACPI 6.4; MCFG is of the
 * PCI Firmware Specification 3.3 (4.1.2), SPCR of Microsoft's Serial Port Console Redirection table
 * (revision 2).
 */
#ifndef BOOT_ACPI_FORMAT_H
#define BOOT_ACPI_FORMAT_H

#include "vmm/bits.h"
#include "vmm/endian.h"

#define __packed __attribute__((packed))

/* 5.2.5.3 */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes, the ACPI 1.0 part */
	char oem_id[6];
	uint8_t revision;
	le32 rsdt;
	le32 length;
	le64 xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __packed;
#define ACPI_RSDP_V1_LEN 20u

/* 5.2.6 */
struct acpi_header {
	char signature[4];
	le32 length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	le32 oem_revision;
	char creator_id[4];
	le32 creator_revision;
} __packed;

/* 5.2.3.2: generic address structure */
struct acpi_gas {
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size; /* 1 byte, 2 word, 3 dword, 4 qword */
	le64 address;
} __packed;
#define ACPI_GAS_MEMORY 0u
#define ACPI_GAS_IO     1u

/* 5.2.9 */
struct acpi_fadt {
	struct acpi_header h;
	le32 firmware_ctrl;
	le32 dsdt;
	uint8_t reserved0;
	uint8_t preferred_pm_profile;
	le16 sci_int;
	le32 smi_cmd;
	uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	le32 pm1a_evt_blk, pm1b_evt_blk, pm1a_cnt_blk, pm1b_cnt_blk, pm2_cnt_blk, pm_tmr_blk;
	le32 gpe0_blk, gpe1_blk;
	uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_blk_len, gpe1_blk_len;
	uint8_t gpe1_base, cst_cnt;
	le16 p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alrm, mon_alrm, century;
	le16 iapc_boot_arch;
	uint8_t reserved1;
	le32 flags;
	struct acpi_gas reset_reg;
	uint8_t reset_value;
	le16 arm_boot_arch;
	uint8_t minor_version;
	le64 x_firmware_ctrl, x_dsdt;
	struct acpi_gas x_pm1a_evt_blk, x_pm1b_evt_blk, x_pm1a_cnt_blk, x_pm1b_cnt_blk;
	struct acpi_gas x_pm2_cnt_blk, x_pm_tmr_blk, x_gpe0_blk, x_gpe1_blk;
	struct acpi_gas sleep_control_reg, sleep_status_reg;
	uint8_t hypervisor_vendor[8];
} __packed;

/* 5.2.9, fixed feature flags */
#define FADT_WBINVD             BIT(0)
#define FADT_WBINVD_FLUSH       BIT(1)
#define FADT_PROC_C1            BIT(2)
#define FADT_P_LVL2_UP          BIT(3)
#define FADT_PWR_BUTTON         BIT(4)
#define FADT_SLP_BUTTON         BIT(5)
#define FADT_FIX_RTC            BIT(6)
#define FADT_RTC_S4             BIT(7)
#define FADT_TMR_VAL_EXT        BIT(8)
#define FADT_RESET_REG_SUP      BIT(10)
#define FADT_HEADLESS           BIT(12)
#define FADT_USE_PLATFORM_CLOCK BIT(15)
#define FADT_HW_REDUCED_ACPI    BIT(20)

/* 5.2.9.3, IA-PC boot architecture flags */
#define FADT_LEGACY_DEVICES       BIT(0)
#define FADT_8042                 BIT(1)
#define FADT_VGA_NOT_PRESENT      BIT(2)
#define FADT_MSI_NOT_SUPPORTED    BIT(3)
#define FADT_PCIE_ASPM_CONTROLS   BIT(4)
#define FADT_CMOS_RTC_NOT_PRESENT BIT(5)

/* 5.2.10; has no checksum */
struct acpi_facs {
	char signature[4];
	le32 length;
	le32 hardware_signature;
	le32 firmware_waking_vector;
	le32 global_lock;
	le32 flags;
	le64 x_firmware_waking_vector;
	uint8_t version;
	uint8_t reserved0[3];
	le32 ospm_flags;
	uint8_t reserved1[24];
} __packed;

/* 5.2.12; interrupt controller structures follow */
struct acpi_madt {
	struct acpi_header h;
	le32 lapic_address;
	le32 flags;
} __packed;
#define MADT_PCAT_COMPAT BIT(0)

enum {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_SOURCE_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
	MADT_X2APIC = 9,
	MADT_X2APIC_NMI = 10,
};

/* 5.2.12.2 */
struct acpi_madt_lapic {
	uint8_t type, length;
	uint8_t processor_uid;
	uint8_t apic_id;
	le32 flags;
} __packed;
#define MADT_ENABLED BIT(0)

/* 5.2.12.3 */
struct acpi_madt_ioapic {
	uint8_t type, length;
	uint8_t ioapic_id;
	uint8_t reserved;
	le32 address;
	le32 gsi_base;
} __packed;

/* 5.2.12.5 */
struct acpi_madt_override {
	uint8_t type, length;
	uint8_t bus; /* 0: ISA */
	uint8_t source;
	le32 gsi;
	le16 flags;
} __packed;
/* 5.2.12.7 */
struct acpi_madt_lapic_nmi {
	uint8_t type, length;
	uint8_t processor_uid; /* 0xff: all */
	le16 flags;
	uint8_t lint;
} __packed;

/* 5.2.12.12 */
struct acpi_madt_x2apic {
	uint8_t type, length;
	le16 reserved;
	le32 x2apic_id;
	le32 flags;
	le32 processor_uid;
} __packed;

/* 5.2.12.13 */
struct acpi_madt_x2apic_nmi {
	uint8_t type, length;
	le16 flags;
	le32 processor_uid; /* 0xffffffff: all */
	uint8_t lint;
	uint8_t reserved[3];
} __packed;

/* One segment group, so one allocation structure. */
struct acpi_mcfg {
	struct acpi_header h;
	uint8_t reserved0[8];
	le64 base;
	le16 segment;
	uint8_t bus_start, bus_end;
	le32 reserved1;
} __packed;

struct acpi_spcr {
	struct acpi_header h;
	uint8_t interface_type; /* 0: full 16550 */
	uint8_t reserved0[3];
	struct acpi_gas base;
	uint8_t interrupt_type; /* bit 0: 8259, bit 1: I/O APIC */
	uint8_t irq;
	le32 gsi;
	uint8_t baud_rate; /* 7: 115200 */
	uint8_t parity;
	uint8_t stop_bits;
	uint8_t flow_control;
	uint8_t terminal_type; /* 3: ANSI */
	uint8_t language;
	le16 pci_device_id, pci_vendor_id; /* 0xffff: not a PCI device */
	uint8_t pci_bus, pci_device, pci_function;
	le32 pci_flags;
	uint8_t pci_segment;
	le32 reserved1;
} __packed;

_Static_assert(sizeof(struct acpi_rsdp) == 36, "5.2.5.3");
_Static_assert(sizeof(struct acpi_header) == 36, "5.2.6");
_Static_assert(sizeof(struct acpi_gas) == 12, "5.2.3.2");
_Static_assert(offsetof(struct acpi_fadt, sci_int) == 46, "5.2.9");
_Static_assert(offsetof(struct acpi_fadt, pm_tmr_blk) == 76, "5.2.9");
_Static_assert(offsetof(struct acpi_fadt, pm1_evt_len) == 88, "5.2.9");
_Static_assert(offsetof(struct acpi_fadt, century) == 108, "5.2.9");
_Static_assert(offsetof(struct acpi_fadt, iapc_boot_arch) == 109, "5.2.9");
_Static_assert(offsetof(struct acpi_fadt, flags) == 112, "5.2.9");
_Static_assert(offsetof(struct acpi_fadt, reset_reg) == 116, "5.2.9");
_Static_assert(offsetof(struct acpi_fadt, minor_version) == 131, "5.2.9");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "5.2.9");
_Static_assert(offsetof(struct acpi_fadt, x_pm_tmr_blk) == 208, "5.2.9");
_Static_assert(offsetof(struct acpi_fadt, sleep_control_reg) == 244, "5.2.9");
_Static_assert(sizeof(struct acpi_fadt) == 276, "5.2.9");
_Static_assert(sizeof(struct acpi_facs) == 64, "5.2.10");
_Static_assert(sizeof(struct acpi_madt) == 44, "5.2.12");
_Static_assert(sizeof(struct acpi_madt_lapic) == 8, "5.2.12.2");
_Static_assert(sizeof(struct acpi_madt_ioapic) == 12, "5.2.12.3");
_Static_assert(sizeof(struct acpi_madt_override) == 10, "5.2.12.5");
_Static_assert(sizeof(struct acpi_madt_lapic_nmi) == 6, "5.2.12.7");
_Static_assert(sizeof(struct acpi_madt_x2apic) == 16, "5.2.12.12");
_Static_assert(sizeof(struct acpi_madt_x2apic_nmi) == 12, "5.2.12.13");
_Static_assert(sizeof(struct acpi_mcfg) == 60, "one allocation of 16 bytes after 44");
_Static_assert(offsetof(struct acpi_spcr, base) == 40, "SPCR");
_Static_assert(offsetof(struct acpi_spcr, pci_device_id) == 64, "SPCR");
_Static_assert(sizeof(struct acpi_spcr) == 80, "SPCR revision 2");

#endif
