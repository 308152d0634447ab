# SPDX-License-Identifier: MIT
# limit: 120
# No initramfs but ours: a root and the drivers that this kernel has as modules are packed along, in
# the order in which they are to be loaded; and what is compressed in front of it does not matter.
mkdir -p $DIR/m $DIR/tree/bin
(cd $DIR/m && cpio -id </guest/initrd.modules 2>/dev/null)
cp /bin/busybox $DIR/tree/bin/sh
set --
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci not-there virtio_console; do
	f=$(find $DIR/m -name $m.ko)
	[ -z "$f" ] || set -- "$@" file=/.trapeze/modules/$m.ko=$f
	set -- "$@" module=/.trapeze/modules/$m.ko
done
/guest/inithost pack $DIR/seg "$@" init=/first root=tree:$DIR/tree no-stdin -- sh -c 'echo out; exit 9' || fail "cannot pack"
echo junk >$DIR/plain
(cd $DIR && echo plain | cpio -o -H newc 2>/dev/null | gzip -c >front)
run_guest -k $BZIMAGE -i $DIR/front -i $DIR/seg -p "$QUIET rdinit=/first" -m 256M \
	--port org.trapeze.control=file:$DIR/raw --port org.trapeze.stdout=file:$DIR/out \
	--port org.trapeze.stderr=file:$DIR/err
expect_exit 0
/guest/inithost show $DIR/raw >$DIR/records
expect_record '^end exited 9 out 4 err 0$'
expect [ "$(cat $DIR/out)" = out ]
expect_clean_boot
# Without any driver, and with a configuration that is damaged, there is a verdict still.
/guest/inithost pack $DIR/seg root=tree:$DIR/tree no-stdin -- sh -c 'exit 3'
run_guest -k $VMLINUX -i $DIR/seg -p "$QUIET" -m 256M
/guest/inithost show $console >$DIR/records
expect_record '^end exited 3 out 0 err 0$'
sed 's/exit 3/exit 0/' $DIR/seg >$DIR/damaged
run_guest -k $VMLINUX -i $DIR/damaged -p "$QUIET" -m 256M
/guest/inithost show $console >$DIR/records
expect_record '^end failed 22 .*text damaged: /.trapeze/config$'
