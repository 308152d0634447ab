# SPDX-License-Identifier: MIT
# limit: 150
# A stock kernel with a disk, recorded: its driver's accesses by the names of the specifications, whatever
# index or queue it had selected before, and code by the kernel's own names.
store
new_disk a.raw
root_guest props,files -- --timeout 130 -d $disks/a.raw,format=raw --trace-out "$DIR/trace"
lines() { $V trace show "$DIR/trace" "$1" >"$DIR/out" 2>>"$messages" || fail "no lines of '$1'"; }

lines 'dev=disk0'
expect_output 'MMIO write 0x[0-9a-f]+ \(disk0 device_status\) <- 0x0f ACKNOWLEDGE.DRIVER.DRIVER_OK.FEATURES_OK'
expect_output 'MMIO read  0x[0-9a-f]+ \(disk0 queue_size of queue 0\) -> '
expect_output '\(disk0 queue_desc of queue 0\) <- 0x[0-9a-f]+ rip=ffffffff[0-9a-f]+ \(iowrite32\+0x'
expect_output '\(disk0 config capacity\) -> 0x'
expect_output '\(disk0 queue_notify 0\) <- '
expect_output '\(disk0 MSI-X table\[1\] data\) <- 0x'
expect_output ' disk0 +disk0: queue 0: chain [0-9]+ taken \('
expect_output ' disk0 +disk0: request [0-9]+: read of [0-9]+ bytes at 0x'
lines 'dev=pci0'
expect_output '\(PCI 00:0[0-9]\.0 \(disk0\) BAR0\) <- 0xffffffff'
expect_output '\(PCI 00:0[0-9]\.0 \(disk0\) COMMAND\) <- 0x[0-9a-f]+ .*MASTER'
expect_output '\(PCI CONFIG_ADDRESS: 00:00\.0 \(pci0\) VENDOR_ID\)'
lines 'dev=rtc0'
expect_output '\(RTC minutes\) -> '
lines 'dev=ioapic0'
expect_output '\(IOAPIC pin [0-9]+ low\) <- 0x[0-9a-f]+ .*vector='
lines nobody
expect_output '\(nobody'
