/* SPDX-License-Identifier: MIT */
/* trace_kit.c: see trace_kit.h. */
#include "tests/lib/trace_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/lib/fake.h"
#include "vmm/symbols.h"

static struct trace_region serial_regions[] = { { "ns16550", false, 0x3f8, 8 } };
static struct trace_field serial_fields[] = {
	{ "ier", 1, false, 1 }, { "lcr", 1, false, 1 }, { "lsr", 1, false, 1 },
	{ "rx", 1, false, 16 }, { "cti", 1, true, 1 },  { "rx_head", 1, false, 1 },
};
static struct trace_region com2_regions[] = { { "ns16550", false, 0x2f8, 8 } };
static struct trace_region pit_regions[] = {
	{ "i8254 counters", false, 0x40, 4 },
	{ "i8254 port 61", false, 0x61, 1 },
};
static struct trace_field pit_fields[] = { { "ch[0].reload", 4, false, 1 } };
static struct trace_region pic_regions[] = {
	{ "i8259 master", false, 0x20, 2 },
	{ "i8259 slave", false, 0xa0, 2 },
	{ "i8259 elcr", false, 0x4d0, 2 },
};
static struct trace_field pic_fields[] = { { "master.imr", 1, false, 1 } };
static struct trace_region ioapic_regions[] = { { "ioapic", true, 0xfec00000, 0x1000 } };
static struct trace_region rtc_regions[] = { { "mc146818", false, 0x70, 2 } };
static struct trace_field rtc_fields[] = { { "cmos", 1, false, 128 } };
static struct trace_region kbd_regions[] = {
	{ "i8042 data", false, 0x60, 1 },
	{ "i8042 command", false, 0x64, 1 },
};
static struct trace_region pm_regions[] = {
	{ "PM1a event", false, 0x600, 4 },
	{ "PM1a control", false, 0x604, 2 },
	{ "PM timer", false, 0x608, 4 },
	{ "reset control", false, 0xcf9, 1 },
};
static struct trace_region debugcon_regions[] = { { "debug console", false, 0xe9, 1 } };
static struct trace_region pci_regions[] = {
	{ "PCI CONFIG_ADDRESS", false, 0xcf8, 4 },
	{ "PCI CONFIG_DATA", false, 0xcfc, 4 },
	{ "PCI ECAM", true, 0xc0000000, 1 << 20 },
};
static struct trace_region disk_regions[] = {
	{ "virtio registers", true, 0xd0000000, 0x4000 },
	{ "virtio notifications", false, 0x1000, 0x40 },
	{ "MSI-X table", true, 0xd0004000, 0x1000 },
};
static struct trace_field disk_fields[] = { { "func.cfg", 1, false, 256 } };
static struct trace_region net_regions[] = {
	{ "virtio registers", true, 0xfe000000, 0x100 },
	{ "virtio configuration", true, 0xfe000100, 0xf00 },
};
static struct trace_region student_regions[] = { { "the dice", false, 0x700, 4 } };
static struct trace_field student_fields[] = { { "face", 1, false, 1 } };

