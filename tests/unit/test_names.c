/* SPDX-License-Identifier: MIT */
/* test_names.c: what registers, values and effects are called. */
#include <stdio.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "tests/lib/trace_kit.h"
#include "vmm/lens.h"

/* One access after the other, each with what went before in mind. */
struct step {
	uint16_t dev;
	uint8_t region;
	uint32_t off;
	uint8_t size;
	bool write;
	uint64_t value;
	const char *name, *means;
};

static struct trace_rec access_of(const struct step *s)
{
	const struct trace_region *r = &kit_machine.device[s->dev].region[s->region];
	struct trace_rec x = { .kind = TRACE_EXIT, .dev = s->dev };

	x.exit.reason = r->mmio ? TRACE_MMIO : TRACE_PIO;
	x.exit.region = s->region;
	x.exit.off = s->off;
	x.exit.addr = r->base + s->off;
	x.exit.size = s->size;
	x.exit.flags = s->write ? TRACE_X_WRITE : 0;
	x.exit.value = s->value;
	return x;
}

static void check(const struct lens *l, const struct trace_rec *x, const char *name,
		  const char *means)
{
	_cleanup_(str_free) struct str n = { 0 }, v = { 0 };

	lens_register_name(l, x, &n);
	lens_value(l, x, &v);
	assert_string_equal(n.s ? n.s : "", name);
	assert_string_equal(v.s ? v.s : "", means);
}

