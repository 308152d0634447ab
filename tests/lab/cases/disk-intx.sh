# SPDX-License-Identifier: MIT
# limit: 120
# Guests that take no MSI, and none of the IOAPIC either: the disk's interrupt is a level.
store
new_disk a.raw
root_guest props,files,lspci no_msi=1 pci=nomsi -- -d $disks/a.raw
expect_console '^guest: irq .*IO-APIC +[0-9]+-fasteoi +virtio0$'
root_guest props,files no_msi=1 pci=nomsi noapic -- -d $disks/a.raw
expect_console '^guest: irq .*XT-PIC .*virtio0$'
check_root $disks/a.raw
