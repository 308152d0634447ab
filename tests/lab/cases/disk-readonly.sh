# SPDX-License-Identifier: MIT
# limit: 120
# A read-only disk refuses; so does a file that one may only read. Two guests may read one image.
store
new_disk a.qcow2
before=$(md5sum <$disks/a.qcow2)
root_guest readonly,lspci mode=ro -- -d $disks/a.qcow2,ro
expect_no_console 'recovery|orphan'
start_root_guest readonly mode=ro end=sleep -- --timeout 60 -d $disks/a.qcow2,ro
wait_console '^guest: readonly ok' 50
first=$pid
(guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=root root=/dev/vda mode=ro tests=readonly" -d $disks/a.qcow2,ro) \
	>$DIR/console2 2>$DIR/messages2 </dev/null
expect [ $? = 0 ]
expect grep -q '^guest: readonly ok' $DIR/console2
kill -KILL $first
expect [ "$(md5sum <$disks/a.qcow2)" = "$before" ]
