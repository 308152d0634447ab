/* SPDX-License-Identifier: MIT */
/*
 * acpi.c: the ACPI tables of a board. Section numbers are of ACPI 6.4.
 *
 * All tables are made first, without addresses; then they are placed, then linked to each other,
 * then summed.
 */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "boot/acpi_dsdt.h"
#include "boot/acpi_format.h"
#include "vmm/board.h"
#include "vmm/error.h"
#include "vmm/io.h"

#define OEM_ID       "TRAPEZ"
#define OEM_TABLE_ID "TRAPEZE "
#define CREATOR_ID   "TRPZ"

/* --- helpers ------------------------------------------------------------------------------ */

static uint8_t sum8(const void *p, size_t len)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + b[i]);
	return sum;
}

static struct acpi_header header(const char *sig, size_t len, uint8_t revision)
{
	struct acpi_header h = {
		.length = le32_make((uint32_t)len),
		.revision = revision,
		.oem_revision = le32_make(1),
		.creator_revision = le32_make(1),
	};

	memcpy(h.signature, sig, sizeof(h.signature));
	memcpy(h.oem_id, OEM_ID, sizeof(h.oem_id));
	memcpy(h.oem_table_id, OEM_TABLE_ID, sizeof(h.oem_table_id));
	memcpy(h.creator_id, CREATOR_ID, sizeof(h.creator_id));
	return h;
}

/* Appends a table, taking @data over; NULL data latches as no memory. */
static void add_table(struct acpi_tables *t, const char *sig, uint8_t *data, size_t len)
{
	struct acpi_blob *b = &t->t[t->cnt];

	assert(t->cnt < ACPI_MAX_TABLES);
	t->cnt++;
	memcpy(b->sig, sig, 4);
	b->data = data;
	b->len = data ? len : 0;
}

static void add_copy(struct acpi_tables *t, const char *sig, const void *p, size_t len)
{
	uint8_t *data = malloc(len);

	if (data)
		memcpy(data, p, len);
	add_table(t, sig, data, len);
}

static struct acpi_blob *find_table(struct acpi_tables *t, const char *sig)
{
	for (unsigned i = 0; i < t->cnt; i++)
		if (!strcmp(t->t[i].sig, sig))
			return &t->t[i];
	return NULL;
}

static void set_checksum(struct acpi_blob *b)
{
	struct acpi_header *h = (struct acpi_header *)b->data;

	h->checksum = 0;
	h->checksum = (uint8_t)-sum8(b->data, b->len);
}

/* --- FADT (5.2.9), FACS (5.2.10) ---------------------------------------------------------- */

static struct acpi_gas gas_io(uint16_t port, unsigned bytes, unsigned access)
{
	return (struct acpi_gas){
		.space = ACPI_GAS_IO,
		.bit_width = (uint8_t)(bytes * 8),
		.access_size = (uint8_t)access,
		.address = le64_make(port),
	};
}

static bool has_hid(const struct board *b, const char *prefix)
{
	for (unsigned i = 0; i < b->dev_cnt; i++)
		if (b->devs[i].hid && !strncmp(b->devs[i].hid, prefix, strlen(prefix)))
			return true;
	return false;
}

/*
 * WBINVD works. C1 is HLT, on all CPUs. PWR_BUTTON clear: the power button is fixed hardware;
 * SLP_BUTTON set: no sleep button is. FIX_RTC set: the alarm has no status bit in the PM1 registers
 * (RTC_S4 clear: nor does it wake from S4, which we lack). The PM timer has 32 bits.
 */
static uint32_t fadt_flags(const struct board *b)
{
	return FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_TMR_VAL_EXT |
	       (b->pm.reset_port ? FADT_RESET_REG_SUP : 0) |
	       (!b->has_vga && !b->has_8042 ? FADT_HEADLESS : 0);
}

/* 5.2.9.3. LEGACY_DEVICES: what a user can see on the ISA bus, such as serial ports. The 8042 bit
 * is what makes an OS probe for it, or not. */
