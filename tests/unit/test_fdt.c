/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <libfdt.h>
#include <string.h>

#include "tests/lib/fake.h"
#include "tests/lib/fake_board.h"

static uint8_t *build(const struct board *b, const char *cmdline, gpa_t initrd, uint64_t len,
		      size_t *size)
{
	struct error *e = NULL;
	uint8_t *fdt = NULL;

	assert_int_equal(fdt_build(b, cmdline, initrd, len, &fdt, size, &e), 0);
	assert_no_error(e);
	assert_int_equal(fdt_check_full(fdt, *size), 0);
	return fdt;
}

static int node(const void *fdt, const char *path)
{
	int n = fdt_path_offset(fdt, path);

	if (n < 0)
		fail_msg("no node '%s'", path);
	return n;
}

static const void *prop(const void *fdt, const char *path, const char *name, int *len)
{
	return fdt_getprop(fdt, node(fdt, path), name, len);
}

static void assert_str(const void *fdt, const char *path, const char *name, const char *want)
{
	const char *s = prop(fdt, path, name, NULL);

	assert_non_null(s);
	assert_string_equal(s, want);
}

static void assert_cells(const void *fdt, const char *path, const char *name, const uint32_t *want,
			 unsigned cnt)
{
	int len;
	const fdt32_t *p = prop(fdt, path, name, &len);

	assert_non_null(p);
	assert_int_equal(len, cnt * 4);
	for (unsigned i = 0; i < cnt; i++)
		assert_int_equal(fdt32_to_cpu(p[i]), want[i]);
}
#define assert_cells(fdt, path, name, ...)                                                         \
	assert_cells(fdt, path, name, (const uint32_t[]){ __VA_ARGS__ },                           \
		     ARRAY_LEN(((const uint32_t[]){ __VA_ARGS__ })))

static void chosen(void **state)
{
	struct board b;
	size_t size;
	uint8_t *fdt;

	(void)state;
	fake_board_init(&b, 1);
	fdt = build(&b, "console=ttyS0 quiet", 0x123456000, 0x1001, &size);
	assert_str(fdt, "/chosen", "bootargs", "console=ttyS0 quiet");
	assert_cells(fdt, "/chosen", "linux,initrd-start", 1, 0x23456000);
	assert_cells(fdt, "/chosen", "linux,initrd-end", 1, 0x23457001);
	assert_str(fdt, "/chosen", "stdout-path", "/soc/isa@0/serial@i3f8:115200n8");
	node(fdt, "/soc/isa@0/serial@i3f8");
	free(fdt);

	b.devs[0].console = false;
	fdt = build(&b, NULL, 0, 0, &size);
	assert_null(prop(fdt, "/chosen", "bootargs", NULL));
	assert_null(prop(fdt, "/chosen", "linux,initrd-start", NULL));
	assert_null(prop(fdt, "/chosen", "stdout-path", NULL));
	free(fdt);
}

static void cpus_and_memory(void **state)
{
	static const unsigned cpus[] = { 1, 4, 255, 300, 4096 };
	struct board b;
	size_t size;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cpus); i++) {
		uint8_t *fdt;
		char path[32];

		fake_board_init(&b, cpus[i]);
		fdt = build(&b, "", 0, 0, &size);
		for (unsigned n = 0; n < cpus[i]; n++) {
			snprintf(path, sizeof(path), "/cpus/cpu@%x", n);
			assert_cells(fdt, path, "reg", n);
		}
		snprintf(path, sizeof(path), "/cpus/cpu@%x", cpus[i]);
		assert_true(fdt_path_offset(fdt, path) < 0);
		assert_cells(fdt, "/cpus", "timebase-frequency", 0, 2500000000);
		free(fdt);
	}
	fake_board_init(&b, 1);
	b.ranges[b.range_cnt++] = (struct board_range){ 4 * GIB, 6 * GIB, BOARD_RAM };
	b.tsc_khz = 0;
	size = 0;
	uint8_t *fdt = build(&b, "", 0, 0, &size);

	assert_cells(fdt, "/memory@0", "reg", 0, 0, 0, 0x9fc00);
	assert_cells(fdt, "/memory@100000", "reg", 0, 0x100000, 0, 0x1ff00000);
	assert_cells(fdt, "/memory@100000000", "reg", 1, 0, 1, 0x80000000);
	assert_true(fdt_path_offset(fdt, "/memory@e0000") < 0); /* ACPI's, not RAM */
	assert_null(prop(fdt, "/cpus", "timebase-frequency", NULL));
	free(fdt);
}