static const struct step steps[] = {
	/* 8250 */
	{ KIT_SERIAL, 0, 0, 1, true, 'L', "COM1 THR", "'L'" },
	{ KIT_SERIAL, 0, 0, 1, true, '\n', "COM1 THR", "'\\n'" },
	{ KIT_SERIAL, 0, 0, 1, false, 0x1b, "COM1 RBR", "" },
	{ KIT_SERIAL, 0, 5, 1, false, 0x60, "COM1 LSR", "THRE|TEMT" },
	{ KIT_SERIAL, 0, 2, 1, false, 0xc2, "COM1 IIR", "ID=1|FIFO=3" },
	{ KIT_SERIAL, 0, 2, 1, true, 0x07, "COM1 FCR", "ENABLE|CLEAR_RX|CLEAR_TX" },
	{ KIT_SERIAL, 0, 3, 1, true, 0x83, "COM1 LCR", "WLS=3|DLAB" },
	{ KIT_SERIAL, 0, 0, 1, true, 1, "COM1 DLL", "" },
	{ KIT_SERIAL, 0, 1, 1, true, 0, "COM1 DLM", "" },
	{ KIT_SERIAL, 0, 3, 1, true, 0x03, "COM1 LCR", "WLS=3" },
	{ KIT_SERIAL, 0, 1, 1, true, 2, "COM1 IER", "ETBEI" },
	{ KIT_COM2, 0, 7, 1, true, 2, "COM2 SCR", "" },
	/* 8254 */
	{ KIT_PIT, 0, 3, 1, true, 0x34, "PIT control", "MODE=2|RW=3" },
	{ KIT_PIT, 0, 0, 1, true, 0x9b, "PIT channel 0", "" },
	{ KIT_PIT, 1, 0, 1, false, 0x21, "system control B, port 61h", "GATE2|OUT2" },
	/* 8259: four words, then masks */
	{ KIT_PIC, 0, 1, 1, true, 0xff, "PIC1 IMR", "IR0|IR1|IR2|IR3|IR4|IR5|IR6|IR7" },
	{ KIT_PIC, 0, 0, 1, true, 0x11, "PIC1 ICW1", "IC4|INIT" },
	{ KIT_PIC, 1, 0, 1, true, 0x11, "PIC2 ICW1", "IC4|INIT" },
	{ KIT_PIC, 0, 1, 1, true, 0x30, "PIC1 ICW2 (vector)", "" },
	{ KIT_PIC, 0, 1, 1, true, 0x04, "PIC1 ICW3 (cascade)", "IR2" },
	{ KIT_PIC, 0, 1, 1, true, 0x01, "PIC1 ICW4", "x86" },
	{ KIT_PIC, 0, 1, 1, true, 0xfb, "PIC1 IMR", "IR0|IR1|IR3|IR4|IR5|IR6|IR7" },
	{ KIT_PIC, 1, 1, 1, true, 0x38, "PIC2 ICW2 (vector)", "" },
	{ KIT_PIC, 0, 0, 1, true, 0x12, "PIC1 ICW1", "SNGL|INIT" }, /* no ICW3, no ICW4 */
	{ KIT_PIC, 0, 1, 1, true, 0x30, "PIC1 ICW2 (vector)", "" },
	{ KIT_PIC, 0, 1, 1, true, 0x00, "PIC1 IMR", "" },
	{ KIT_PIC, 0, 0, 1, false, 0x10, "PIC1 IRR", "IR4" },
	{ KIT_PIC, 0, 0, 1, true, 0x0b, "PIC1 OCW3", "RIS|RR" },
	{ KIT_PIC, 0, 0, 1, false, 0x10, "PIC1 ISR", "IR4" },
	{ KIT_PIC, 0, 0, 1, true, 0x20, "PIC1 OCW2", "EOI" },
	{ KIT_PIC, 2, 1, 1, true, 0x0c, "PIC ELCR2", "IR2|IR3" },
	/* PCI by ports */
	{ KIT_PCI, 1, 0, 4, false, 0xffffffff, "PCI CONFIG_DATA", "" },
	{ KIT_PCI, 0, 0, 4, true, 0x80001810, "PCI CONFIG_ADDRESS: 00:03.0 (disk0) BAR0", "" },
	{ KIT_PCI, 1, 0, 4, true, 0xd0000000, "PCI 00:03.0 (disk0) BAR0", "" },
	{ KIT_PCI, 0, 0, 4, true, 0x80001804, "PCI CONFIG_ADDRESS: 00:03.0 (disk0) COMMAND", "" },
	{ KIT_PCI, 1, 0, 2, true, 0x6, "PCI 00:03.0 (disk0) COMMAND", "MEM|MASTER" },
	{ KIT_PCI, 1, 2, 2, false, 0x10, "PCI 00:03.0 (disk0) STATUS", "CAPABILITIES" },
	{ KIT_PCI, 0, 0, 4, true, 0x8000f800, "PCI CONFIG_ADDRESS: 00:1f.0 VENDOR_ID", "" },
	{ KIT_PCI, 1, 0, 4, false, 0xffffffff, "PCI 00:1f.0 VENDOR_ID", "" },
	{ KIT_PCI, 0, 0, 4, true, 0, "PCI CONFIG_ADDRESS: off", "" },
	{ KIT_PCI, 0, 1, 1, true, 6, "reset control", "" },
	{ KIT_PCI, 0, 3, 1, true, 6, "PCI CONFIG_ADDRESS+3", "" },
	/* and by ECAM */
	{ KIT_PCI, 2, 0x18040, 4, false, 0, "PCI 00:03.0 (disk0) 0x40", "" },
	{ KIT_PCI, 2, 0x1800b, 1, false, 1, "PCI 00:03.0 (disk0) CLASS+2", "" },
	/* virtio */
	{ KIT_DISK, 0, 0x14, 1, true, 0xf, "disk0 device_status",
	  "ACKNOWLEDGE|DRIVER|DRIVER_OK|FEATURES_OK" },
	{ KIT_DISK, 0, 0x16, 2, true, 3, "disk0 queue_select", "" },
	{ KIT_DISK, 0, 0x24, 4, true, 0, "disk0 queue_desc+4 of queue 3", "" },
	{ KIT_DISK, 0, 0x1c, 2, true, 1, "disk0 queue_enable of queue 3", "" },
	{ KIT_DISK, 0, 0x1000, 1, false, 1, "disk0 ISR", "QUEUE" },
	{ KIT_DISK, 0, 0x2000, 4, false, 1, "disk0 config capacity", "" },
	{ KIT_DISK, 0, 0x2022, 2, false, 1, "disk0 config num_queues", "" },
	{ KIT_DISK, 0, 0x3004, 2, true, 1, "disk0 queue_notify 1", "" },
	{ KIT_DISK, 1, 8, 2, true, 1, "disk0 queue_notify 2", "" },
	{ KIT_DISK, 2, 0x18, 4, true, 0x41, "disk0 MSI-X table[1] data", "" },
	{ KIT_DISK, 2, 0x800, 4, false, 0, "disk0 MSI-X pending bits", "" },
	{ KIT_NET, 0, 0, 4, false, 0x74726976, "net0 MagicValue", "" },
	{ KIT_NET, 0, 0x30, 4, true, 1, "net0 QueueSel", "" },
	{ KIT_NET, 0, 0x44, 4, true, 1, "net0 QueueReady of queue 1", "" },
	{ KIT_NET, 0, 0x50, 4, true, 2, "net0 QueueNotify 2", "" },
	{ KIT_NET, 0, 0x60, 4, false, 3, "net0 InterruptStatus", "QUEUE|CONFIG" },
	{ KIT_NET, 1, 0, 1, false, 0x52, "net0 config mac", "" },
	/* the rest of the board */
	{ KIT_IOAPIC, 0, 0, 4, true, 0x12, "IOAPIC IOREGSEL: pin 1 low", "" },
	{ KIT_IOAPIC, 0, 0x10, 4, true, 0x10031, "IOAPIC pin 1 low", "vector=0x31|masked" },
	{ KIT_IOAPIC, 0, 0, 4, true, 1, "IOAPIC IOREGSEL: VER", "" },
	{ KIT_IOAPIC, 0, 0x10, 4, false, 0x170020, "IOAPIC VER", "version=0x20|last_pin=0x17" },
	{ KIT_RTC, 0, 0, 1, true, 0x8b, "RTC index: B", "" },
	{ KIT_RTC, 0, 1, 1, false, 0x02, "RTC B", "24H" },
	{ KIT_RTC, 0, 0, 1, true, 0x40, "RTC index: CMOS byte 0x40", "" },
	{ KIT_RTC, 0, 1, 1, false, 0, "RTC CMOS byte 0x40", "" },
	{ KIT_KBD, 0, 0, 1, true, 0xed, "keyboard data", "" },
	{ KIT_KBD, 1, 0, 1, true, 0xfe, "keyboard command: pulse reset line", "" },
	{ KIT_KBD, 1, 0, 1, false, 0x1c, "keyboard status", "SYS|A2|INH" },
	{ KIT_PM, 0, 2, 2, true, 0x100, "ACPI PM1a_EN", "PWRBTN" },
	{ KIT_PM, 1, 0, 2, true, 0x3401, "ACPI PM1a_CNT", "SCI_EN|SLP_TYP=5|SLP_EN" },
	{ KIT_PM, 2, 0, 4, false, 77, "ACPI PM_TMR", "" },
	{ KIT_PM, 3, 0, 1, true, 6, "reset control", "SYS_RST|RST_CPU" },
	{ KIT_DEBUGCON, 0, 0, 1, true, '!', "debug console", "'!'" },
	{ KIT_STUDENT, 0, 2, 1, true, 7, "dice0 the dice+0x2", "" },
};

