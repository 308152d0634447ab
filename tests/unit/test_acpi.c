/* SPDX-License-Identifier: MIT */
/* Section numbers are of ACPI 6.4. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "boot/acpi_format.h"
#include "tests/lib/fake.h"
#include "tests/lib/fake_board.h"

#define RSDP   0xe0000u
#define WINDOW 0xe0100u
#define LEN    0x1ff00u

/* --- helpers ------------------------------------------------------------------------------ */

static void build(const struct board *b, struct acpi_tables *t)
{
	struct error *e = NULL;

	memset(t, 0, sizeof(*t));
	assert_int_equal(acpi_build(b, RSDP, WINDOW, LEN, t, &e), 0);
	assert_no_error(e);
}

static const struct acpi_blob *find(const struct acpi_tables *t, const char *sig)
{
	for (unsigned i = 0; i < t->cnt; i++)
		if (!strcmp(t->t[i].sig, sig))
			return &t->t[i];
	return NULL;
}

static const void *table(const struct acpi_tables *t, const char *sig)
{
	const struct acpi_blob *b = find(t, sig);

	assert_non_null(b);
	return b->data;
}

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *p++);
	return s;
}

static uint32_t fadt_flags(const struct board *b)
{
	struct acpi_tables t;
	uint32_t v;

	build(b, &t);
	v = le32_get(((const struct acpi_fadt *)table(&t, "FACP"))->flags);
	acpi_free(&t);
	return v;
}

static unsigned boot_arch(const struct board *b)
{
	struct acpi_tables t;
	unsigned v;

	build(b, &t);
	v = le16_get(((const struct acpi_fadt *)table(&t, "FACP"))->iapc_boot_arch);
	acpi_free(&t);
	return v;
}

/* The @n-th interrupt controller structure of @type, NULL if there are fewer. Checks that all of
 * them fill the table exactly. */
static const uint8_t *madt_entry(const struct acpi_tables *t, unsigned type, unsigned n)
{
	const struct acpi_blob *b = find(t, "APIC");
	const uint8_t *ret = NULL;
	size_t off = sizeof(struct acpi_madt);

	assert_non_null(b);
	while (off < b->len) {
		const uint8_t *p = b->data + off;

		assert_in_range(p[1], 6, 16);
		if (p[0] == type && !ret && !n--)
			ret = p;
		off += p[1];
	}
	assert_int_equal(off, b->len);
	return ret;
}

/* --- all tables --------------------------------------------------------------------------- */

/* 5.2.6: "The entire table, including the checksum field, must add to zero." 5.2.5.3: the same for
 * the RSDP's first 20 bytes, and for all of it. Length fields, placement. */
static void sums_lengths_and_places(void **state)
{
	static const unsigned cpus[] = { 1, 4, 255, 300 };
	struct acpi_tables t;
	struct board b;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cpus); i++) {
		uint64_t end = WINDOW;

		fake_board_init(&b, cpus[i]);
		build(&b, &t);
		assert_int_equal(t.cnt, 7);
		assert_int_equal(t.rsdp, RSDP);
		for (unsigned j = 0; j < t.cnt; j++) {
			const struct acpi_blob *bl = &t.t[j];

			if (!strcmp(bl->sig, "RSDP")) {
				assert_int_equal(bl->gpa, RSDP);
				assert_int_equal(bl->len, 36);
				assert_int_equal(sum(bl->data, 20), 0);
				assert_int_equal(sum(bl->data, 36), 0);
				continue;
			}
			assert_memory_equal(bl->data, bl->sig, 4);
			assert_int_equal(get_le32(bl->data + 4), bl->len);
			assert_true(bl->gpa >= end && bl->gpa % 16 == 0);
			end = bl->gpa + bl->len;
			if (strcmp(bl->sig, "FACS"))
				assert_int_equal(sum(bl->data, bl->len), 0);
		}
		assert_true(end <= WINDOW + LEN);
		acpi_free(&t);
	}
}

