# SPDX-License-Identifier: MIT
# limit: 90
# A disk has one writer. A second guest is refused, and told who has it; afterwards it may.
store
new_disk a.raw
start_root_guest files end=sleep -- --timeout 80 -d $disks/a.raw
wait_console '^guest: files ok' 60
holder=$pid
(guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=root root=/dev/vda" -d $disks/a.raw) >$DIR/console2 2>$messages </dev/null
expect [ $? = 1 ]
expect_message "^trapeze: .*'$disks/a.raw'.*(lock|in use)"
expect_message "(pid|process) $holder"
expect [ ! -s $DIR/console2 ]
(guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=root root=/dev/vda" -d $disks/a.raw,ro) >$DIR/console2 2>$messages </dev/null
expect [ $? = 1 ]
# QEMU's tools honour the lock, too.
n=$((n + 1))
! qemu_img resize -f raw $disks/a.raw 80M >$DIR/resize 2>&1 || fail "qemu-img resized a disk in use"
expect grep -qi lock $DIR/resize
kill -KILL $holder
wait $holder 2>/dev/null
root_guest files -- -d $disks/a.raw
check_root $disks/a.raw