static uint16_t fadt_boot_arch(const struct board *b)
{
	uint32_t v = 0;

	v |= has_hid(b, "PNP05") || b->has_8042 ? FADT_LEGACY_DEVICES : 0;
	v |= b->has_8042 ? FADT_8042 : 0;
	v |= b->has_vga ? 0 : FADT_VGA_NOT_PRESENT;
	v |= b->has_apic ? 0 : FADT_MSI_NOT_SUPPORTED;
	v |= has_hid(b, "PNP0B0") ? 0 : FADT_CMOS_RTC_NOT_PRESENT;
	return (uint16_t)v;
}

static void add_fadt(struct acpi_tables *t, const struct board *b)
{
	const struct board_pm *pm = &b->pm;
	struct acpi_fadt f = {
		.h = header("FACP", sizeof(f), 6),
		.minor_version = 4,
		.sci_int = le16_make(pm->sci_gsi),
		/* SMI_CMD 0: there is no legacy mode to leave (4.8.2.5: SCI_EN is always set). */
		.pm1a_evt_blk = le32_make(pm->pm1a_evt),
		.pm1a_cnt_blk = le32_make(pm->pm1a_cnt),
		.pm_tmr_blk = le32_make(pm->pm_tmr),
		.pm1_evt_len = 4,
		.pm1_cnt_len = 2,
		.pm_tmr_len = 4,
		.p_lvl2_lat = le16_make(101),  /* above 100: no C2 */
		.p_lvl3_lat = le16_make(1001), /* above 1000: no C3 */
		.century = pm->rtc_century ? pm->century_reg : 0,
		.iapc_boot_arch = le16_make(fadt_boot_arch(b)),
		.flags = le32_make(fadt_flags(b)),
		.reset_value = pm->reset_value,
		.x_pm1a_evt_blk = gas_io(pm->pm1a_evt, 4, 2),
		.x_pm1a_cnt_blk = gas_io(pm->pm1a_cnt, 2, 2),
		.x_pm_tmr_blk = gas_io(pm->pm_tmr, 4, 3),
	};

	if (pm->reset_port)
		f.reset_reg = gas_io(pm->reset_port, 1, 1);
	memcpy(f.hypervisor_vendor, OEM_TABLE_ID, sizeof(f.hypervisor_vendor));
	add_copy(t, "FACP", &f, sizeof(f));
}

static void add_facs(struct acpi_tables *t)
{
	struct acpi_facs f = {
		.signature = { 'F', 'A', 'C', 'S' },
		.length = le32_make(sizeof(f)),
		.version = 2,
	};

	add_copy(t, "FACS", &f, sizeof(f));
}

/* --- MADT (5.2.12) ------------------------------------------------------------------------ */

/*
 * 5.2.12.2: ids below 255 must be local APIC structures, others x2APIC ones. A local APIC structure
 * has a byte for the processor's UID, its index: with ids rising the index is at most the id.
 */
static void append_cpu(struct aml *a, unsigned uid, uint32_t id)
{
	struct acpi_madt_lapic l = {
		.type = MADT_LAPIC,
		.length = sizeof(l),
		.processor_uid = (uint8_t)uid,
		.apic_id = (uint8_t)id,
		.flags = le32_make(MADT_ENABLED),
	};
	struct acpi_madt_x2apic x = {
		.type = MADT_X2APIC,
		.length = sizeof(x),
		.x2apic_id = le32_make(id),
		.flags = le32_make(MADT_ENABLED),
		.processor_uid = le32_make(uid),
	};

	if (id < 255)
		aml_raw(a, &l, sizeof(l));
	else
		aml_raw(a, &x, sizeof(x));
}

static void append_override(struct aml *a, unsigned irq, unsigned gsi, unsigned flags)
{
	struct acpi_madt_override o = {
		.type = MADT_SOURCE_OVERRIDE,
		.length = sizeof(o),
		.source = (uint8_t)irq,
		.gsi = le32_make(gsi),
		.flags = le16_make((uint16_t)flags),
	};

	aml_raw(a, &o, sizeof(o));
}

/* 5.2.12.4: ISA interrupts are identity-mapped, edge, active high, unless an override says so. */
static void append_overrides(struct aml *a, const struct board *b)
{
	unsigned flags[16];

	board_isa_irq_flags(b, flags);
	if (b->irq0_is_gsi2)
		append_override(a, 0, 2, 0);
	for (unsigned irq = 0; irq < ARRAY_LEN(flags); irq++)
		if (flags[irq])
			append_override(a, irq, irq, flags[irq]);
}

