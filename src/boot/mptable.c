/* SPDX-License-Identifier: MIT */
/*
 * mptable.c: the MultiProcessor Specification 1.4 tables of a board, for guests without ACPI.
 *
 * The floating pointer comes first, the configuration table right behind it: in the last KiB of
 * base memory or in the BIOS area both are where an OS looks (4.1).
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "vmm/bits.h"
#include "vmm/board.h"
#include "vmm/endian.h"
#include "vmm/error.h"
#include "vmm/str.h"

#define __packed __attribute__((packed))

/* 4.1 */
struct mp_floating {
	char signature[4];
	le32 config;
	uint8_t length; /* in 16-byte units */
	uint8_t spec_rev;
	uint8_t checksum;
	uint8_t feature[5];
} __packed;

/* 4.2 */
struct mp_config {
	char signature[4];
	le16 length;
	uint8_t spec_rev;
	uint8_t checksum;
	char oem_id[8];
	char product_id[12];
	le32 oem_table;
	le16 oem_table_size;
	le16 entry_cnt;
	le32 lapic;
	le16 ext_length;
	uint8_t ext_checksum;
	uint8_t reserved;
} __packed;

enum { MP_PROCESSOR, MP_BUS, MP_IOAPIC, MP_IO_INTERRUPT, MP_LOCAL_INTERRUPT };

/* 4.3.1 */
struct mp_processor {
	uint8_t type;
	uint8_t lapic_id;
	uint8_t lapic_version;
	uint8_t flags;
	le32 signature;
	le32 features;
	uint8_t reserved[8];
} __packed;
#define MP_CPU_ENABLED 1u
#define MP_CPU_BSP     2u

/* 4.3.2 */
struct mp_bus {
	uint8_t type;
	uint8_t id;
	char name[6] __nonstring;
} __packed;

/* 4.3.3 */
struct mp_ioapic {
	uint8_t type;
	uint8_t id;
	uint8_t version;
	uint8_t flags;
	le32 address;
} __packed;

/* 4.3.4, 4.3.5: the same shape */
struct mp_interrupt {
	uint8_t type;
	uint8_t kind;
	le16 flags;
	uint8_t src_bus, src_irq;
	uint8_t dst_apic, dst_pin;
} __packed;

enum { MP_INT, MP_NMI, MP_SMI, MP_EXTINT };

_Static_assert(sizeof(struct mp_floating) == 16, "4.1");
_Static_assert(sizeof(struct mp_config) == 44, "4.2");
_Static_assert(sizeof(struct mp_processor) == 20, "4.3.1");
_Static_assert(sizeof(struct mp_bus) == 8, "4.3.2");
_Static_assert(sizeof(struct mp_ioapic) == 8, "4.3.3");
_Static_assert(sizeof(struct mp_interrupt) == 8, "4.3.4");

#define MP_SPEC_1_4    4u
#define MP_ALL_APICS   0xffu
#define MP_MAX_APIC_ID 0xfeu                /* 8 bits, and all ones means every APIC */
#define MP_LAPIC_14    0x14u                /* integrated local APIC, as the CPUs report it */
#define MP_IOAPIC_11   0x11u                /* 82093AA */
#define MP_PCI_BUS     0u                   /* PCI's own number for it */
#define MP_MAX_OTHER   (1u + 1u + 16u + 2u) /* entries that are not processors, nor PCI's */

/* The table under construction; what is not there yet is counted by add(). */
struct mp_table {
	struct str bytes;
	uint16_t entries;
	uint8_t isa_bus; /* its id */
};

static void add(struct mp_table *t, const void *entry, size_t len)
{
	str_add_bytes(&t->bytes, entry, len);
	t->entries++;
}

/*
 * 4.3.1: one processor is the boot one. Signature and features are CPUID's; an OS of this century
 * asks the CPU itself, so they say what every CPU we run on has: family 6, FPU, APIC.
 */