static void names_follow_the_guest(void **state)
{
	struct lens l = { .machine = &kit_machine, .seen = lens_seen_new(&kit_machine) };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
		const struct trace_rec x = access_of(&steps[i]);

		check(&l, &x, steps[i].name, steps[i].means);
		lens_see(&l, &x);
	}
	lens_seen_free(l.seen);
}

/* Without memory of what went before, windows are called windows. */
static void names_without_memory(void **state)
{
	static const struct step plain[] = {
		{ KIT_RTC, 0, 1, 1, false, 0, "RTC data", "" },
		{ KIT_PCI, 1, 0, 4, false, 0, "PCI CONFIG_DATA", "" },
		{ KIT_IOAPIC, 0, 0x10, 4, false, 0, "IOAPIC IOWIN", "" },
		{ KIT_DISK, 0, 0x18, 2, false, 0, "disk0 queue_size", "" },
		{ KIT_SERIAL, 0, 0, 1, true, 'x', "COM1 THR", "'x'" },
	};
	const struct lens l = { .machine = &kit_machine };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(plain); i++) {
		const struct trace_rec x = access_of(&plain[i]);

		check(&l, &x, plain[i].name, plain[i].means);
		lens_see(&l, &x);
	}
}

static void no_device(void **state)
{
	static const struct {
		uint8_t reason;
		uint64_t addr, value;
		const char *kind, *name;
	} rows[] = {
		{ TRACE_PIO, 0x87, 0, "IO IN", "nobody: DMA page registers" },
		{ TRACE_PIO, 0x3f6, 0, "IO IN", "nobody: IDE control" },
		{ TRACE_PIO, 0x9999, 0, "IO IN", "nobody" },
		{ TRACE_MMIO, 0xfed00000, 0, "MMIO read", "nobody: HPET" },
		{ TRACE_MMIO, 0x12345678, 0, "MMIO read", "nobody" },
		{ TRACE_HLT, 0, 0, "HLT", "until an interrupt" },
		{ TRACE_EOI, 0x31, 0, "EOI", "vector 0x31" },
		{ TRACE_RDMSR, 0xc0000082, 0, "RDMSR", "MSR LSTAR" },
		{ TRACE_WRMSR, 0xdeadbeef, 0, "WRMSR", "MSR 0xdeadbeef" },
		{ TRACE_SHUTDOWN, 0, 0, "SHUTDOWN", "triple fault" },
		{ TRACE_OTHER, 0, 17, "OTHER", "KVM_EXIT_INTERNAL_ERROR" },
		{ TRACE_OTHER, 0, 1000, "OTHER", "KVM_EXIT_0x3e8" },
		{ 99, 0, 0, "?", "debugger" },
	};
	const struct lens l = { .machine = &kit_machine }, none = { 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct trace_rec x = { .kind = TRACE_EXIT, .dev = TRACE_NO_DEV };

		x.exit.reason = rows[i].reason;
		x.exit.addr = rows[i].addr;
		x.exit.value = rows[i].value;
		x.exit.flags = TRACE_X_NOBODY;
		check(&l, &x, rows[i].name, "");
		check(&none, &x, rows[i].name, "");
		assert_string_equal(lens_kind_name(&x), rows[i].kind);
	}
}

