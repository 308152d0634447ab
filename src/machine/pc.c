/* SPDX-License-Identifier: MIT */
/*
 * pc.c: the PC, row by row. A row creates a part, wires it, maps it and says what the guest is told
 * of it. The order is that of construction: a part comes after what its wires lead to.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "devices/chip/acpi_pm.h"
#include "devices/chip/debugcon.h"
#include "devices/chip/debugexit.h"
#include "devices/chip/i8042.h"
#include "devices/chip/i8254.h"
#include "devices/chip/i8259.h"
#include "devices/chip/ioapic.h"
#include "devices/chip/mc146818.h"
#include "devices/chip/ns16550.h"
#include "devices/chip/postcode.h"
#include "devices/chip/pvpanic.h"
#include "devices/chip/sysctl_a.h"
#include "devices/chip/testdev.h"
#include "machine/layout.h"
#include "machine/machine_internal.h"
#include "vmm/error.h"

static struct vclock *clock_of(struct machine *m)
{
	return loop_clock(m->io_loop);
}

/* Puts an ISA device with one port range, and maybe an interrupt, into the description. */
static struct board_dev *describe(struct machine *m, const char *name, const char *hid,
				  unsigned uid, uint16_t port, uint16_t len, int irq)
{
	struct board_dev *d = board_add(&m->board, name, hid, uid);

	board_pio(d, port, len);
	if (irq >= 0)
		board_irq(d, (unsigned)irq, false, false);
	return d;
}

/* --- interrupt controllers -------------------------------------------------------------------- */

static bool pic_is_ours(const struct vm_config *c)
{
	return c->board.irqchip != IRQCHIP_KERNEL;
}

static bool ioapic_is_ours(const struct vm_config *c)
{
	return c->board.irqchip == IRQCHIP_SPLIT;
}

static int add_pic(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct i8259_config cfg = { .id = "pic0", .cpu = vcpu_set_intr(m->cpus) };
	struct device *d;
	int r = i8259_create(&cfg, &m->pic, errp);

	(void)c;
	if (r < 0)
		return r;
	d = i8259_device(m->pic);
	machine_add_device(m, d);
	r = machine_map_pio(m, d, I8259_MASTER, PORT_PIC1, errp);
	if (r >= 0)
		r = machine_map_pio(m, d, I8259_SLAVE, PORT_PIC2, errp);
	if (r >= 0)
		r = machine_map_pio(m, d, I8259_ELCR, PORT_ELCR, errp);
	return r;
}

static int add_ioapic(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct ioapic_config cfg = { .id = "ioapic0",
				     .sink = vm_msi_sink(m->vm),
				     .clock = clock_of(m) };
	int r = ioapic_create(&cfg, &m->ioapic, errp);

	(void)c;
	if (r < 0)
		return r;
	machine_add_device(m, ioapic_device(m->ioapic));
	return machine_map_mmio(m, ioapic_device(m->ioapic), 0, LAYOUT_IOAPIC, errp);
}

static int add_irq_lines(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct board_dev *d = describe(m, "PIC", "PNP0000", 0, PORT_PIC1, 2, -1);

	(void)c;
	(void)errp;
	board_pio(d, PORT_PIC2, 2);
	board_pio(d, PORT_ELCR, 2);
	machine_wire_isa(m);
	return 0;
}

/* --- timers and clocks ------------------------------------------------------------------------ */

static int add_pit(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct i8254_config cfg = { .id = "pit0", .irq = m->irq[IRQ_PIT], .clock = clock_of(m) };
	struct i8254 *pit;
	int r = i8254_create(&cfg, &pit, errp);

	(void)c;
	if (r < 0)
		return r;
	machine_add_device(m, i8254_device(pit));
	r = machine_map_pio(m, i8254_device(pit), I8254_COUNTERS, PORT_PIT, errp);
	if (r >= 0)
		r = machine_map_pio(m, i8254_device(pit), I8254_PORT61, PORT_SYSCTL_B, errp);
	return r;
}

static int describe_pit(struct machine *m, const struct vm_config *c, struct error **errp)
{
	(void)c;
	(void)errp;
	describe(m, "PIT", "PNP0100", 0, PORT_PIT, 4, IRQ_PIT);
	describe(m, "SPKR", "PNP0800", 0, PORT_SYSCTL_B, 1, -1);
	return 0;
}

/* Memory sizes where firmware has left them since the AT: KiB, KiB above 1 MiB, 64 KiB above 16
 * MiB. */
