# SPDX-License-Identifier: MIT
# limit: 240
# trapeze test --root: an image, whose writes are gone unless they are to be kept, and a directory;
# drivers are packed along from the directory of the kernel's modules.
store
mkdir -p $DIR/m $DIR/tree/bin
(cd $DIR/m && cpio -id </guest/initrd.modules 2>/dev/null)
mods=$(dirname $(find $DIR/m -name modules.dep))
cp /bin/busybox $DIR/tree/bin/sh
echo text >$DIR/tree/file
new_disk a.raw
sum=$(md5sum <$disks/a.raw)
run_test 0 --bare -k $VMLINUX -p "$QUIET" -m 256M --modules $mods --root $disks/a.raw -- \
	sh -c 'grep " / " /proc/mounts; echo changed >/changed && cat /changed; [ -e /tests ]'
expect grep -q '^/dev/vda / ext4 rw' $DIR/out
expect grep -q '^changed' $DIR/out
expect [ "$sum" = "$(md5sum <$disks/a.raw)" ]
run_test 0 --bare -k $VMLINUX -p "$QUIET" -m 256M --modules $mods --root $disks/a.raw --commit -- \
	sh -c 'echo kept >/changed'
check_root $disks/a.raw
expect [ "$(tool debugfs -R 'cat /changed' $disks/a.raw 2>$DIR/debugfs)" = kept ]
# The kernel's file may say which modules are its own; then they are found beside it.
run_test 0 --bare -k $BZIMAGE -p "$QUIET" -m 256M --modules $mods --root $DIR/tree --env A=b --hostname tested -- \
	/bin/sh -c 'read a </file; read b </proc/sys/kernel/hostname; echo $a $b $A'
expect [ "$(cat $DIR/out)" = "text tested b" ]
run_test 2 --bare -k $VMLINUX --root $disks/none.raw -- true
expect_said "none.raw.*No such file"
run_test 2 --bare -k $VMLINUX --root $DIR/tree --commit -- true
expect_said 'is not written to'
# No init, no root: the kernel has nothing to run, and says so.
run_test 34 --bare -k $VMLINUX -p "$QUIET root=/dev/vda" -m 256M --boot-only
expect_said 'VFS: Unable to mount root'
