# SPDX-License-Identifier: MIT
# limit: 120
# A raw disk on virtio-mmio, past the page cache; the guest has no PCI bus at all.
store
new_disk a.raw
before=$(host_kib $disks/a.raw)
root_guest props,files,cache,fio,discard fio_size=4 -- --timeout 100 --virtio mmio --pci off \
	-d $disks/a.raw,cache=none,serial=mmio-serial
expect_console '^guest: vda serial mmio-serial$'
expect_console '^guest: irq .*virtio[0-9]+$'
expect_no_console '^guest: irq .*PCI-MSI'
expect_trimmed $disks/a.raw $before
check_root $disks/a.raw
