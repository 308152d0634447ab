# SPDX-License-Identifier: MIT
# limit: 120
# An empty PCI bus: the kernel finds it by ACPI, reaches it by ports and by ECAM, and has no remark.
for mode in split kernel user; do
	run_guest --pci on --irqchip $mode -p "console=ttyS0 do=pci" -m 256M
	expect_exit 0
	expect_console 'guest: pci 0000:00:00.0 0x1b36:0x0008 class 0x060000 config 4096'
	expect_console 'guest: /proc/iomem: *c0000000-c00fffff : PCI MMCONFIG 0000 \[bus 00-00\]'
	expect_console 'guest: /proc/ioports: *0cf8-0cff : PCI conf1'
	expect_console 'guest: /proc/iomem: *d0000000-fdffffff : PCI Bus 0000:00'
	expect_console 'PCI: MMCONFIG at \[mem .*\] reserved in '
	expect_console 'acpi PNP0A08:00: _OSC: '
	expect_no_console 'PCI: .*(BIOS|Fatal|not reserved|not using)|_OSC.*(fail|error)|no compatible bridge|No busn|could not be reserved|_PRT.*(fail|no )|conflicts? with|nobody cared'
	expect_clean_boot
done
# None: no bridge, no windows, and nobody looks for it.
run_guest --pci off -p "console=ttyS0 do=pci" -m 256M
expect_exit 0
expect_no_console 'guest: pci |PCI Bus|PCI conf1|MMCONFIG'
expect_console 'Command line: .*pci=off'
expect_clean_boot