static void cmos_memory(struct mc146818 *rtc, uint64_t size)
{
	uint64_t low = min_u64(size, LAYOUT_RAM_LOW_MAX), high = size - low;
	uint64_t ext_kib = min_u64(low / KIB - 1024, 0xffff);
	uint64_t ext_64k = low > 16 * MIB ? min_u64((low - 16 * MIB) / (64 * KIB), 0xffff) : 0;
	const struct {
		uint8_t reg;
		uint64_t val;
	} cmos[] = {
		{ 0x15, 640 & 0xff },   { 0x16, 640 >> 8 },     { 0x17, ext_kib },
		{ 0x18, ext_kib >> 8 }, { 0x30, ext_kib },      { 0x31, ext_kib >> 8 },
		{ 0x34, ext_64k },      { 0x35, ext_64k >> 8 }, { 0x5b, high >> 16 },
		{ 0x5c, high >> 24 },   { 0x5d, high >> 32 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(cmos); i++)
		mc146818_set_cmos(rtc, cmos[i].reg, (uint8_t)cmos[i].val);
}

static uint64_t wallclock(void *ctx)
{
	struct timespec ts;

	(void)ctx;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static int add_rtc(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct mc146818_config cfg = {
		.id = "rtc0", .irq = m->irq[IRQ_RTC], .clock = clock_of(m), .wallclock = wallclock
	};
	struct mc146818 *rtc;
	int r = mc146818_create(&cfg, &rtc, errp);

	if (r < 0)
		return r;
	machine_add_device(m, mc146818_device(rtc));
	cmos_memory(rtc, c->mem.size);
	describe(m, "RTC", "PNP0B00", 0, PORT_RTC, 2, IRQ_RTC)->fdt_compatible =
		"motorola,mc146818";
	return machine_map_pio(m, mc146818_device(rtc), 0, PORT_RTC, errp);
}

/* --- keyboard, power -------------------------------------------------------------------------- */

static int add_i8042(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct i8042_config cfg = { .id = "kbc0", .irq = m->irq[IRQ_KBD], .power = &m->power };
	struct board_dev *b = describe(m, "KBD", "PNP0303", 0, PORT_8042_DATA, 1, IRQ_KBD);
	struct i8042 *kbc;
	int r = i8042_create(&cfg, &kbc, errp);

	(void)c;
	board_pio(b, PORT_8042_CMD, 1);
	if (r < 0)
		return r;
	machine_add_device(m, i8042_device(kbc));
	r = machine_map_pio(m, i8042_device(kbc), I8042_DATA, PORT_8042_DATA, errp);
	if (r >= 0)
		r = machine_map_pio(m, i8042_device(kbc), I8042_COMMAND, PORT_8042_CMD, errp);
	return r;
}

static int add_sysctl_a(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct sysctl_a_config cfg = { .id = "port92", .power = &m->power };
	struct sysctl_a *s;
	int r = sysctl_a_create(&cfg, &s, errp);

	(void)c;
	if (r < 0)
		return r;
	machine_add_device(m, sysctl_a_device(s));
	return machine_map_pio(m, sysctl_a_device(s), 0, PORT_SYSCTL_A, errp);
}

static int add_acpi_pm(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct acpi_pm_config cfg = { .id = "pm0",
				      .sci = m->irq[IRQ_SCI],
				      .clock = clock_of(m),
				      .power = &m->power,
				      .s5_slp_typ = ACPI_S5_TYPE };
	struct device *d;
	int r = acpi_pm_create(&cfg, &m->pm, errp);

	if (r < 0)
		return r;
	d = acpi_pm_device(m->pm);
	machine_add_device(m, d);
	r = machine_map_pio(m, d, ACPI_PM_EVT, PORT_PM1_EVT, errp);
	if (r >= 0)
		r = machine_map_pio(m, d, ACPI_PM_CNT, PORT_PM1_CNT, errp);
	if (r >= 0)
		r = machine_map_pio(m, d, ACPI_PM_TMR, PORT_PM_TMR, errp);
	/* A PCI host bridge has the ports around it, and hands this one on. */
	if (r >= 0 && !machine_wants_pci(c))
		r = machine_map_pio(m, d, ACPI_PM_RESET, PORT_RESET, errp);
	return r;
}

/* --- serial ports ----------------------------------------------------------------------------- */

static const struct {
	const char *id, *name;
	uint16_t port;
	uint8_t irq;
} uarts[CONFIG_SERIALS] = {
	{ "serial0", "COM1", PORT_COM1, IRQ_COM1 },
	{ "serial1", "COM2", PORT_COM2, IRQ_COM2 },
	{ "serial2", "COM3", PORT_COM3, IRQ_COM1 },
	{ "serial3", "COM4", PORT_COM4, IRQ_COM2 },
};

static void on_panic(struct console_watch *w, const char *line)
{
	machine_saw_panic(container_of(w, struct serial_port, watch)->machine, line);
}

static void on_panic_end(struct console_watch *w)
{
	machine_saw_panic_end(container_of(w, struct serial_port, watch)->machine);
}

static void on_quit(void *opaque)
{
	machine_request(opaque, &(struct request){ .kind = REQ_QUIT });
}

/* On a console's loop, which may be an I/O thread's. */
static void on_key(void *opaque, char c)
{
	if (c == 't')
		machine_trace_key(opaque);
}

int machine_open_console(struct machine *m, const char *id, const char *spec, struct loop *loop,
			 bool data, struct chardev **ret, struct error **errp)
{
	struct console_events ev = {
		.quit = on_quit,
		.key = on_key,
		.keys_help = "Ctrl-A t        show what exits there were, or begin to count\r\n",
		.opaque = m,
		.terminal_only = data,
	};
	struct console_host *h = m->config->stdio;

	if (h && !strcmp(spec, "stdio")) {
		*ret = h->take(h, id);
		return *ret ? 0 : err_errno(errp, ENOMEM, "cannot open the console of '%s'", id);
	}
	return console_open(spec, loop, &ev, ret, errp);
}

void machine_watch_console(struct serial_port *p, struct machine *m)
{
	p->machine = m;
	console_watch_init(&p->watch, p->host, on_panic, on_panic_end);
}

static int add_uart(struct machine *m, unsigned n, const char *spec, struct error **errp)
{
	struct serial_port *p = &m->serial[n];
	struct ns16550_config cfg = { .id = uarts[n].id,
				      .irq = m->irq[uarts[n].irq],
				      .clock = clock_of(m),
				      .chr = &p->watch.in };
	struct board_dev *b;
	struct ns16550 *uart;
	int r = machine_open_console(m, uarts[n].id, spec, m->io_loop, false, &p->host, errp);

	if (r < 0)
		return r;
	if (m->config->end.panic_watch)
		machine_watch_console(p, m);
	else
		cfg.chr = p->host;
	r = ns16550_create(&cfg, &uart, errp);
	if (r < 0)
		return r;
	machine_add_device(m, ns16550_device(uart));
	b = describe(m, uarts[n].name, "PNP0501", n + 1, uarts[n].port, 8, uarts[n].irq);
	b->description = "16550A UART";
	b->fdt_compatible = "ns16550a";
	b->console = n == 0;
	return machine_map_pio(m, ns16550_device(uart), 0, uarts[n].port, errp);
}

static int add_serial(struct machine *m, const struct vm_config *c, struct error **errp)
{
	for (unsigned i = 0; i < CONFIG_SERIALS; i++) {
		if (!c->serial[i] || !strcmp(c->serial[i], "none"))
			continue;
		if (add_uart(m, i, c->serial[i], errp) < 0)
			return err_wrap(errp, "%s", uarts[i].id);
	}
	return 0;
}

/* --- for people and scripts ------------------------------------------------------------------- */

static int add_debugcon(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct debugcon_config cfg = { .id = "debugcon0" };
	struct debugcon *d;
	int r = machine_open_console(m, "debugcon0", c->debugcon, m->io_loop, false, &m->debugcon,
				     errp);

	if (r < 0)
		return r;
	cfg.chr = m->debugcon;
	r = debugcon_create(&cfg, &d, errp);
	if (r < 0)
		return r;
	machine_add_device(m, debugcon_device(d));
	return machine_map_pio(m, debugcon_device(d), 0, PORT_DEBUGCON, errp);
}

static bool wants_debugcon(const struct vm_config *c)
{
	return c->debugcon && strcmp(c->debugcon, "none") && !c->board.testdev;
}

static int add_debugexit(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct debugexit_config cfg = { .id = "debugexit0", .power = &m->power, .width = 4 };
	struct debugexit *d;
	int r = debugexit_create(&cfg, &d, errp);

	if (r < 0)
		return r;
	machine_add_device(m, debugexit_device(d));
	return machine_map_pio(m, debugexit_device(d), 0, c->debug_exit_port, errp);
}

static bool wants_debugexit(const struct vm_config *c)
{
	return c->debug_exit_port;
}

static int add_postcode(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct postcode *p;
	struct postcode_config cfg = { .id = "post0", .mark = machine_end_round, .opaque = m };
	int r = postcode_create(&cfg, &p, errp);

	(void)c;
	if (r < 0)
		return r;
	machine_add_device(m, postcode_device(p));
	return machine_map_pio(m, postcode_device(p), 0, PORT_POST, errp);
}

static int add_pvpanic(struct machine *m, const struct vm_config *c, struct error **errp)
{
	struct pvpanic_config cfg = { .id = "pvpanic0", .power = &m->power };
	struct pvpanic *p;
	int r = pvpanic_create(&cfg, &p, errp);

	(void)c;
	if (r < 0)
		return r;
	machine_add_device(m, pvpanic_device(p));
	describe(m, "PEVT", "QEMU0001", 0, PORT_PVPANIC, 1, -1);
	return machine_map_pio(m, pvpanic_device(p), 0, PORT_PVPANIC, errp);
}

/* Where kvm-unit-tests look for it; nothing tells a guest that it is there. */
static int add_testdev(struct machine *m, const struct vm_config *c, struct error **errp)
{
	static const struct {
		unsigned index;
		uint16_t port;
	} ports[] = {
		{ TESTDEV_LATCH, PORT_TEST },
		{ TESTDEV_FLUSH, PORT_TEST + 4 },
		{ TESTDEV_BYTES, PORT_TEST + 8 },
		{ TESTDEV_LINES, PORT_TEST_IRQ },
	};
	struct testdev_config cfg = { .id = "testdev0" };
	struct testdev *t;
	int r;

	(void)c;
	for (unsigned i = 0; i < ARRAY_LEN(m->irq); i++)
		cfg.irq[i] = m->irq[i];
	r = testdev_create(&cfg, &t, errp);
	if (r < 0)
		return r;
	machine_add_device(m, testdev_device(t));
	for (unsigned i = 0; i < ARRAY_LEN(ports) && r >= 0; i++)
		r = machine_map_pio(m, testdev_device(t), ports[i].index, ports[i].port, errp);
	if (r >= 0)
		r = machine_map_mmio(m, testdev_device(t), TESTDEV_MEMORY, LAYOUT_TEST, errp);
	return r;
}

static bool wants_testdev(const struct vm_config *c)
{
	return c->board.testdev;
}

static bool wants_lab_device(const struct vm_config *c)
{
	return c->lab.device;
}

static bool wants_pmem(const struct vm_config *c)
{
	return c->virtio.pmem.cnt;
}

static bool wants_disks(const struct vm_config *c)
{
	return c->disks.cnt;
}

static bool wants_nets(const struct vm_config *c)
{
	return c->nets.cnt;
}

static bool wants_shares(const struct vm_config *c)
{
	return c->shares.cnt;
}

const struct dev_row pc_devices[] = {
	{ "interrupt controllers (8259)", add_pic, pic_is_ours },
	{ "interrupt controller (IOAPIC)", add_ioapic, ioapic_is_ours },
	{ "interrupt lines", add_irq_lines, NULL },
	{ "interval timer", add_pit, pic_is_ours },
	{ "interval timer", describe_pit, NULL },
	{ "real-time clock", add_rtc, NULL },
	{ "keyboard controller", add_i8042, NULL },
	{ "system control port A", add_sysctl_a, NULL },
	{ "power management", add_acpi_pm, NULL },
	{ "PCI host bridge", machine_add_pci, machine_wants_pci },
	{ "serial ports", add_serial, NULL },
	{ "debug console", add_debugcon, wants_debugcon },
	{ "debug-exit port", add_debugexit, wants_debugexit },
	{ "POST port", add_postcode, NULL },
	{ "pvpanic", add_pvpanic, NULL },
	{ "test device", add_testdev, wants_testdev },
	{ "lab device", machine_add_lab_device, wants_lab_device },
	{ "disks", machine_add_disks, wants_disks },
	{ "networks", machine_add_nets, wants_nets },
	{ "persistent memory", machine_add_pmem, wants_pmem },
	{ "shared directories", machine_add_shares, wants_shares },
	{ "virtio console", machine_add_virtio_console, config_has_virtio_console },
	/* After networks, whose scripts are to find the limits as they were. */
	{ "sockets", machine_add_vsock, config_has_vsock },
	{ "entropy device", machine_add_rng, config_has_rng },
	/* After all that may sit on it. */
	{ "PCI slots", machine_describe_pci, machine_wants_pci },
};
const unsigned pc_device_cnt = ARRAY_LEN(pc_devices);
