# SPDX-License-Identifier: MIT
# limit: 150
# A raw disk on PCI: what it says of itself, files, its write cache, lspci, verified random I/O, space
# given back; afterwards the host finds a sound file system with what the guest left.
store
new_disk a.raw
before=$(host_kib $disks/a.raw)
root_guest props,files,cache,lspci,fio,leave,discard -- --timeout 130 -d $disks/a.raw,format=raw,serial=tz-0001
expect_console '^guest: vda serial tz-0001$'
expect_console '^guest: vda size 131072$'
expect_console '^guest: vda ro 0$'
expect_console '^guest: vda cache_type write back$'
expect_console '^guest: vda queues 1$'
expect_console '^guest: irq .*PCI-MSI.* virtio0-req.0$'
expect_trimmed $disks/a.raw $before
check_root $disks/a.raw
expect [ "$(tool debugfs -R 'cat /left' $disks/a.raw 2>/dev/null)" = "was here" ]