static void add_processors(struct mp_table *t, const struct board *b)
{
	for (unsigned i = 0; i < b->cpu_cnt; i++) {
		struct mp_processor p = {
			.type = MP_PROCESSOR,
			.lapic_id = (uint8_t)b->apic_ids[i],
			.lapic_version = MP_LAPIC_14,
			.flags = MP_CPU_ENABLED | (i ? 0 : MP_CPU_BSP),
			.signature = le32_make(0x600),
			.features = le32_make(BIT(0) | BIT(9)),
		};

		add(t, &p, sizeof(p));
	}
}

/* Of the ISA bus. */
static void add_interrupt(struct mp_table *t, unsigned type, unsigned kind, unsigned flags,
			  unsigned irq, unsigned apic, unsigned pin)
{
	struct mp_interrupt e = {
		.type = (uint8_t)type,
		.kind = (uint8_t)kind,
		.flags = le16_make((uint16_t)flags),
		.src_bus = t->isa_bus,
		.src_irq = (uint8_t)irq,
		.dst_apic = (uint8_t)apic,
		.dst_pin = (uint8_t)pin,
	};

	add(t, &e, sizeof(e));
}

/*
 * 5.3.1: ISA interrupt n is pin n, but the timer is on pin 2, which is free because interrupt 2 is
 * the second 8259's and never seen. The flags' encoding is that of ACPI.
 */
static void add_isa_interrupts(struct mp_table *t, const struct board *b)
{
	unsigned flags[16];

	board_isa_irq_flags(b, flags);
	for (unsigned irq = 0; irq < ARRAY_LEN(flags); irq++) {
		unsigned pin = irq == 0 && b->irq0_is_gsi2 ? 2 : irq;

		if ((irq == 2 && b->irq0_is_gsi2) || pin >= b->ioapic_pins)
			continue;
		add_interrupt(t, MP_IO_INTERRUPT, MP_INT, flags[irq], irq, b->ioapic_id, pin);
	}
}

static bool has_pci(const struct board *b)
{
	return b->pci.ecam_len;
}

/* D.3: for PCI the source is 6:2 device, 1:0 pin, INTA# being 0. */
static void add_pci_interrupts(struct mp_table *t, const struct board *b)
{
	for (unsigned slot = 0; slot < 32; slot++) {
		struct mp_interrupt e = {
			.type = MP_IO_INTERRUPT,
			.kind = MP_INT,
			.flags = le16_make(BOARD_INTI_LEVEL | BOARD_INTI_LOW),
			.src_bus = MP_PCI_BUS,
			.src_irq = (uint8_t)(slot << 2),
			.dst_apic = b->ioapic_id,
			.dst_pin = b->pci.gsi[slot % 4],
		};

		if (has_pci(b) && (b->pci.slots & BIT(slot)))
			add(t, &e, sizeof(e));
	}
}

/* 3.6.2.2, virtual wire mode: the 8259's output is on LINT0 of the boot processor; NMI on LINT1 of
 * all. */
static void add_local_interrupts(struct mp_table *t, const struct board *b)
{
	if (b->has_pic)
		add_interrupt(t, MP_LOCAL_INTERRUPT, MP_EXTINT, 0, 0, b->apic_ids[0], 0);
	add_interrupt(t, MP_LOCAL_INTERRUPT, MP_NMI, 0, 0, MP_ALL_APICS, 1);
}

static void add_all(struct mp_table *t, const struct board *b)
{
	const struct mp_bus pci = { .type = MP_BUS, .id = MP_PCI_BUS, .name = "PCI   " };
	const struct mp_bus isa = { .type = MP_BUS, .id = t->isa_bus, .name = "ISA   " };
	const struct mp_ioapic io = {
		.type = MP_IOAPIC,
		.id = b->ioapic_id,
		.version = MP_IOAPIC_11,
		.flags = 1, /* usable */
		.address = le32_make((uint32_t)b->ioapic_base),
	};

	add_processors(t, b);
	if (has_pci(b))
		add(t, &pci, sizeof(pci));
	add(t, &isa, sizeof(isa));
	add(t, &io, sizeof(io));
	add_isa_interrupts(t, b);
	add_pci_interrupts(t, b);
	add_local_interrupts(t, b);
}