static void devices_with_apic(void **state)
{
	struct board b;
	struct board_dev *d;
	size_t size;
	uint8_t *fdt;

	(void)state;
	fake_board_init(&b, 1);
	b.devs[4].fdt_compatible = "intel,i8254"; /* the PIT */
	d = board_add(&b, "VIO0", "LNRO0005", 0);
	d->fdt_compatible = "virtio,mmio";
	board_mmio(d, 0xd0000000, 0x200);
	board_irq(d, 20, true, false);
	d = board_add(&b, "X_Y", "TRPZ0001", 0);
	d->fdt_compatible = "trapeze,thing";
	board_pio(d, 0x510, 2);
	board_pio(d, 0x514, 8);
	board_irq(d, 5, true, true);
	board_irq(d, 6, false, true);
	fdt = build(&b, "", 0, 0, &size);
	assert_str(fdt, "/soc/interrupt-controller@fec00000", "compatible", "intel,ce4100-ioapic");
	assert_cells(fdt, "/soc/interrupt-controller@fec00000", "reg", 0, 0xfec00000, 0, 0x1000);
	assert_str(fdt, "/soc/interrupt-controller@fee00000", "compatible", "intel,ce4100-lapic");
	assert_str(fdt, "/soc/isa@0/serial@i3f8", "compatible", "ns16550a");
	assert_cells(fdt, "/soc/isa@0/serial@i3f8", "reg", 1, 0x3f8, 8);
	assert_cells(fdt, "/soc/isa@0/serial@i3f8", "interrupts", 4, 0); /* edge rising */
	assert_cells(fdt, "/soc/isa@0/serial@i3f8", "clock-frequency", 1843200);
	assert_cells(fdt, "/soc/isa@0/rtc@i70", "interrupts", 8, 0);
	assert_cells(fdt, "/soc/isa@0/timer@i40", "interrupts", 2, 0); /* pin 2 */
	assert_cells(fdt, "/soc/isa@0/device-x-y@i510", "reg", 1, 0x510, 2, 1, 0x514, 8);
	assert_cells(fdt, "/soc/isa@0/device-x-y@i510", "interrupts", 5, 1, 6, 3);
	assert_cells(fdt, "/soc/virtio@d0000000", "reg", 0, 0xd0000000, 0, 0x200);
	assert_cells(fdt, "/soc/virtio@d0000000", "interrupts", 20, 2); /* level high */
	assert_cells(fdt, "/soc", "interrupt-parent",
		     fdt_get_phandle(fdt, node(fdt, "/soc/interrupt-controller@fec00000")));
	assert_cells(fdt, "/cpus/cpu@0", "lapic",
		     fdt_get_phandle(fdt, node(fdt, "/soc/interrupt-controller@fee00000")));
	free(fdt);
}

static void devices_with_pic_alone(void **state)
{
	struct board b;
	size_t size;
	uint8_t *fdt;

	(void)state;
	fake_board_init(&b, 1);
	b.has_apic = false;
	b.devs[4].fdt_compatible = "intel,i8254";
	fdt = build(&b, "", 0, 0, &size);
	assert_true(fdt_path_offset(fdt, "/soc/interrupt-controller@fec00000") < 0);
	assert_str(fdt, "/soc/isa@0/interrupt-controller@i20", "compatible", "intel,i8259");
	assert_cells(fdt, "/soc", "interrupt-parent",
		     fdt_get_phandle(fdt, node(fdt, "/soc/isa@0/interrupt-controller@i20")));
	assert_cells(fdt, "/soc/isa@0/serial@i3f8", "interrupts", 4, 3);
	assert_cells(fdt, "/soc/isa@0/timer@i40", "interrupts", 0, 3);
	assert_null(prop(fdt, "/cpus/cpu@0", "lapic", NULL));
	free(fdt);
}

