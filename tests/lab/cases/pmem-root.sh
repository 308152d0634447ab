# SPDX-License-Identifier: MIT
# limit: 150
# A root file system in persistent memory, mounted without a page cache (DAX): what is written and
# flushed is in the file; a private one forgets; a read-only one is shared by two guests at once.
store
new_disk a.raw
pmem_guest() { # TESTS MODE ARGS...
	local tests=$1 mode=$2
	shift 2
	run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=pmem root=/dev/pmem0 mode=$mode tests=$tests" "$@"
	expect_exit 0
	expect_console '^guest: /dev/pmem0 size 131072 dax 1$'
	expect_console '^guest: mounted /dev/pmem0 /root ext4 .*dax=always'
	for t in $(echo "$tests" | tr , ' '); do expect_console "^guest: $t ok"; done
	expect_clean_boot
}
pmem_guest files,leave rw,dax --pmem $disks/a.raw
check_root $disks/a.raw
expect [ "$(tool debugfs -R 'cat /left' $disks/a.raw 2>/dev/null)" = "was here" ]

new_disk b.raw
sum=$(md5sum <$disks/b.raw)
pmem_guest files,leave rw,dax --pmem $disks/b.raw,private --virtio mmio --packed
expect [ "$(md5sum <$disks/b.raw)" = "$sum" ]

start_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=pmem root=/dev/pmem0 mode=ro,dax end=sleep" --pmem $disks/b.raw,ro
pmem_guest "" ro,dax --pmem $disks/b.raw,ro
# A writer is kept out while they read.
$V run -k $VMLINUX --dry-run --pmem $disks/b.raw 2>$messages
status=$?
expect_exit 1
expect_message 'is in use by process'
kill -INT $pid
wait_guest