/* NMI is wired to LINT1 of every CPU, as on every PC. */
static void append_nmi(struct aml *a, bool x2apic)
{
	struct acpi_madt_lapic_nmi l = {
		.type = MADT_LAPIC_NMI,
		.length = sizeof(l),
		.processor_uid = 0xff,
		.lint = 1,
	};
	struct acpi_madt_x2apic_nmi x = {
		.type = MADT_X2APIC_NMI,
		.length = sizeof(x),
		.processor_uid = le32_make(UINT32_MAX),
		.lint = 1,
	};

	aml_raw(a, &l, sizeof(l));
	if (x2apic)
		aml_raw(a, &x, sizeof(x));
}

static void add_madt(struct acpi_tables *t, const struct board *b)
{
	struct aml a = { 0 }; /* a growing buffer is all we need of it */
	struct acpi_madt m = {
		.lapic_address = le32_make((uint32_t)b->lapic_base),
		.flags = le32_make(b->has_pic ? MADT_PCAT_COMPAT : 0),
	};
	struct acpi_madt_ioapic io = {
		.type = MADT_IOAPIC,
		.length = sizeof(io),
		.ioapic_id = b->ioapic_id,
		.address = le32_make((uint32_t)b->ioapic_base),
	};
	bool x2apic = false;
	uint8_t *data;
	size_t len;

	aml_raw(&a, &m, sizeof(m));
	for (unsigned i = 0; i < b->cpu_cnt; i++) {
		append_cpu(&a, i, b->apic_ids[i]);
		x2apic |= b->apic_ids[i] >= 255;
	}
	aml_raw(&a, &io, sizeof(io));
	append_overrides(&a, b);
	append_nmi(&a, x2apic);
	data = aml_take(&a, &len);
	if (data)
		((struct acpi_madt *)data)->h = header("APIC", len, 5);
	add_table(t, "APIC", data, len);
}

/* --- MCFG, SPCR --------------------------------------------------------------------------- */

static void add_mcfg(struct acpi_tables *t, const struct board *b)
{
	struct acpi_mcfg m = {
		.h = header("MCFG", sizeof(m), 1),
		.base = le64_make(b->pci.ecam_base),
		.bus_start = b->pci.bus_start,
		.bus_end = b->pci.bus_end,
	};

	add_copy(t, "MCFG", &m, sizeof(m));
}

static const struct board_res *find_res(const struct board_dev *d, enum board_res_kind kind)
{
	for (unsigned i = 0; i < d->res_cnt; i++)
		if (d->res[i].kind == kind)
			return &d->res[i];
	return NULL;
}

static void add_spcr(struct acpi_tables *t, const struct board *b, const struct board_dev *d)
{
	const struct board_res *pio = find_res(d, BOARD_RES_PIO);
	const struct board_res *irq = find_res(d, BOARD_RES_IRQ);
	struct acpi_spcr s = {
		.h = header("SPCR", sizeof(s), 2),
		.baud_rate = 7, /* 115200 */
		.stop_bits = 1,
		.terminal_type = 3, /* ANSI */
		.pci_device_id = le16_make(0xffff),
		.pci_vendor_id = le16_make(0xffff),
	};

	if (!pio)
		return;
	s.base = gas_io((uint16_t)pio->base, 1, 1);
	if (irq && b->has_pic && irq->base < 16) {
		s.interrupt_type |= BIT(0);
		s.irq = (uint8_t)irq->base;
	}
	if (irq && b->has_apic) {
		s.interrupt_type |= BIT(1);
		s.gsi = le32_make((uint32_t)irq->base);
	}
	add_copy(t, "SPCR", &s, sizeof(s));
}

/* --- DSDT (5.2.11.1) ---------------------------------------------------------------------- */

static void add_dsdt(struct acpi_tables *t, const struct board *b)
{
	struct acpi_header h = { 0 };
	struct aml a = { 0 };
	uint8_t *data;
	size_t len;

	aml_raw(&a, &h, sizeof(h));
	dsdt_append(&a, b);
	data = aml_take(&a, &len);
	if (data) {
		h = header("DSDT", len, 2); /* 2: integers have 64 bits */
		memcpy(data, &h, sizeof(h));
	}
	add_table(t, "DSDT", data, len);
}

