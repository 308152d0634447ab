/* SPDX-License-Identifier: MIT */
#include "tests/lib/fake_board.h"

static uint32_t apic_ids[FAKE_MAX_CPUS];

static void add_uart(struct board *b, const char *name, unsigned uid, uint16_t port, unsigned irq)
{
	struct board_dev *d = board_add(b, name, "PNP0501", uid);

	d->description = "16550A UART";
	d->fdt_compatible = "ns16550a";
	d->console = uid == 1;
	board_pio(d, port, 8);
	board_irq(d, irq, false, false);
}

static void add_devices(struct board *b)
{
	struct board_dev *d;

	add_uart(b, "COM1", 1, 0x3f8, 4);
	add_uart(b, "COM2", 2, 0x2f8, 3);
	d = board_add(b, "RTC", "PNP0B00", 0);
	d->fdt_compatible = "motorola,mc146818";
	d->description = "MC146818 RTC";
	board_pio(d, 0x70, 2);
	board_irq(d, 8, false, false);
	d = board_add(b, "PIC", "PNP0000", 0);
	board_pio(d, 0x20, 2);
	board_pio(d, 0xa0, 2);
	board_irq(d, 2, false, false);
	d = board_add(b, "TIMR", "PNP0100", 0);
	board_pio(d, 0x40, 4);
	board_irq(d, 0, false, false);
	d = board_add(b, "KBD", "PNP0303", 0);
	d->description = "i8042";
	board_pio(d, 0x60, 1);
	board_pio(d, 0x64, 1);
	board_irq(d, 1, false, false);
	d = board_add(b, "PEVT", "QEMU0001", 0);
	board_pio(d, 0x505, 1);
	d = board_add(b, "POST", NULL, 0); /* nothing a guest should be told about */
	board_pio(d, 0x80, 1);
}

void fake_board_init(struct board *b, unsigned cpu_cnt)
{
	for (unsigned i = 0; i < FAKE_MAX_CPUS; i++)
		apic_ids[i] = i;
	*b = (struct board){
		.cpu_cnt = cpu_cnt,
		.apic_ids = apic_ids,
		.threads = 1,
		.cores = cpu_cnt,
		.sockets = 1,
		.tsc_khz = 2500000,
		.has_apic = true,
		.lapic_base = 0xfee00000,
		.ioapic_base = 0xfec00000,
		.ioapic_id = 0,
		.ioapic_pins = 24,
		.has_pic = true,
		.irq0_is_gsi2 = true,
		.has_8042 = true,
		.pm = {
			.pm1a_evt = 0x600,
			.pm1a_cnt = 0x604,
			.pm_tmr = 0x608,
			.sci_gsi = 9,
			.s5_slp_typ = 5,
			.reset_port = 0xcf9,
			.reset_value = 6,
			.rtc_century = true,
			.century_reg = 0x32,
		},
		.ranges = {
			{ 0, 0x9fc00, BOARD_RAM },
			{ 0x9fc00, 0x400, BOARD_RESERVED },
			{ 0xe0000, 0x20000, BOARD_ACPI },
			{ 0x100000, 0x1ff00000, BOARD_RAM },
		},
		.range_cnt = 4,
	};
	add_devices(b);
}

void fake_board_add_pci(struct board *b)
{
	b->pci = (struct board_pci){
		.ecam_base = 0xc0000000,
		.ecam_len = 0x100000,
		.io = { 0x1000, 0xf000 },
		.mem32 = { 0xd0000000, 0x2e000000 },
		.mem64 = { UINT64_C(0x8000000000), UINT64_C(0x4000000000) },
		.slots = 1u << 1 | 1u << 2 | 1u << 5 | 1u << 31,
		.gsi = { 16, 17, 18, 19 },
		.irq = { 10, 11, 10, 11 },
	};
}