/* A dword that ends in somebody's byte. */
static void in_part(void **state)
{
	const struct lens l = { .machine = &kit_machine };
	struct trace_rec x = kit_pio(0, KIT_PM, 0xcf8, true, 0x80000000);

	(void)state;
	x.exit.region = 3;
	x.exit.off = 0;
	x.exit.size = 4;
	check(&l, &x, "reset control, in part", "");
}

static void effect_is(const struct trace_rec *r, const char *words)
{
	const struct lens l = { .machine = &kit_machine };
	_cleanup_(str_free) struct str s = { 0 };

	lens_effect(&l, r, &s);
	assert_string_equal(s.s ? s.s : "", words);
}

static void events(void **state)
{
	static const struct {
		enum trace_event e;
		uint64_t arg[4];
		const char *words;
	} rows[] = {
		{ TRACE_E_IRQ_LINE, { 4, 1 }, "irq 4 raised" },
		{ TRACE_E_IRQ_LINE, { 4, 0 }, "irq 4 lowered" },
		{ TRACE_E_IRQ_REQUEST, { 0x10, 4 }, "irq 4 requested" },
		{ TRACE_E_IRQ_ACK, { 0x34, 4 }, "irq 4 acknowledged as vector 0x34" },
		{ TRACE_E_IRQ_INJECT, { 0x34, 1 }, "vector 0x34 injected into vcpu1" },
		{ TRACE_E_IRQ_EOI, { 0x34, 0 }, "vector 0x34 ended" },
		{ TRACE_E_MSI, { 0xfee01000, 0x41 }, "MSI: vector 0x41 to APIC 1" },
		{ TRACE_E_MSI, { 0x1000, 7 }, "message 0x7 to 0x1000" },
		{ TRACE_E_MAP, { 2, 0xd0002000, 4096 }, "MSI-X table now at 0xd0002000" },
		{ TRACE_E_UNMAP, { 9, 0xd0002000, 4096 }, "region 9 no longer at 0xd0002000" },
		{ TRACE_E_VQ_NOTIFY, { 1 }, "queue 1 notified" },
		{ TRACE_E_VQ_POP,
		  { 0, 7, 16, 4097 },
		  "queue 0: chain 7 taken (16 bytes to read, 4097 to write)" },
		{ TRACE_E_VQ_PUSH, { 0, 7, 4097 }, "queue 0: chain 7 used, 4097 bytes written" },
		{ TRACE_E_IO_BEGIN,
		  { 7, 1, 0x1000, 512 },
		  "request 7: write of 512 bytes at 0x1000 begun" },
		{ TRACE_E_IO_BEGIN, { 8, 2 }, "request 8: flush begun" },
		{ TRACE_E_IO_END, { 7, 0 }, "request 7 done" },
		{ TRACE_E_IO_END, { 7, 5 }, "request 7 failed: Input/output error" },
		{ TRACE_E_TIMER, { 0 }, "timer 0 fired" },
		{ TRACE_E_DIRTY, { 0x3000, 2 }, "2 pages written at 0x3000" },
		{ TRACE_E_MARK, { 0x1234 }, "mark: value 0x1234" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct trace_rec r = kit_event(0, KIT_DISK, rows[i].e, 0, 0);

		memcpy(r.event.arg, rows[i].arg, sizeof(rows[i].arg));
		effect_is(&r, rows[i].words);
	}
}

static void fields(void **state)
{
	static const struct {
		uint16_t dev;
		uint32_t field, index;
		uint64_t from, to;
		const char *words;
	} rows[] = {
		{ KIT_SERIAL, 2, 0, 0, 0x20, "LSR.THRE 0 -> 1" },
		{ KIT_SERIAL, 2, 0, 0x61, 0x60, "LSR.DR 1 -> 0" },
		{ KIT_SERIAL, 1, 0, 0x80, 0x03, "LCR.WLS 0 -> 3, LCR.DLAB 1 -> 0" },
		{ KIT_SERIAL, 3, 2, 0, 0x41, "RX FIFO[2] 0 -> 0x41" },
		{ KIT_SERIAL, 5, 0, 5, 7, "" },                   /* rx_head: nobody's business */
		{ KIT_SERIAL, 0, 0, 0x00, 0x0f, "IER 0 -> 0xf" }, /* too many to tell */
		{ KIT_RTC, 0, 12, 0x00, 0x40, "C.PF 0 -> 1" },
		{ KIT_RTC, 0, 0x40, 1, 2, "CMOS byte 0x40 1 -> 2" },
		{ KIT_PIT, 0, 0, 0, 0x2e9b, "channel 0 reload 0 -> 0x2e9b" },
		{ KIT_DISK, 0, 4, 0, 6, "PCI COMMAND 0 -> 6" },
		{ KIT_STUDENT, 0, 0, 1, 6, "face 1 -> 6" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct trace_rec r = { .kind = TRACE_FIELD, .dev = rows[i].dev };

		r.field.field = rows[i].field;
		r.field.index = rows[i].index;
		r.field.from = rows[i].from;
		r.field.to = rows[i].to;
		effect_is(&r, rows[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_the_guest),
		cmocka_unit_test(names_without_memory),
		cmocka_unit_test(no_device),
		cmocka_unit_test(in_part),
		cmocka_unit_test(events),
		cmocka_unit_test(fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