/* RSDP -> XSDT -> FADT -> DSDT and FACS; nothing else points anywhere. */
static void tables_are_linked(void **state)
{
	const struct acpi_rsdp *r;
	const struct acpi_fadt *f;
	const struct acpi_blob *x;
	struct acpi_tables t;
	struct board b;

	(void)state;
	fake_board_init(&b, 1);
	build(&b, &t);
	r = table(&t, "RSDP");
	assert_memory_equal(r->signature, "RSD PTR ", 8);
	assert_int_equal(r->revision, 2);
	assert_int_equal(le32_get(r->rsdt), 0);
	assert_int_equal(le32_get(r->length), 36);
	x = find(&t, "XSDT");
	assert_true(le64_get(r->xsdt) == x->gpa);
	assert_int_equal(x->len, 36 + 3 * 8);
	assert_true(get_le64(x->data + 36) == find(&t, "FACP")->gpa);
	assert_true(get_le64(x->data + 44) == find(&t, "APIC")->gpa);
	assert_true(get_le64(x->data + 52) == find(&t, "SPCR")->gpa);
	f = table(&t, "FACP");
	assert_int_equal(le32_get(f->dsdt), find(&t, "DSDT")->gpa);
	assert_true(le64_get(f->x_dsdt) == find(&t, "DSDT")->gpa);
	assert_int_equal(le32_get(f->firmware_ctrl), find(&t, "FACS")->gpa);
	assert_true(le64_get(f->x_firmware_ctrl) == 0);
	assert_int_equal(find(&t, "FACS")->gpa % 64, 0); /* 5.2.10 */
	acpi_free(&t);
}

/* --- FADT, FACS --------------------------------------------------------------------------- */

static void assert_gas(struct acpi_gas g, unsigned width, unsigned access, uint64_t addr)
{
	assert_int_equal(g.space, ACPI_GAS_IO);
	assert_int_equal(g.bit_width, width);
	assert_int_equal(g.bit_offset, 0);
	assert_int_equal(g.access_size, access);
	assert_true(le64_get(g.address) == addr);
}

static void fadt_fixed_hardware(void **state)
{
	static const struct acpi_gas none;
	const struct acpi_fadt *f;
	struct acpi_tables t;
	struct board b;

	(void)state;
	fake_board_init(&b, 1);
	build(&b, &t);
	f = table(&t, "FACP");
	assert_int_equal(find(&t, "FACP")->len, 276);
	assert_int_equal(f->h.revision, 6);
	assert_int_equal(f->minor_version, 4);
	assert_int_equal(le16_get(f->sci_int), 9);
	assert_int_equal(le32_get(f->smi_cmd), 0); /* "if ... not supported ... must be zero" */
	assert_int_equal(f->acpi_enable, 0);
	assert_int_equal(f->acpi_disable, 0);
	assert_int_equal(le32_get(f->pm1a_evt_blk), 0x600);
	assert_int_equal(f->pm1_evt_len, 4);
	assert_gas(f->x_pm1a_evt_blk, 32, 2, 0x600);
	assert_int_equal(le32_get(f->pm1a_cnt_blk), 0x604);
	assert_int_equal(f->pm1_cnt_len, 2);
	assert_gas(f->x_pm1a_cnt_blk, 16, 2, 0x604);
	assert_int_equal(le32_get(f->pm_tmr_blk), 0x608);
	assert_int_equal(f->pm_tmr_len, 4);
	assert_gas(f->x_pm_tmr_blk, 32, 3, 0x608);
	assert_gas(f->reset_reg, 8, 1, 0xcf9);
	assert_int_equal(f->reset_value, 6);
	assert_int_equal(f->century, 0x32);
	assert_true(le16_get(f->p_lvl2_lat) > 100);  /* "does not support a C2 state" */
	assert_true(le16_get(f->p_lvl3_lat) > 1000); /* "does not support a C3 state" */
	assert_int_equal(f->gpe0_blk_len, 0);
	assert_memory_equal(&f->x_gpe0_blk, &none, sizeof(none));
	assert_memory_equal(&f->x_pm1b_evt_blk, &none, sizeof(none));
	assert_memory_equal(&f->sleep_control_reg, &none, sizeof(none));
	acpi_free(&t);

	b.pm.rtc_century = false;
	build(&b, &t);
	assert_int_equal(((const struct acpi_fadt *)table(&t, "FACP"))->century, 0);
	acpi_free(&t);
}