/* IEEE 1275 PCI binding, 2.2.1.1: phys.hi is npt000ss bbbbbbbb dddddfff rrrrrrrr. */
static void pci_bus(void **state)
{
	struct board b;
	size_t size;
	uint8_t *fdt;

	(void)state;
	fake_board_init(&b, 1);
	fdt = build(&b, "", 0, 0, &size);
	assert_true(fdt_path_offset(fdt, "/soc/pcie@c0000000") < 0);
	free(fdt);
	fake_board_add_pci(&b);
	fdt = build(&b, "", 0, 0, &size);
	assert_str(fdt, "/soc/pcie@c0000000", "compatible", "pci-host-ecam-generic");
	assert_cells(fdt, "/soc/pcie@c0000000", "reg", 0, 0xc0000000, 0, 0x100000);
	assert_cells(fdt, "/soc/pcie@c0000000", "bus-range", 0, 0);
	assert_cells(fdt, "/soc/pcie@c0000000", "ranges", 0x01000000, 0, 0x1000, 0, 0x1000, 0,
		     0xf000, 0x02000000, 0, 0xd0000000, 0, 0xd0000000, 0, 0x2e000000, 0x03000000,
		     0x80, 0, 0x80, 0, 0x40, 0);
	assert_cells(fdt, "/soc/pcie@c0000000", "interrupt-map-mask", 0x1800, 0, 0, 7);
	assert_cells(fdt, "/soc/pcie@c0000000", "interrupt-map", 0x0000, 0, 0, 1, 1, 16,
		     1, /* level low */
		     0x0800, 0, 0, 1, 1, 17, 1, 0x1000, 0, 0, 1, 1, 18, 1, 0x1800, 0, 0, 1, 1, 19,
		     1);
	free(fdt);
	b.has_apic = false;
	b.pci.mem64.len = 0;
	fdt = build(&b, "", 0, 0, &size);
	assert_cells(fdt, "/soc/pcie@c0000000", "ranges", 0x01000000, 0, 0x1000, 0, 0x1000, 0,
		     0xf000, 0x02000000, 0, 0xd0000000, 0, 0xd0000000, 0, 0x2e000000);
	assert_cells(fdt, "/soc/pcie@c0000000", "interrupt-map", 0x0000, 0, 0, 1, 1, 10, 0, 0x0800,
		     0, 0, 1, 1, 11, 0, 0x1000, 0, 0, 1, 1, 10, 0, 0x1800, 0, 0, 1, 1, 11, 0);
	free(fdt);
}

/* dtc's checks know the bindings' rules of form better than we do. */
static void dtc_has_no_complaint(void **state)
{
	struct board b;
	char path[] = "/tmp/test_fdt.XXXXXX", cmd[128], out[4096];

	(void)state;
	if (system("dtc -v >/dev/null 2>&1") != 0) {
		print_message("SKIPPED: dtc (package device-tree-compiler) is not installed, so "
			      "nobody but us has read the device tree\n");
		skip();
	}
	for (unsigned i = 0; i < 8; i++) {
		int fd = mkstemp(strcpy(path, "/tmp/test_fdt.XXXXXX"));
		struct board_dev *d;
		size_t size, n;
		uint8_t *fdt;
		FILE *f;

		assert_true(fd >= 0);
		fake_board_init(&b, i & 1 ? 300 : 1);
		b.has_apic = i & 2;
		if (i & 4)
			fake_board_add_pci(&b);
		d = board_add(&b, "VIO0", "LNRO0005", 0);
		d->fdt_compatible = "virtio,mmio";
		board_mmio(d, 0xd0000000, 0x200);
		board_irq(d, 10, true, false);
		fdt = build(&b, "quiet", 0x1000000, 0x1000, &size);
		assert_int_equal(write(fd, fdt, size), size);
		close(fd);
		free(fdt);
		snprintf(cmd, sizeof(cmd), "dtc -I dtb -O dts -o /dev/null %s 2>&1", path);
		f = popen(cmd, "r");
		assert_non_null(f);
		n = fread(out, 1, sizeof(out) - 1, f);
		out[n] = '\0';
		if (pclose(f) != 0 || n)
			fail_msg("dtc on %s:\n%s", path, out);
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chosen),
		cmocka_unit_test(cpus_and_memory),
		cmocka_unit_test(devices_with_apic),
		cmocka_unit_test(devices_with_pic_alone),
		cmocka_unit_test(pci_bus),
		cmocka_unit_test(dtc_has_no_complaint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