/* --- RSDP (5.2.5.3), XSDT (5.2.8) --------------------------------------------------------- */

/*
 * No RSDT: revision 2 of the RSDP exists since ACPI 2.0 (2000), and whoever reads it prefers the
 * XSDT; Linux does so in its decompressor too.
 */
static void add_rsdp(struct acpi_tables *t)
{
	struct acpi_rsdp r = {
		.revision = 2,
		.length = le32_make(sizeof(r)),
	};

	memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
	memcpy(r.oem_id, OEM_ID, sizeof(r.oem_id));
	add_copy(t, "RSDP", &r, sizeof(r));
}

/* Tables the XSDT does not list: it is found through the RSDP, DSDT and FACS through the FADT. */
static bool in_xsdt(const struct acpi_blob *b)
{
	return strcmp(b->sig, "RSDP") && strcmp(b->sig, "XSDT") && strcmp(b->sig, "DSDT") &&
	       strcmp(b->sig, "FACS");
}

static void add_xsdt(struct acpi_tables *t)
{
	size_t len = sizeof(struct acpi_header);
	struct acpi_header h;
	uint8_t *data;

	for (unsigned i = 0; i < t->cnt; i++)
		len += in_xsdt(&t->t[i]) ? 8 : 0;
	data = calloc(1, len);
	if (data) {
		h = header("XSDT", len, 1);
		memcpy(data, &h, sizeof(h));
	}
	add_table(t, "XSDT", data, len);
}

/* --- placing and linking ------------------------------------------------------------------ */

static size_t alignment(const struct acpi_blob *b)
{
	return strcmp(b->sig, "FACS") ? 16 : 64; /* 5.2.10: FACS on a 64-byte boundary */
}

static int place(struct acpi_tables *t, const struct board *b, gpa_t rsdp_gpa, gpa_t base,
		 uint64_t len, struct error **errp)
{
	uint64_t at = base;

	for (unsigned i = 0; i < t->cnt; i++) {
		struct acpi_blob *bl = &t->t[i];

		if (!strcmp(bl->sig, "RSDP")) {
			bl->gpa = rsdp_gpa;
			continue;
		}
		at = align_up(at, alignment(bl));
		bl->gpa = at;
		at += bl->len;
	}
	t->rsdp = rsdp_gpa;
	if (at - base <= len)
		return 0;
	err_set(errp, ENOSPC,
		"the ACPI tables for %u CPUs need %llu bytes, but only %llu are set "
		"aside for them",
		b->cpu_cnt, (unsigned long long)(at - base), (unsigned long long)len);
	err_hint(errp, "use fewer CPUs");
	return -ENOSPC;
}

static void link_tables(struct acpi_tables *t)
{
	struct acpi_blob *xsdt = find_table(t, "XSDT"), *facs = find_table(t, "FACS");
	struct acpi_blob *dsdt = find_table(t, "DSDT"), *fadt = find_table(t, "FACP");
	struct acpi_rsdp *rsdp = (struct acpi_rsdp *)find_table(t, "RSDP")->data;
	struct acpi_fadt *f = (struct acpi_fadt *)fadt->data;
	uint8_t *entry = xsdt->data + sizeof(struct acpi_header);

	for (unsigned i = 0; i < t->cnt; i++) {
		if (in_xsdt(&t->t[i])) {
			put_le64(entry, t->t[i].gpa);
			entry += 8;
		}
	}
	/* All is below 4 GiB. X_FIRMWARE_CTRL stays 0: if both were set the OS would map two. */
	f->firmware_ctrl = le32_make((uint32_t)facs->gpa);
	f->dsdt = le32_make((uint32_t)dsdt->gpa);
	f->x_dsdt = le64_make(dsdt->gpa);
	rsdp->xsdt = le64_make(xsdt->gpa);

	for (unsigned i = 0; i < t->cnt; i++)
		if (strcmp(t->t[i].sig, "FACS") && strcmp(t->t[i].sig, "RSDP"))
			set_checksum(&t->t[i]);
	rsdp->checksum = (uint8_t)-sum8(rsdp, ACPI_RSDP_V1_LEN);
	rsdp->extended_checksum = (uint8_t)-sum8(rsdp, sizeof(*rsdp));
}