static void fadt_flags_say_what_is_there(void **state)
{
	struct board b;
	uint32_t v;

	(void)state;
	fake_board_init(&b, 1);
	v = fadt_flags(&b);
	assert_int_equal(v, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
				    FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP);
	assert_false(v & FADT_PWR_BUTTON); /* "zero: fixed hardware power button" */
	assert_false(v & FADT_HW_REDUCED_ACPI);
	b.pm.reset_port = 0;
	assert_false(fadt_flags(&b) & FADT_RESET_REG_SUP);
	b.has_8042 = false;
	assert_true(fadt_flags(&b) & FADT_HEADLESS);
	b.has_vga = true;
	assert_false(fadt_flags(&b) & FADT_HEADLESS);
}

/* 5.2.9.3 */
static void boot_arch_is_honest(void **state)
{
	struct board b;

	(void)state;
	fake_board_init(&b, 1);
	assert_int_equal(boot_arch(&b), FADT_LEGACY_DEVICES | FADT_8042 | FADT_VGA_NOT_PRESENT);
	b.has_8042 = false;
	b.has_vga = true;
	assert_int_equal(boot_arch(&b), FADT_LEGACY_DEVICES);
	b.has_apic = false;
	assert_int_equal(boot_arch(&b), FADT_LEGACY_DEVICES | FADT_MSI_NOT_SUPPORTED);
	b.dev_cnt = 0;
	assert_int_equal(boot_arch(&b), FADT_MSI_NOT_SUPPORTED | FADT_CMOS_RTC_NOT_PRESENT);
}

static void facs_of_version_2(void **state)
{
	const struct acpi_facs *f;
	struct acpi_tables t;
	struct board b;

	(void)state;
	fake_board_init(&b, 1);
	build(&b, &t);
	f = table(&t, "FACS");
	assert_int_equal(le32_get(f->length), 64);
	assert_int_equal(f->version, 2);
	assert_int_equal(le32_get(f->global_lock), 0);
	acpi_free(&t);
}

/* --- MADT --------------------------------------------------------------------------------- */

/* 5.2.12.2, 5.2.12.12: ids 0 to 254 in type 0, from 255 on in type 9;
 * UIDs are those of the DSDT. */
static void madt_lists_every_cpu(void **state)
{
	static const unsigned cpus[] = { 1, 4, 255, 300 };
	struct acpi_tables t;
	struct board b;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cpus); i++) {
		fake_board_init(&b, cpus[i]);
		build(&b, &t);
		for (unsigned n = 0; n < cpus[i]; n++) {
			const uint8_t *p = madt_entry(&t, n < 255 ? MADT_LAPIC : MADT_X2APIC,
						      n < 255 ? n : n - 255);

			assert_non_null(p);
			if (n < 255) {
				assert_int_equal(p[1], 8);
				assert_int_equal(p[2], n);
				assert_int_equal(p[3], n);
				assert_int_equal(get_le32(p + 4), MADT_ENABLED);
			} else {
				assert_int_equal(p[1], 16);
				assert_int_equal(get_le32(p + 4), n);
				assert_int_equal(get_le32(p + 8), MADT_ENABLED);
				assert_int_equal(get_le32(p + 12), n);
			}
		}
		assert_null(madt_entry(&t, MADT_LAPIC, cpus[i] < 255 ? cpus[i] : 255));
		assert_null(madt_entry(&t, MADT_X2APIC, cpus[i] < 255 ? 0 : cpus[i] - 255));
		assert_int_equal(!!madt_entry(&t, MADT_X2APIC_NMI, 0), cpus[i] > 255);
		acpi_free(&t);
	}
}

static void madt_with_gaps_in_the_ids(void **state)
{
	static const uint32_t ids[] = { 0, 1, 4, 254, 255, 4096 };
	struct acpi_tables t;
	struct board b;
	const uint8_t *p;

	(void)state;
	fake_board_init(&b, ARRAY_LEN(ids));
	b.apic_ids = ids;
	build(&b, &t);
	p = madt_entry(&t, MADT_LAPIC, 3);
	assert_int_equal(p[2], 3);
	assert_int_equal(p[3], 254);
	p = madt_entry(&t, MADT_X2APIC, 0);
	assert_int_equal(get_le32(p + 4), 255);
	assert_int_equal(get_le32(p + 12), 4);
	p = madt_entry(&t, MADT_X2APIC, 1);
	assert_int_equal(get_le32(p + 4), 4096);
	assert_int_equal(get_le32(p + 12), 5);
	acpi_free(&t);
}

