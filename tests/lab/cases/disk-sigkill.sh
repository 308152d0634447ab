# SPDX-License-Identifier: MIT
# limit: 120
# The VMM is killed while the guest writes to its root; the next guest mounts it and all is well.
store
new_disk a.qcow2
start_root_guest hammer -- --timeout 60 -d $disks/a.qcow2
wait_console '^guest: hammering' 60
sleep 3
kill -KILL $pid
wait $pid 2>/dev/null
qemu_img check $disks/a.qcow2 >$DIR/check 2>&1
rc=$?
expect [ $rc = 0 -o $rc = 3 ]
root_guest files,fsck -- -d $disks/a.qcow2
qemu_img check $disks/a.qcow2 >$DIR/check 2>&1
rc=$?
expect [ $rc = 0 -o $rc = 3 ]