#define DEVICE(id_, type_, prefix)                                                                 \
	{                                                                                          \
		.id = id_, .type = type_, .pci = -1, .region = prefix##_regions,                   \
		.region_cnt = ARRAY_LEN(prefix##_regions)                                          \
	}
#define DEVICE_STATE(id_, type_, prefix)                                                           \
	{                                                                                          \
		.id = id_, .type = type_, .pci = -1, .region = prefix##_regions,                   \
		.region_cnt = ARRAY_LEN(prefix##_regions), .field = prefix##_fields,               \
		.field_cnt = ARRAY_LEN(prefix##_fields)                                            \
	}

static struct trace_device devices[KIT_DEVICES] = {
	[KIT_SERIAL] = DEVICE_STATE("serial0", "ns16550", serial),
	[KIT_COM2] = DEVICE("serial1", "ns16550", com2),
	[KIT_PIT] = DEVICE_STATE("pit0", "i8254", pit),
	[KIT_PIC] = DEVICE_STATE("pic0", "i8259", pic),
	[KIT_IOAPIC] = DEVICE("ioapic0", "ioapic", ioapic),
	[KIT_RTC] = DEVICE_STATE("rtc0", "mc146818", rtc),
	[KIT_KBD] = DEVICE("kbc0", "i8042", kbd),
	[KIT_PM] = DEVICE("pm0", "acpi_pm", pm),
	[KIT_DEBUGCON] = DEVICE("debugcon0", "debugcon", debugcon),
	[KIT_PCI] = DEVICE("pci0", "pci-host", pci),
	[KIT_BLK] = { .id = "disk0", .type = "virtio-blk", .pci = -1 },
	[KIT_DISK] = { .id = "disk0-pci",
		       .type = "virtio-pci",
		       .pci = 3 << 3,
		       .region = disk_regions,
		       .region_cnt = ARRAY_LEN(disk_regions),
		       .field = disk_fields,
		       .field_cnt = ARRAY_LEN(disk_fields) },
	[KIT_NIC] = { .id = "net0", .type = "virtio-net", .pci = -1 },
	[KIT_NET] = DEVICE("net0-mmio", "virtio-mmio", net),
	[KIT_STUDENT] = DEVICE_STATE("dice0", "dice", student),
};

const struct trace_machine kit_machine = {
	.version = (char *)"0.1.0",
	.cmdline = (char *)"trapeze run -k vmlinuz -a 'caf\xe9'",
	.kernel = (char *)"vmlinuz",
	.cpu_cnt = 2,
	.begin = 1000000,
	.wall_sec = 1700000000,
	.irqchip = "split",
	.device = devices,
	.device_cnt = KIT_DEVICES,
};

struct trace_rec kit_pio(uint64_t t, uint16_t dev, uint64_t port, bool write, uint64_t value)
{
	const struct trace_region *r = dev == TRACE_NO_DEV ? NULL : devices[dev].region;
	struct trace_rec x = { .t = t, .kind = TRACE_EXIT, .dev = dev };

	x.exit.reason = TRACE_PIO;
	x.exit.rip = 0x100010;
	x.exit.addr = port;
	x.exit.value = value;
	x.exit.size = 1;
	x.exit.count = 1;
	x.exit.guest = 5000;
	x.exit.handler = 400;
	x.exit.away = 1000;
	x.exit.off = r ? (uint32_t)(port - r->base) : 0;
	x.exit.flags = (write ? TRACE_X_WRITE : 0) | (r ? 0 : TRACE_X_NOBODY);
	return x;
}

struct trace_rec kit_event(uint64_t t, uint16_t dev, enum trace_event e, uint64_t a, uint64_t b)
{
	struct trace_rec x = { .t = t, .kind = TRACE_EVENT, .dev = dev, .num = e };

	x.event.arg[0] = a;
	x.event.arg[1] = b;
	return x;
}

static struct trace_rec code(uint64_t t, uint64_t rip)
{
	static const uint8_t bytes[] = { 0xb0, 0x4c, 0xee, 0xf4, 0x90 };
	struct trace_rec x = { .t = t, .kind = TRACE_CODE, .dev = TRACE_NO_DEV };

	x.code.rip = rip;
	x.code.bits = 32;
	x.code.before = 3;
	x.code.len = sizeof(bytes);
	memcpy(x.code.bytes, bytes, sizeof(bytes));
	return x;
}

static struct trace_rec field(uint64_t t, uint16_t dev, uint32_t f, uint64_t from, uint64_t to)
{
	struct trace_rec x = { .t = t, .kind = TRACE_FIELD, .dev = dev };

	x.field.field = f;
	x.field.from = from;
	x.field.to = to;
	return x;
}

static struct trace_rec kernel(uint64_t t)
{
	struct trace_rec x = { .t = t, .kind = TRACE_KERNEL, .dev = TRACE_NO_DEV };

	x.kernel.lstar = UINT64_C(0xffffffff81000080);
	x.kernel.idt = UINT64_C(0xfffffe0000000000);
	return x;
}

static void put(struct trace_writer *w, unsigned thread, const char *name, int vcpu,
		const struct trace_rec *r, unsigned cnt)
{
	struct trace_thread t = { .vcpu = vcpu, .lost = thread };

	snprintf(t.name, sizeof(t.name), "%s", name);
	assert_int_equal(trace_writer_put(w, thread, &t, r, cnt, NULL), 0);
}

static void put_all(struct trace_writer *w)
{
	const struct trace_rec one[] = {
		code(2000400, 0x100010),
		field(2000500, KIT_SERIAL, 2, 0x60, 0x00),
		kit_event(2000600, KIT_SERIAL, TRACE_E_IRQ_LINE, 4, 1),
		kit_pio(2000000, KIT_SERIAL, 0x3f8, true, 'L'),
		kit_event(2500000, KIT_PIC, TRACE_E_IRQ_INJECT, 0x30, 0),
		kit_pio(3000000, TRACE_NO_DEV, 0x87, true, 0),
		kernel(3500000),
	};
	const struct trace_rec two[] = { kit_pio(1900000, KIT_PIT, 0x40, false, 0x12),
					 kit_pio(2900000, KIT_PIC, 0x21, true, 0xff) };
	const struct trace_rec disk[] = { kit_event(2000550, KIT_DISK, TRACE_E_VQ_NOTIFY, 0, 0) };

	put(w, 0, "vcpu0", 0, one, 3);
	assert_int_equal(trace_writer_flush(w, NULL), 0); /* in the middle of an exit's records */
	put(w, 0, "vcpu0", 0, one + 3, ARRAY_LEN(one) - 3);
	put(w, 1, "vcpu1", 1, two, ARRAY_LEN(two));
	put(w, 2, "disk0", -1, disk, ARRAY_LEN(disk));
}

static void finish(struct trace_writer *w)
{
	const struct trace_cpu_time time[2] = { { 100, 60, 20, 10, 5 }, { 100, 50, 20, 10, 5 } };
	const struct trace_stat stat[] = { { "exits", 12 }, { "io_exits", 4 } };
	_cleanup_(symbols_free) struct symbols s = { 0 };

	assert_int_equal(symbols_add(&s, 0x100000, 'T', "start", 5, NULL), 0);
	assert_int_equal(symbols_add(&s, 0x100100, 'T', "next", 4, NULL), 0);
	assert_int_equal(symbols_add(&s, 0x200000, 'T', "far", 3, NULL), 0);
	symbols_sort(&s);
	assert_int_equal(trace_writer_finish(w, time, 2, stat, ARRAY_LEN(stat), &s, 0, NULL), 0);
}

void *kit_trace(size_t *len)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);
	struct trace_writer *w;
	char path[64];
	struct stat st;
	void *p;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(trace_writer_open(path, &kit_machine, &w, NULL), 0);
	put_all(w);
	finish(w);
	trace_writer_free(w);
	assert_int_equal(fstat(fd, &st), 0);
	p = malloc((size_t)st.st_size);
	assert_non_null(p);
	assert_int_equal(pread(fd, p, (size_t)st.st_size, 0), st.st_size);
	close(fd);
	*len = (size_t)st.st_size;
	return p;
}