static void assert_override(const uint8_t *p, unsigned source, unsigned gsi, unsigned flags)
{
	assert_non_null(p);
	assert_int_equal(p[1], 10);
	assert_int_equal(p[2], 0); /* ISA */
	assert_int_equal(p[3], source);
	assert_int_equal(get_le32(p + 4), gsi);
	assert_int_equal(get_le16(p + 8), flags);
}

static void madt_interrupts(void **state)
{
	const struct acpi_madt *m;
	struct acpi_tables t;
	struct board b;
	const uint8_t *p;

	(void)state;
	fake_board_init(&b, 2);
	board_irq(&b.devs[1], 5, true, true); /* COM2 with a level line */
	build(&b, &t);
	m = table(&t, "APIC");
	assert_int_equal(m->h.revision, 5);
	assert_int_equal(le32_get(m->lapic_address), 0xfee00000);
	assert_int_equal(le32_get(m->flags), MADT_PCAT_COMPAT);
	p = madt_entry(&t, MADT_IOAPIC, 0);
	assert_int_equal(p[1], 12);
	assert_int_equal(get_le32(p + 4), 0xfec00000);
	assert_int_equal(get_le32(p + 8), 0);
	assert_null(madt_entry(&t, MADT_IOAPIC, 1));
	assert_override(madt_entry(&t, MADT_SOURCE_OVERRIDE, 0), 0, 2, 0);
	assert_override(madt_entry(&t, MADT_SOURCE_OVERRIDE, 1), 5, 5, 0xf);
	assert_override(madt_entry(&t, MADT_SOURCE_OVERRIDE, 2), 9, 9, 0xd);
	assert_null(madt_entry(&t, MADT_SOURCE_OVERRIDE, 3));
	p = madt_entry(&t, MADT_LAPIC_NMI, 0);
	assert_int_equal(p[1], 6);
	assert_int_equal(p[2], 0xff);
	assert_int_equal(p[5], 1);
	acpi_free(&t);

	b.has_pic = b.irq0_is_gsi2 = false;
	b.pm.sci_gsi = 20; /* not an ISA interrupt: nothing to override */
	b.devs[1].res_cnt--;
	build(&b, &t);
	m = table(&t, "APIC");
	assert_int_equal(le32_get(m->flags), 0);
	assert_null(madt_entry(&t, MADT_SOURCE_OVERRIDE, 0));
	acpi_free(&t);
}

static void no_apic_no_madt(void **state)
{
	const struct acpi_spcr *s;
	struct acpi_tables t;
	struct board b;

	(void)state;
	fake_board_init(&b, 1);
	b.has_apic = false;
	build(&b, &t);
	assert_null(find(&t, "APIC"));
	assert_int_equal(find(&t, "XSDT")->len, 36 + 2 * 8);
	s = table(&t, "SPCR");
	assert_int_equal(s->interrupt_type, 1);
	assert_int_equal(s->irq, 4);
	acpi_free(&t);
}

/* --- SPCR, MCFG --------------------------------------------------------------------------- */

static void spcr_names_the_console(void **state)
{
	const struct acpi_spcr *s;
	struct acpi_tables t;
	struct board b;

	(void)state;
	fake_board_init(&b, 1);
	build(&b, &t);
	s = table(&t, "SPCR");
	assert_int_equal(s->h.revision, 2);
	assert_int_equal(s->interface_type, 0);
	assert_gas(s->base, 8, 1, 0x3f8);
	assert_int_equal(s->interrupt_type, 3);
	assert_int_equal(s->irq, 4);
	assert_int_equal(le32_get(s->gsi), 4);
	assert_int_equal(s->baud_rate, 7);
	assert_int_equal(le16_get(s->pci_vendor_id), 0xffff);
	acpi_free(&t);

	b.devs[0].console = false;
	build(&b, &t);
	assert_null(find(&t, "SPCR"));
	acpi_free(&t);
}