static int check_board(const struct board *b, gpa_t base, uint64_t len, struct error **errp)
{
	assert(b->pm.pm1a_evt && b->pm.pm1a_cnt && b->pm.pm_tmr && b->cpu_cnt);
	assert(base + len <= UINT64_C(1) << 32 && base + len >= base);
	for (unsigned i = 1; i < b->cpu_cnt; i++)
		assert(b->apic_ids[i] > b->apic_ids[i - 1]); /* see append_cpu() */
	if (b->cpu_cnt <= DSDT_MAX_CPUS)
		return 0;
	return err_set(errp, E2BIG, "%u CPUs are more than the ACPI tables can name (%u)",
		       b->cpu_cnt, DSDT_MAX_CPUS);
}

static void add_all(struct acpi_tables *t, const struct board *b)
{
	add_rsdp(t);
	add_fadt(t, b);
	if (b->has_apic)
		add_madt(t, b);
	if (b->pci.ecam_len)
		add_mcfg(t, b);
	for (unsigned i = 0; i < b->dev_cnt; i++) {
		if (b->devs[i].console) {
			add_spcr(t, b, &b->devs[i]);
			break;
		}
	}
	add_facs(t);
	add_dsdt(t, b);
	add_xsdt(t);
}

int acpi_build(const struct board *b, gpa_t rsdp_gpa, gpa_t base, uint64_t len,
	       struct acpi_tables *ret, struct error **errp)
{
	_cleanup_(acpi_free) struct acpi_tables t = { 0 };
	int r;

	assert(rsdp_gpa % 16 == 0); /* 5.2.5.1 */
	r = check_board(b, base, len, errp);
	if (r < 0)
		return r;
	add_all(&t, b);
	for (unsigned i = 0; i < t.cnt; i++)
		if (!t.t[i].data)
			return err_errno(errp, ENOMEM, "making the ACPI tables");
	r = place(&t, b, rsdp_gpa, base, len, errp);
	if (r < 0)
		return r;
	link_tables(&t);
	*ret = t;
	t = (struct acpi_tables){ 0 };
	return 0;
}

/* --- what is done with them --------------------------------------------------------------- */

void acpi_free(struct acpi_tables *t)
{
	for (unsigned i = 0; i < t->cnt; i++)
		free(t->t[i].data);
	*t = (struct acpi_tables){ 0 };
}

int acpi_write(const struct acpi_tables *t, struct guest_mem *gm, struct error **errp)
{
	for (unsigned i = 0; i < t->cnt; i++) {
		const struct acpi_blob *b = &t->t[i];

		if (!gm_write(gm, b->gpa, b->data, b->len))
			return err_set(errp, EFAULT, "ACPI table '%s' at %#llx is not in guest RAM",
				       b->sig, (unsigned long long)b->gpa);
	}
	return 0;
}

/* As acpidump -b names them, but for the RSDP: it has no table header, and iasl refuses to read
 * even one of its own making, so it stays out of the way of "iasl -d *.dat". */
static int dump_one(int dir_fd, const char *dir, const struct acpi_blob *b, struct error **errp)
{
	_cleanup_close_ int fd = -1;
	char name[] = "xxxx.dat";
	int r;

	if (!strcmp(b->sig, "RSDP"))
		memcpy(name, "xxxx.bin", sizeof(name));
	for (unsigned i = 0; i < 4; i++)
		name[i] = (char)tolower((unsigned char)b->sig[i]);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	r = fd < 0 ? -errno : io_write_all(fd, b->data, b->len);
	if (r < 0)
		return err_errno(errp, -r, "cannot write ACPI table '%s/%s'", dir, name);
	return 0;
}

int acpi_dump(const struct acpi_tables *t, const char *dir, struct error **errp)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		return err_errno(errp, errno, "cannot make directory '%s' for the ACPI tables",
				 dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(errp, errno, "cannot open directory '%s' for the ACPI tables",
				 dir);
	for (unsigned i = 0; i < t->cnt; i++) {
		r = dump_one(fd, dir, &t->t[i], errp);
		if (r < 0)
			return r;
	}
	return 0;
}
