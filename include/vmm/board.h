/* SPDX-License-Identifier: MIT */
/*
 * board.h: the machine as the guest should learn of it. The machine layer fills one struct board;
 * ACPI, the device tree and the MP table are all made from it, so that they cannot disagree.
 */
#ifndef VMM_BOARD_H
#define VMM_BOARD_H

#include "vmm/guestmem.h"

struct error;

#define BOARD_MAX_DEVS   48
#define BOARD_MAX_RES    6
#define BOARD_MAX_RANGES 16

enum board_res_kind { BOARD_RES_PIO, BOARD_RES_MMIO, BOARD_RES_IRQ };

struct board_res {
	enum board_res_kind kind;
	uint64_t base, len; /* BOARD_RES_IRQ: base is the GSI; below 16 the ISA number (PIT: 0) */
	bool level, active_low, shared;
};

struct board_dev {
	char name[5];    /* ACPI NameSeg, "COM1" */
	const char *hid; /* "PNP0501"; NULL: not in ACPI */
	const char *cid; /* or NULL */
	unsigned uid;
	/* For the device tree and for people: "16550A UART". */
	const char *description;
	/* "ns16550a"; NULL: not in the device tree, and for the interrupt controllers, which get
	 * their nodes anyway. */
	const char *fdt_compatible;
	struct board_res res[BOARD_MAX_RES];
	unsigned res_cnt;
	bool console; /* SPCR and /chosen stdout-path point here (at most one) */
};

/* Values are E820 types (ACPI 6.4, table 15.4). */
enum board_range_kind { BOARD_RAM = 1, BOARD_RESERVED = 2, BOARD_ACPI = 3, BOARD_NVS = 4 };

struct board_range {
	gpa_t base;
	uint64_t len;
	enum board_range_kind kind;
};

struct board_pm {
	uint16_t pm1a_evt, pm1a_cnt, pm_tmr; /* port bases; lengths 4, 2, 4 */
	uint8_t sci_gsi;
	uint8_t s5_slp_typ;
	uint16_t reset_port;
	uint8_t reset_value;
	bool rtc_century;
	uint8_t century_reg; /* CMOS index */
};

struct board_window {
	uint64_t base, len; /* len 0: none */
};

/* The PCI host bridge; ecam_len 0: there is no PCI. */
struct board_pci {
	gpa_t ecam_base;
	uint64_t ecam_len;
	uint8_t bus_start, bus_end;
	struct board_window io, mem32, mem64; /* where BARs may be */
	uint32_t slots;                       /* with an interrupt pin (INTA#), a bit each */
	/* Where INTA# of slots 0 to 3 leads to, and so on for every four: with APICs, and without.
	 * Level-triggered, active low. */
	uint8_t gsi[4], irq[4];
};

struct board {
	unsigned cpu_cnt;
	const uint32_t *apic_ids; /* cpu_cnt of them, rising */
	unsigned threads, cores, sockets;
	uint32_t tsc_khz; /* 0: unknown */
	bool has_apic;    /* false: irqchip user; no MADT */
	gpa_t lapic_base, ioapic_base;
	uint8_t ioapic_id, ioapic_pins;
	bool has_pic;      /* MADT PCAT_COMPAT */
	bool irq0_is_gsi2; /* the classic override */
	bool has_8042, has_vga;
	struct board_pm pm;
	struct board_pci pci;
	struct board_range
		ranges[BOARD_MAX_RANGES]; /* sorted, not overlapping; all but unusable holes */
	unsigned range_cnt;
	struct board_dev devs[BOARD_MAX_DEVS];
	unsigned dev_cnt;
};

/*
 * Adds a device and returns it for adding resources; never NULL: one too many, a name used twice,
 * or a resource too many is our bug (assert). Strings are borrowed for as long as the board is
 * used. The names MBRD and PCI0 and a PNP0C02 of uid 0 are taken: the ports of struct board_pm and
 * the range of struct board_pci are claimed there; so are C000 to CFFF, the CPUs.
 */
struct board_dev *board_add(struct board *b, const char *name, const char *hid, unsigned uid);
void board_pio(struct board_dev *d, uint16_t base, uint16_t len);
void board_mmio(struct board_dev *d, gpa_t base, uint64_t len);
void board_irq(struct board_dev *d, unsigned gsi, bool level, bool active_low);

/* Polarity and trigger mode as ACPI (6.4, table 5.26) and the MP specification (1.4, table 4-10)
 * encode them. */
#define BOARD_INTI_HIGH  0x1u
#define BOARD_INTI_LOW   0x3u
#define BOARD_INTI_EDGE  0x4u
#define BOARD_INTI_LEVEL 0xcu

/*
 * How the 16 ISA interrupts are wired: 0 where that is edge triggered, active high, as ISA has it.
 * A level-triggered or active-low interrupt of a device is found by itself; the SCI is level,
 * active high, unless a device on the same line says otherwise.
 */
void board_isa_irq_flags(const struct board *b, unsigned flags[16]);

/* --- ACPI 6.4 (src/boot/acpi.c, aml.c) -------------------------------------------------------- */

struct acpi_blob {
	char sig[5]; /* "DSDT"; "RSDP" */
	uint8_t *data;
	size_t len;
	gpa_t gpa;
};
#define ACPI_MAX_TABLES 12
struct acpi_tables {
	struct acpi_blob t[ACPI_MAX_TABLES];
	unsigned cnt;
	gpa_t rsdp;
};

/*
 * Builds RSDP, XSDT, FADT, MADT (if has_apic), MCFG (if PCI), SPCR (if a console device), DSDT and
 * FACS with final addresses: the RSDP at @rsdp_gpa, all others packed from @base, at most @len
 * bytes. The caller owns the result.
 */
int acpi_build(const struct board *b, gpa_t rsdp_gpa, gpa_t base, uint64_t len,
	       struct acpi_tables *ret, struct error **errp) __must_check;
int acpi_write(const struct acpi_tables *t, struct guest_mem *gm, struct error **errp) __must_check;
/* One file per table, for iasl -d: DIR/dsdt.dat, apic.dat, ... (names as acpidump's), and rsdp.bin.
 * Creates DIR; overwrites. */
int acpi_dump(const struct acpi_tables *t, const char *dir, struct error **errp) __must_check;
void acpi_free(struct acpi_tables *t); /* accepts a zeroed struct */

/* --- MP table, MultiProcessor Specification 1.4 (src/boot/mptable.c) -------------------------- */

/* Writes the floating pointer and the table at @gpa (16-byte aligned, at most @len bytes). Up to
 * 255 APIC ids. */
int mptable_write(const struct board *b, struct guest_mem *gm, gpa_t gpa, uint64_t len,
		  struct error **errp) __must_check;

/* --- device tree (src/boot/fdt.c, over libfdt) ------------------------------------------------ */

/* Builds a flattened device tree; the caller frees *ret. @cmdline and the initrd range go to
 * /chosen (initrd_len 0: none). */
int fdt_build(const struct board *b, const char *cmdline, gpa_t initrd, uint64_t initrd_len,
	      uint8_t **ret, size_t *ret_len, struct error **errp) __must_check;

#endif