static void mcfg_only_with_pci(void **state)
{
	const struct acpi_mcfg *m;
	struct acpi_tables t;
	struct board b;

	(void)state;
	fake_board_init(&b, 1);
	build(&b, &t);
	assert_null(find(&t, "MCFG"));
	acpi_free(&t);
	b.pci = (struct board_pci){ .ecam_base = 0xc0000000,
				    .ecam_len = 256 * MIB,
				    .bus_end = 255 };
	build(&b, &t);
	m = table(&t, "MCFG");
	assert_true(le64_get(m->base) == 0xc0000000);
	assert_int_equal(m->bus_start, 0);
	assert_int_equal(m->bus_end, 255);
	acpi_free(&t);
}

/* --- DSDT --------------------------------------------------------------------------------- */

static void assert_in_dsdt(const struct acpi_tables *t, const void *p, size_t len, bool is)
{
	const struct acpi_blob *d = find(t, "DSDT");

	assert_int_equal(!!memmem(d->data, d->len, p, len), is);
}

/* 16.1.7: \_S5, a package of SLP_TYPa, SLP_TYPb and two reserved elements. */
static void dsdt_has_s5_and_the_devices(void **state)
{
	static const uint8_t s5[] = {
		0x08, '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, 5, 0x0a, 5, 0, 0
	};
	static const uint8_t uart_crs[] = { 0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8, 0x22, 0x10, 0, 0x79 };
	static const uint8_t pm_crs[] = { 0x47, 1, 0, 6, 0, 6, 1, 4 };
	struct acpi_tables t;
	struct board b;

	(void)state;
	fake_board_init(&b, 4);
	build(&b, &t);
	assert_int_equal(((const struct acpi_header *)table(&t, "DSDT"))->revision, 2);
	assert_in_dsdt(&t, s5, sizeof(s5), true);
	assert_in_dsdt(&t, uart_crs, sizeof(uart_crs), true);
	assert_in_dsdt(&t, pm_crs, sizeof(pm_crs), true);
	assert_in_dsdt(&t, "COM1", 4, true);
	assert_in_dsdt(&t, "RTC_", 4, true);
	assert_in_dsdt(&t, "QEMU0001", 9, true);
	assert_in_dsdt(&t, "POST", 4, false); /* no hardware id */
	assert_in_dsdt(&t, "C003", 4, true);
	assert_in_dsdt(&t, "C004", 4, false);
	acpi_free(&t);
}

/* --- errors ------------------------------------------------------------------------------- */

static void window_too_small(void **state)
{
	struct acpi_tables t = { .cnt = 0 };
	struct error *e = NULL;
	struct board b;

	(void)state;
	fake_board_init(&b, 300);
	assert_int_equal(acpi_build(&b, RSDP, WINDOW, 0x1000, &t, &e), -ENOSPC);
	assert_int_equal(t.cnt, 0);
	assert_string_equal(error_hint(e), "use fewer CPUs");
	assert_error(e, "the ACPI tables for 300 CPUs need ");
	e = NULL;
	fake_board_init(&b, 4096);
	assert_int_equal(acpi_build(&b, RSDP, WINDOW, LEN, &t, &e), -ENOSPC);
	assert_error(e, "but only 130816 are set aside for them");
	e = NULL;
	assert_int_equal(acpi_build(&b, RSDP, 0x1000000, 0x100000, &t, &e), 0);
	acpi_free(&t);
	acpi_free(&t); /* a zeroed one */
	fake_board_init(&b, 4097);
	assert_int_equal(acpi_build(&b, RSDP, 0x1000000, 0x100000, &t, &e), -E2BIG);
	assert_error(e, "4097 CPUs are more than the ACPI tables can name (4096)");
}

/* The exact fit and one byte less. */
static void window_just_right(void **state)
{
	struct acpi_tables t;
	struct error *e = NULL;
	struct board b;
	uint64_t end;

	(void)state;
	fake_board_init(&b, 3);
	build(&b, &t);
	end = t.t[t.cnt - 1].gpa + t.t[t.cnt - 1].len;
	acpi_free(&t);
	assert_int_equal(acpi_build(&b, RSDP, WINDOW, end - WINDOW, &t, &e), 0);
	acpi_free(&t);
	assert_int_equal(acpi_build(&b, RSDP, WINDOW, end - WINDOW - 1, &t, &e), -ENOSPC);
	assert_error(e, "need");
}