static uint8_t checksum(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *b++);
	return (uint8_t)-sum;
}

static void finish(struct mp_table *t, const struct board *b, gpa_t gpa)
{
	uint8_t *p = (uint8_t *)t->bytes.s;
	struct mp_floating f = {
		.signature = { '_', 'M', 'P', '_' },
		.config = le32_make((uint32_t)(gpa + sizeof(f))),
		.length = 1,
		.spec_rev = MP_SPEC_1_4,
		/* features all 0: a table is there; no IMCR, so virtual wire mode */
	};
	struct mp_config c = {
		.signature = { 'P', 'C', 'M', 'P' },
		.length = le16_make((uint16_t)(t->bytes.len - sizeof(f))),
		.spec_rev = MP_SPEC_1_4,
		.entry_cnt = le16_make(t->entries),
		.lapic = le32_make((uint32_t)b->lapic_base),
	};

	memcpy(c.oem_id, "TRAPEZE ", sizeof(c.oem_id));
	memcpy(c.product_id, "PC          ", sizeof(c.product_id));
	f.checksum = checksum(&f, sizeof(f));
	memcpy(p, &f, sizeof(f));
	memcpy(p + sizeof(f), &c, sizeof(c));
	c.checksum = checksum(p + sizeof(f), t->bytes.len - sizeof(f));
	memcpy(p + sizeof(f), &c, sizeof(c));
}

/* What has to fit, said in CPUs, before anything is built. */
static int check_board(const struct board *b, uint64_t len, struct error **errp)
{
	const size_t pci = has_pci(b) ? 1 + (size_t)__builtin_popcount(b->pci.slots) : 0;
	const size_t fixed = sizeof(struct mp_floating) + sizeof(struct mp_config) +
			     (MP_MAX_OTHER + pci) * sizeof(struct mp_interrupt);
	uint64_t fit = len < fixed ? 0 : (len - fixed) / sizeof(struct mp_processor);

	if (!b->has_apic)
		return err_set(errp, EINVAL, "an MP table needs an APIC, which this machine lacks");
	for (unsigned i = 0; i < b->cpu_cnt; i++) {
		if (b->apic_ids[i] > MP_MAX_APIC_ID) {
			err_set(errp, E2BIG,
				"an MP table cannot name APIC id %u of CPU %u: it ends at %u",
				b->apic_ids[i], i, MP_MAX_APIC_ID);
			err_hint(errp, "use fewer CPUs, or ACPI alone");
			return -E2BIG;
		}
	}
	if (b->cpu_cnt <= fit)
		return 0;
	err_set(errp, ENOSPC,
		"an MP table for %u CPUs does not fit: there is room for %llu in %llu bytes",
		b->cpu_cnt, (unsigned long long)fit, (unsigned long long)len);
	err_hint(errp, "use fewer CPUs, or ACPI alone");
	return -ENOSPC;
}

int mptable_write(const struct board *b, struct guest_mem *gm, gpa_t gpa, uint64_t len,
		  struct error **errp)
{
	static const char headers[sizeof(struct mp_floating) + sizeof(struct mp_config)];
	struct mp_table t = { .isa_bus = has_pci(b) ? MP_PCI_BUS + 1 : 0 };
	int r;

	assert(gpa % 16 == 0 && gpa <= UINT32_MAX - UINT16_MAX);
	r = check_board(b, len, errp);
	if (r < 0)
		return r;
	str_add_bytes(&t.bytes, headers, sizeof(headers));
	add_all(&t, b);
	if (t.bytes.failed) {
		str_free(&t.bytes);
		return err_errno(errp, ENOMEM, "making the MP table");
	}
	assert(t.bytes.len <= len);
	finish(&t, b, gpa);
	if (!gm_write(gm, gpa, t.bytes.s, t.bytes.len))
		r = err_set(errp, EFAULT, "the MP table at %#llx is not in guest RAM",
			    (unsigned long long)gpa);
	str_free(&t.bytes);
	return r;
}
