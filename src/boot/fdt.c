/* SPDX-License-Identifier: MIT */
/*
 * fdt.c: the flattened device tree of a board, after Linux's x86 bindings (ce4100 interrupt
 * controllers, an "isa" bus for what has I/O ports) and the Devicetree Specification 0.4.
 */
#include <assert.h>
#include <errno.h>
#include <libfdt.h>
#include <stdarg.h>
#include <string.h>

#include "vmm/board.h"
#include "vmm/error.h"

#define FDT_MAX_SIZE (16u * 1024 * 1024)

enum { PHANDLE_INTC = 1, PHANDLE_LAPIC = 2 };

/* --- a tree being written: the first error stays ------------------------------------------ */

struct tree {
	void *fdt;
	int err; /* libfdt's; 0 or negative */
};

static void keep(struct tree *t, int err)
{
	if (!t->err)
		t->err = err;
}

static void begin(struct tree *t, const char *name)
{
	keep(t, fdt_begin_node(t->fdt, name));
}

static void end(struct tree *t)
{
	keep(t, fdt_end_node(t->fdt));
}

static void prop_str(struct tree *t, const char *name, const char *s)
{
	keep(t, fdt_property_string(t->fdt, name, s));
}

static void prop_u32(struct tree *t, const char *name, uint32_t v)
{
	keep(t, fdt_property_u32(t->fdt, name, v));
}

static void prop_u64(struct tree *t, const char *name, uint64_t v)
{
	keep(t, fdt_property_u64(t->fdt, name, v));
}

static void prop_flag(struct tree *t, const char *name)
{
	keep(t, fdt_property(t->fdt, name, NULL, 0));
}

#define MAX_CELLS 32u
static void prop_cells(struct tree *t, const char *name, const uint32_t *v, unsigned cnt)
{
	fdt32_t be[MAX_CELLS];

	assert(cnt <= MAX_CELLS);
	for (unsigned i = 0; i < cnt; i++)
		be[i] = cpu_to_fdt32(v[i]);
	keep(t, fdt_property(t->fdt, name, be, (int)(cnt * sizeof(be[0]))));
}

/* How many cells addresses and sizes of a node's children have. */
static void prop_shape(struct tree *t, uint32_t address_cells, uint32_t size_cells)
{
	prop_u32(t, "#address-cells", address_cells);
	prop_u32(t, "#size-cells", size_cells);
}