/* --- guest memory, files ------------------------------------------------------------------ */

static struct guest_mem *ram(uint64_t len)
{
	struct ram_config c = { .size = len };
	struct guest_mem *gm = NULL;
	struct error *e = NULL;

	assert_int_equal(gm_create(&c, &gm, &e), 0);
	assert_int_equal(gm_add_ram(gm, 0, 0, len, &e), 0);
	return gm;
}

static void write_to_guest(void **state)
{
	_cleanup_(gm_destroyp) struct guest_mem *gm = ram(MIB), *small = ram(0xe1000);
	struct acpi_tables t;
	struct error *e = NULL;
	struct board b;

	(void)state;
	fake_board_init(&b, 300);
	build(&b, &t);
	assert_int_equal(acpi_write(&t, gm, &e), 0);
	for (unsigned i = 0; i < t.cnt; i++) {
		const void *p = gm_ptr(gm, t.t[i].gpa, t.t[i].len, GM_READ);

		assert_non_null(p);
		assert_memory_equal(p, t.t[i].data, t.t[i].len);
	}
	assert_int_equal(acpi_write(&t, small, &e), -EFAULT);
	assert_error(e, "is not in guest RAM");
	acpi_free(&t);
}

static char *temp_dir(char *path)
{
	strcpy(path, "/tmp/test_acpi.XXXXXX");
	assert_non_null(mkdtemp(path));
	return path;
}

static void remove_dir(const char *dir)
{
	char cmd[PATH_MAX];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	assert_int_equal(system(cmd), 0);
}

static void dump_writes_files_as_acpidump_names_them(void **state)
{
	static const char *const names[] = { "rsdp.bin", "xsdt.dat", "facp.dat", "facs.dat",
					     "dsdt.dat", "apic.dat", "spcr.dat" };
	char base[64], dir[80], path[128];
	struct acpi_tables t;
	struct error *e = NULL;
	struct board b;
	struct stat st;

	(void)state;
	temp_dir(base);
	snprintf(dir, sizeof(dir), "%s/new", base);
	fake_board_init(&b, 1);
	build(&b, &t);
	for (unsigned i = 0; i < 2; i++) { /* the second time over the first's files */
		assert_int_equal(acpi_dump(&t, dir, &e), 0);
		for (unsigned j = 0; j < ARRAY_LEN(names); j++) {
			snprintf(path, sizeof(path), "%s/%s", dir, names[j]);
			assert_int_equal(stat(path, &st), 0);
			assert_true(st.st_size > 0);
		}
	}
	snprintf(path, sizeof(path), "%s/dsdt.dat", dir);
	assert_int_equal(acpi_dump(&t, path, &e), -ENOTDIR);
	assert_error(e, "cannot open directory");
	e = NULL;
	assert_int_equal(acpi_dump(&t, "/nonexistent/dir", &e), -ENOENT);
	assert_error(e, "cannot make directory '/nonexistent/dir'");
	acpi_free(&t);
	remove_dir(base);
}

/* --- the reference implementation reads them ---------------------------------------------- */

/* Runs iasl with @args in @dir and returns what it printed. */
static void iasl(const char *dir, const char *args, char *out, size_t size)
{
	char cmd[512];
	size_t n;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "cd '%s' && iasl %s 2>&1", dir, args);
	f = popen(cmd, "r");
	assert_non_null(f);
	n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	if (pclose(f) != 0)
		fail_msg("iasl %s failed:\n%s", args, out);
}

static size_t read_file(const char *dir, const char *name, uint8_t *buf, size_t size)
{
	char path[256];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(buf, 1, size, f);
	fclose(f);
	return n;
}

static void assert_silent(const char *what, const char *out)
{
	static const char *const bad[] = { "Warning", "Error",   "Invalid",
					   "****",    "Unknown", "Could not" };

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		if (strcasestr(out, bad[i]))
			fail_msg("%s: '%s' in:\n%s", what, bad[i], out);
}

