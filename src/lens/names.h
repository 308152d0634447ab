/* SPDX-License-Identifier: MIT */
/*
 * names.h: what registers, their bits and the fields of a device's state are called. A file
 * names_TYPE.c has those of the devices of that type.
 */
#ifndef LENS_NAMES_H
#define LENS_NAMES_H

#include "vmm/lens.h"

/* Bits that belong together, from the lowest; a table ends with a mask of 0. */
struct bits {
	uint64_t mask;
	const char *name;
};
/* A byte stream's: the value is a character. */
extern const struct bits is_character[];

/* A register at [off, off + len) of a region. NULL: not to be read, or written. */
struct reg {
	uint32_t off, len;
	const char *read, *write;
	const struct bits *read_bits, *write_bits;
};

/* A field of a device's state. No name: it is of no interest. */
struct state {
	const char *field, *name;
	const struct bits *bits;
};

/* What the guest has selected, in words that each type of device has a use of its own for. */
#define SEEN_WORDS 4
struct seen {
	uint32_t word[SEEN_WORDS];
};
extern const struct seen seen_nothing;

/* An access to a device. */
struct access {
	const struct lens *lens;
	const struct trace_device *dev;
	const struct trace_region *region;
	const struct trace_rec *x;
	bool write;
	uint32_t off;
	uint64_t value;
	bool whole; /* it began there, and not at another device's register before it */
};

struct chip {
	const char *type; /* trace_device.type */
	/* Adds the register's name to @ret. The bits it has; NULL: none. */
	const struct bits *(*name)(const struct access *a, const struct seen *s, struct str *ret);
	/* What the access changes. NULL: nothing that matters. */
	void (*see)(const struct access *a, struct seen *s);
	const struct state *state; /* ends with a field NULL */
	/* An element of the array @field, if it has a name of its own; its bits. Adds nothing: it
	 * has none. */
	const struct bits *(*element)(const char *field, uint32_t index, struct str *ret);
};

extern const struct chip chip_acpi_pm, chip_debugcon, chip_debugexit, chip_i8042, chip_i8254,
	chip_i8259, chip_ioapic, chip_mc146818, chip_ns16550, chip_pci_host, chip_postcode,
	chip_pvpanic, chip_sysctl_a, chip_virtio_mmio, chip_virtio_pci;

/* NULL: none is known of this type. */
const struct chip *chip_find(const char *type);

/* Adds "@title NAME", by a table; "+0x12" if it has none there. Its bits. */
const struct bits *name_reg(const struct access *a, const char *title, const struct reg *regs,
			    unsigned cnt, struct str *ret);

bool in_region(const struct access *a, const char *name);

/* "disk0", of "disk0-pci". */
void name_virtio(const struct trace_device *transport, struct str *ret);

/* The register at @off of a function's configuration space: "BAR4", "0x44". */
void name_pci_register(uint32_t off, struct str *ret);

/* What is usually at a port or address where this machine has nothing; NULL: nothing known. */
const char *name_port(uint64_t port);
const char *name_memory(uint64_t addr);
/* NULL: no MSR that is known. */
const char *name_msr(uint64_t msr);
/* KVM_EXIT_; NULL: not known. */
const char *name_kvm_exit(uint64_t reason);

/* "THRE|TEMT", "SLP_TYP=5": those of @v that are set. */
void bits_name(const struct bits *b, uint64_t v, struct str *ret);
/* "LSR.THRE 0 -> 1, LSR.DR 1 -> 0": those in which @from and @to differ. */
void bits_change(const char *name, const struct bits *b, uint64_t from, uint64_t to,
		 struct str *ret);

#endif
