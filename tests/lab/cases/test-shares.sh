# SPDX-License-Identifier: MIT
# limit: 200
# trapeze test --share and --root DIR with the drivers at hand: the host's own files, changed only with :rw.
mkdir -p $DIR/m $DIR/in $DIR/out.d $DIR/tree/bin $DIR/tree/sub
(cd $DIR/m && cpio -id </guest/initrd.modules 2>/dev/null)
mods=$(dirname $(find $DIR/m -name modules.dep))
cp /bin/busybox $DIR/tree/bin/sh
for t in cat md5sum rm ls; do ln -s sh $DIR/tree/bin/$t; done
head -c 3000000 /dev/urandom >$DIR/in/data
echo there >$DIR/tree/sub/file
run_test 0 --bare -k $VMLINUX -p "$QUIET" -m 256M --modules $mods --root $DIR/tree \
	--share $DIR/in:/mnt/in --share $DIR/out.d:/mnt/out:rw -- /bin/sh -c '
	grep " / " /proc/mounts
	cat /sub/file; echo changed >/sub/file; cat /sub/file; rm /bin/ls; [ ! -e /bin/ls ] && echo gone
	md5sum </mnt/in/data
	echo no >/mnt/in/new || echo read-only
	cat /mnt/in/data >/mnt/out/data'
expect grep -q '^overlay / overlay rw' $DIR/out
expect grep -q '^there$' $DIR/out
expect grep -q '^changed$' $DIR/out
expect grep -q '^gone$' $DIR/out
expect grep -q "^$(md5sum <$DIR/in/data)" $DIR/out
expect grep -q '^read-only$' $DIR/out
expect [ ! -e $DIR/in/new ]
expect cmp $DIR/in/data $DIR/out.d/data
# What the guest wrote to its root has stayed there.
expect [ "$(cat $DIR/tree/sub/file)" = there ]
expect [ -L $DIR/tree/bin/ls ]
run_test 2 --bare -k $VMLINUX --share $DIR/in -- true
expect_said 'where in the guest is not said'
run_test 71 --bare -k $VMLINUX -p "$QUIET" --share $DIR/none:/mnt -- true
expect_said "none.*No such file"