/* Disassembles table @b and compiles the result: no complaint either way, and the same bytes behind
 * the header (into which the compiler writes its own id). */
static void there_and_back(const char *dir, const struct acpi_blob *b)
{
	static char out[65536];
	static uint8_t again[LEN];
	char name[5], args[64];
	size_t len, skip = strcmp(b->sig, "FACS") ? 36 : 0;

	for (unsigned i = 0; i < 5; i++)
		name[i] = (char)(b->sig[i] | (b->sig[i] ? 0x20 : 0));
	snprintf(args, sizeof(args), "-d %s.dat", name);
	iasl(dir, args, out, sizeof(out));
	assert_silent(args, out);
	len = read_file(dir, strcat(strcpy(args, name), ".dsl"), (uint8_t *)out, sizeof(out) - 1);
	out[len] = '\0';
	if (strstr(out, "****"))
		fail_msg("%s has a remark", args);
	snprintf(args, sizeof(args), "-p again %s.dsl", name);
	iasl(dir, args, out, sizeof(out));
	if (!strstr(out, "0 Errors, 0 Warnings, 0 Remarks"))
		fail_msg("iasl %s:\n%s", args, out);
	len = read_file(dir, "again.aml", again, sizeof(again));
	assert_int_equal(len, b->len);
	assert_memory_equal(again + skip, b->data + skip, len - skip);
}

/* Every kind of resource. */
static void add_everything(struct board *b)
{
	struct board_dev *d = board_add(b, "ALL", "TRPZ0001", 7);

	d->cid = "PNP0C02";
	board_pio(d, 0x1000, 0x200);
	board_mmio(d, 0xd0000000, 0x1000);
	board_mmio(d, 0x8000000000, 0x100000000);
	board_irq(d, 11, true, true);
	board_irq(d, 20, true, false);
	b->pm.reset_port = 0x610;
}

static void iasl_reads_every_table(void **state)
{
	static const struct {
		unsigned cpus;
		bool everything, pci, apic, pic;
	} boards[] = {
		{ 1, false, false, true, true }, { 300, true, true, true, true },
		{ 1, false, true, true, true },  { 1, false, true, false, true },
		{ 1, false, true, true, false },
	};
	struct acpi_tables t;
	struct error *e = NULL;
	struct board b;
	char dir[64];

	(void)state;
	if (system("iasl -v >/dev/null 2>&1") != 0) {
		print_message("SKIPPED: iasl (package acpica-tools) is not installed, so nobody "
			      "but us has read the ACPI tables\n");
		skip();
	}
	for (unsigned i = 0; i < ARRAY_LEN(boards); i++) {
		fake_board_init(&b, boards[i].cpus);
		if (boards[i].everything)
			add_everything(&b);
		if (boards[i].pci)
			fake_board_add_pci(&b);
		b.has_apic = boards[i].apic;
		b.has_pic = boards[i].pic;
		build(&b, &t);
		temp_dir(dir);
		assert_int_equal(acpi_dump(&t, dir, &e), 0);
		for (unsigned j = 0; j < t.cnt; j++)
			if (strcmp(t.t[j].sig, "RSDP"))
				there_and_back(dir, &t.t[j]);
		remove_dir(dir);
		acpi_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_lengths_and_places),
		cmocka_unit_test(tables_are_linked),
		cmocka_unit_test(fadt_fixed_hardware),
		cmocka_unit_test(fadt_flags_say_what_is_there),
		cmocka_unit_test(boot_arch_is_honest),
		cmocka_unit_test(facs_of_version_2),
		cmocka_unit_test(madt_lists_every_cpu),
		cmocka_unit_test(madt_with_gaps_in_the_ids),
		cmocka_unit_test(madt_interrupts),
		cmocka_unit_test(no_apic_no_madt),
		cmocka_unit_test(spcr_names_the_console),
		cmocka_unit_test(mcfg_only_with_pci),
		cmocka_unit_test(dsdt_has_s5_and_the_devices),
		cmocka_unit_test(window_too_small),
		cmocka_unit_test(window_just_right),
		cmocka_unit_test(write_to_guest),
		cmocka_unit_test(dump_writes_files_as_acpidump_names_them),
		cmocka_unit_test(iasl_reads_every_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