/* A reg of one 64-bit range. */
static void prop_reg64(struct tree *t, uint64_t base, uint64_t len)
{
	uint32_t v[4] = { (uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(len >> 32),
			  (uint32_t)len };

	prop_cells(t, "reg", v, 4);
}

static void __printf(2, 3) begin_fmt(struct tree *t, const char *fmt, ...)
{
	char name[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	begin(t, name);
}

/* --- processors and memory ---------------------------------------------------------------- */

/* Devicetree Specification 3.8; reg is the local APIC id, as Linux's x86 code reads it. */
static void add_cpus(struct tree *t, const struct board *b)
{
	begin(t, "cpus");
	prop_shape(t, 1, 0);
	if (b->tsc_khz)
		prop_u64(t, "timebase-frequency", (uint64_t)b->tsc_khz * 1000);
	for (unsigned i = 0; i < b->cpu_cnt; i++) {
		begin_fmt(t, "cpu@%x", b->apic_ids[i]);
		prop_str(t, "device_type", "cpu");
		prop_u32(t, "reg", b->apic_ids[i]);
		if (b->has_apic)
			prop_u32(t, "lapic", PHANDLE_LAPIC); /* ce4100 binding */
		end(t);
	}
	end(t);
}

static void add_memory(struct tree *t, const struct board *b)
{
	for (unsigned i = 0; i < b->range_cnt; i++) {
		const struct board_range *r = &b->ranges[i];

		if (r->kind != BOARD_RAM)
			continue;
		begin_fmt(t, "memory@%llx", (unsigned long long)r->base);
		prop_str(t, "device_type", "memory");
		prop_reg64(t, r->base, r->len);
		end(t);
	}
}

/* --- devices ------------------------------------------------------------------------------ */

static const struct board_res *find_res(const struct board_dev *d, enum board_res_kind kind)
{
	for (unsigned i = 0; i < d->res_cnt; i++)
		if (d->res[i].kind == kind)
			return &d->res[i];
	return NULL;
}

static bool is_uart(const struct board_dev *d)
{
	return d->fdt_compatible && !strncmp(d->fdt_compatible, "ns16550", 7);
}

/* Devicetree Specification 2.2.2: a generic name for what the device does. */
static void node_name(const struct board_dev *d, char *buf, size_t len)
{
	static const struct {
		const char *compatible, *name;
	} names[] = {
		{ "ns16550a", "serial" },           { "ns16550", "serial" },
		{ "motorola,mc146818", "rtc" },     { "intel,i8254", "timer" },
		{ "intel,i8042", "8042" },          { "virtio,mmio", "virtio" },
		{ "qemu,pvpanic-mmio", "pvpanic" },
	};

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		if (!strcmp(d->fdt_compatible, names[i].compatible)) {
			snprintf(buf, len, "%s", names[i].name);
			return;
		}
	}
	snprintf(buf, len, "device-%s", d->name);
	for (char *p = buf; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 0x20 : *p == '_' ? '-' : *p);
}

/* A unit address on the ISA bus begins with "i" if it is an I/O port (IEEE 1275 ISA binding). */
static void isa_node_name(const struct board_dev *d, const struct board_res *pio, char *buf,
			  size_t len)
{
	char name[32];

	node_name(d, name, sizeof(name));
	snprintf(buf, len, "%s@i%llx", name, (unsigned long long)pio->base);
}

/*
 * The second cell. I/O APIC (intel,ce4100-ioapic): edge rising 0, level low 1, level high 2, edge
 * falling 3. 8259 (IEEE 1275 ISA binding): level low 0, level high 1, edge falling 2, rising 3.
 */
static uint32_t sense(const struct board *b, const struct board_res *r)
{
	static const uint8_t ioapic[2][2] = { { 0, 3 }, { 2, 1 } },
			     pic[2][2] = { { 3, 2 }, { 1, 0 } };

	return (b->has_apic ? ioapic : pic)[r->level][r->active_low];
}

static void prop_interrupts(struct tree *t, const struct board *b, const struct board_dev *d)
{
	uint32_t v[2 * BOARD_MAX_RES];
	unsigned n = 0;

	for (unsigned i = 0; i < d->res_cnt; i++) {
		const struct board_res *r = &d->res[i];
		uint32_t pin = (uint32_t)r->base;

		if (r->kind != BOARD_RES_IRQ)
			continue;
		v[n++] = b->has_apic && pin == 0 && b->irq0_is_gsi2 ? 2 : pin;
		v[n++] = sense(b, r);
	}
	if (n && (b->has_apic || b->has_pic))
		prop_cells(t, "interrupts", v, n);
}

static void prop_common(struct tree *t, const struct board *b, const struct board_dev *d)
{
	prop_str(t, "compatible", d->fdt_compatible);
	if (d->description)
		prop_str(t, "label", d->description);
	prop_interrupts(t, b, d);
	if (is_uart(d)) {
		prop_u32(t, "clock-frequency", 1843200);
		prop_u32(t, "current-speed", 115200);
	}
}

static void add_isa_dev(struct tree *t, const struct board *b, const struct board_dev *d,
			const struct board_res *pio)
{
	uint32_t v[3 * BOARD_MAX_RES];
	char name[48];
	unsigned n = 0;

	for (unsigned i = 0; i < d->res_cnt; i++) {
		if (d->res[i].kind != BOARD_RES_PIO)
			continue;
		v[n++] = 1; /* I/O space */
		v[n++] = (uint32_t)d->res[i].base;
		v[n++] = (uint32_t)d->res[i].len;
	}
	isa_node_name(d, pio, name, sizeof(name));
	begin(t, name);
	prop_cells(t, "reg", v, n);
	prop_common(t, b, d);
	end(t);
}

static void add_mmio_dev(struct tree *t, const struct board *b, const struct board_dev *d,
			 const struct board_res *r)
{
	char name[32];

	node_name(d, name, sizeof(name));
	begin_fmt(t, "%s@%llx", name, (unsigned long long)r->base);
	prop_reg64(t, r->base, r->len);
	prop_common(t, b, d);
	end(t);
}

/* --- interrupt controllers ---------------------------------------------------------------- */

static void prop_intc(struct tree *t, uint32_t phandle)
{
	prop_flag(t, "interrupt-controller");
	prop_u32(t, "#interrupt-cells", 2);
	prop_u32(t, "#address-cells", 0); /* an interrupt parent has to say */
	prop_u32(t, "phandle", phandle);
}

static void add_apics(struct tree *t, const struct board *b)
{
	begin_fmt(t, "interrupt-controller@%llx", (unsigned long long)b->ioapic_base);
	prop_str(t, "compatible", "intel,ce4100-ioapic");
	prop_reg64(t, b->ioapic_base, 0x1000);
	prop_intc(t, PHANDLE_INTC);
	end(t);
	begin_fmt(t, "interrupt-controller@%llx", (unsigned long long)b->lapic_base);
	prop_str(t, "compatible", "intel,ce4100-lapic");
	prop_reg64(t, b->lapic_base, 0x1000);
	prop_intc(t, PHANDLE_LAPIC);
	if (b->has_pic)
		prop_flag(t, "intel,virtual-wire-mode");
	end(t);
}

/* Without APICs the 8259 pair is what interrupts go to. */
static void add_pic(struct tree *t)
{
	static const uint32_t reg[] = { 1, 0x20, 2, 1, 0xa0, 2, 1, 0x4d0, 2 };

	begin(t, "interrupt-controller@i20");
	prop_str(t, "compatible", "intel,i8259");
	prop_cells(t, "reg", reg, ARRAY_LEN(reg));
	prop_intc(t, PHANDLE_INTC);
	end(t);
}

/* --- PCI (IEEE 1275 PCI binding, Linux's host-generic-pci) ------------------------------------ */

/* phys.hi: which space an address is in. */
#define PCI_SPACE_IO    0x01000000u
#define PCI_SPACE_MEM32 0x02000000u
#define PCI_SPACE_MEM64 0x03000000u

/* A PCI address of three cells, the CPU's of two, a length of two; addresses are the same. */
static unsigned put_range(uint32_t *v, uint32_t space, const struct board_window *w)
{
	const uint32_t cells[7] = {
		space,
		(uint32_t)(w->base >> 32),
		(uint32_t)w->base,
		(uint32_t)(w->base >> 32),
		(uint32_t)w->base,
		(uint32_t)(w->len >> 32),
		(uint32_t)w->len,
	};

	if (!w->len)
		return 0;
	memcpy(v, cells, sizeof(cells));
	return ARRAY_LEN(cells);
}

static void prop_ranges(struct tree *t, const struct board_pci *p)
{
	uint32_t v[21];
	unsigned n = 0;

	n += put_range(v + n, PCI_SPACE_IO, &p->io);
	n += put_range(v + n, PCI_SPACE_MEM32, &p->mem32);
	n += put_range(v + n, PCI_SPACE_MEM64, &p->mem64);
	prop_cells(t, "ranges", v, n);
}

/* Devices are in bits 15:11 of phys.hi; the last two of a device's number say where INTA# (1)
 * leads. */
static void prop_interrupt_map(struct tree *t, const struct board *b)
{
	static const uint32_t mask[] = { 3u << 11, 0, 0, 7 };
	const struct board_res intx = { .level = true, .active_low = true };
	uint32_t v[4 * 7];

	for (uint32_t i = 0; i < 4; i++) {
		const uint32_t entry[7] = { i << 11,
					    0,
					    0,
					    1,
					    PHANDLE_INTC,
					    b->has_apic ? b->pci.gsi[i] : b->pci.irq[i],
					    sense(b, &intx) };

		memcpy(v + i * 7, entry, sizeof(entry));
	}
	prop_u32(t, "#interrupt-cells", 1);
	prop_cells(t, "interrupt-map-mask", mask, ARRAY_LEN(mask));
	prop_cells(t, "interrupt-map", v, ARRAY_LEN(v));
}

static void add_pci(struct tree *t, const struct board *b)
{
	const uint32_t buses[] = { b->pci.bus_start, b->pci.bus_end };

	begin_fmt(t, "pcie@%llx", (unsigned long long)b->pci.ecam_base);
	prop_str(t, "compatible", "pci-host-ecam-generic");
	prop_str(t, "device_type", "pci");
	prop_shape(t, 3, 2);
	prop_reg64(t, b->pci.ecam_base, b->pci.ecam_len);
	prop_cells(t, "bus-range", buses, ARRAY_LEN(buses));
	prop_ranges(t, &b->pci);
	if (b->has_apic || b->has_pic)
		prop_interrupt_map(t, b);
	end(t);
}

/* --- buses -------------------------------------------------------------------------------- */

/*
 * Port numbers are their own CPU addresses: x86 Linux wants the identity in ranges before it hands
 * a port to a driver.
 */
static void add_isa(struct tree *t, const struct board *b)
{
	static const uint32_t ranges[] = { 1, 0, 0, 0, 0x10000 };

	begin(t, "isa@0");
	prop_str(t, "compatible", "isa");
	prop_str(t, "device_type", "isa");
	prop_shape(t, 2, 1);
	prop_cells(t, "ranges", ranges, ARRAY_LEN(ranges));
	if (!b->has_apic && b->has_pic)
		add_pic(t);
	for (unsigned i = 0; i < b->dev_cnt; i++) {
		const struct board_dev *d = &b->devs[i];
		const struct board_res *pio = find_res(d, BOARD_RES_PIO);

		if (d->fdt_compatible && pio)
			add_isa_dev(t, b, d, pio);
	}
	end(t);
}

static void add_soc(struct tree *t, const struct board *b)
{
	begin(t, "soc");
	prop_str(t, "compatible", "simple-bus");
	prop_shape(t, 2, 2);
	prop_flag(t, "ranges");
	if (b->has_apic || b->has_pic)
		prop_u32(t, "interrupt-parent", PHANDLE_INTC);
	if (b->has_apic)
		add_apics(t, b);
	for (unsigned i = 0; i < b->dev_cnt; i++) {
		const struct board_dev *d = &b->devs[i];
		const struct board_res *mmio = find_res(d, BOARD_RES_MMIO);

		if (d->fdt_compatible && mmio && !find_res(d, BOARD_RES_PIO))
			add_mmio_dev(t, b, d, mmio);
	}
	if (b->pci.ecam_len)
		add_pci(t, b);
	add_isa(t, b);
	end(t);
}

/* --- the whole ---------------------------------------------------------------------------- */

static void prop_stdout(struct tree *t, const struct board *b)
{
	char name[48], path[80];

	for (unsigned i = 0; i < b->dev_cnt; i++) {
		const struct board_dev *d = &b->devs[i];
		const struct board_res *pio = find_res(d, BOARD_RES_PIO);

		if (!d->console || !is_uart(d) || !pio)
			continue;
		isa_node_name(d, pio, name, sizeof(name));
		snprintf(path, sizeof(path), "/soc/isa@0/%s:115200n8", name);
		prop_str(t, "stdout-path", path);
		return;
	}
}

static void add_chosen(struct tree *t, const struct board *b, const char *cmdline, gpa_t initrd,
		       uint64_t initrd_len)
{
	begin(t, "chosen");
	if (cmdline)
		prop_str(t, "bootargs", cmdline);
	if (initrd_len) {
		prop_u64(t, "linux,initrd-start", initrd);
		prop_u64(t, "linux,initrd-end", initrd + initrd_len);
	}
	prop_stdout(t, b);
	end(t);
}

static int write_tree(void *buf, int size, const struct board *b, const char *cmdline, gpa_t initrd,
		      uint64_t initrd_len)
{
	struct tree t = { .fdt = buf };

	keep(&t, fdt_create(buf, size));
	keep(&t, fdt_finish_reservemap(buf));
	begin(&t, "");
	prop_shape(&t, 2, 2);
	prop_str(&t, "compatible", "trapeze,pc");
	prop_str(&t, "model", "trapeze PC");
	add_chosen(&t, b, cmdline, initrd, initrd_len);
	add_cpus(&t, b);
	add_memory(&t, b);
	add_soc(&t, b);
	end(&t);
	keep(&t, fdt_finish(buf));
	return t.err;
}

int fdt_build(const struct board *b, const char *cmdline, gpa_t initrd, uint64_t initrd_len,
	      uint8_t **ret, size_t *ret_len, struct error **errp)
{
	_cleanup_free_ uint8_t *buf = NULL;
	int err = -FDT_ERR_NOSPACE;

	for (unsigned size = 8192; err == -FDT_ERR_NOSPACE && size <= FDT_MAX_SIZE; size *= 2) {
		free(buf);
		buf = calloc(1, size);
		if (!buf)
			return err_errno(errp, ENOMEM, "making the device tree");
		err = write_tree(buf, (int)size, b, cmdline, initrd, initrd_len);
	}
	if (err)
		return err_set(errp, EINVAL, "cannot make the device tree: %s", fdt_strerror(err));
	*ret_len = fdt_totalsize(buf);
	*ret = take_ptr(buf);
	return 0;
}
