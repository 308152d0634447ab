# SPDX-License-Identifier: MIT
# limit: 90
# The host's disk is full. The guest is told so, with an I/O error; the image stays sound, and what
# was written before is there.
store
mkdir $DIR/small
mount -t tmpfs -o size=20m small $DIR/small
cp /store/images/root.qcow2 $DIR/small/a.qcow2
root_line files,leave,full
run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$line" --timeout 70 -d $DIR/small/a.qcow2
expect_exit 0
expect_console '^guest: files ok'
expect_console '^guest: full ok'
qemu_img check $DIR/small/a.qcow2 >$DIR/check 2>&1
rc=$?
expect [ $rc = 0 -o $rc = 3 ]
qemu_img convert -O raw $DIR/small/a.qcow2 $disks/a.raw
expect [ "$(tool debugfs -R 'cat /left' $disks/a.raw 2>/dev/null)" = "was here" ]
umount $DIR/small
