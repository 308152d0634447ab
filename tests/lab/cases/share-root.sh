# SPDX-License-Identifier: MIT
# limit: 250
# A directory of the host as the root of a command, under an overlay, read-only and for keeps; and
# another one mounted in it for what the command leaves.
mkdir -p $DIR/left
for d in bin etc dev proc sys run tmp; do mkdir -p $DIR/tree/$d; done
cp /bin/busybox $DIR/tree/bin/
ln -s busybox $DIR/tree/bin/sh
echo first >$DIR/tree/etc/file
before=$(listing $DIR/tree)
say='b=/bin/busybox; $b grep " / " /proc/mounts; $b cat /etc/file; echo changed >/etc/file; $b cat /etc/file >/mnt/left/said'
with="--share $DIR/tree,tag=root --share $DIR/left,tag=left,rw"
run_command root=share:root:virtiofs overlay no-stdin mount=left,/mnt/left,virtiofs -- sh -c "$say"
expect_exit 0
expect_record '^end exited 0'
expect grep -q '^overlay / overlay rw' $DIR/out
expect grep -q '^first$' $DIR/out
expect [ "$(cat $DIR/left/said)" = changed ]
expect [ "$(listing $DIR/tree)" = "$before" ]
with="--share $DIR/tree,tag=root --virtio mmio --packed"
run_command root=share:root:virtiofs no-stdin -- sh -c 'echo no >/etc/file'
expect_exit 0
expect_record '^end exited 1'
expect grep -q 'Read-only file system' $DIR/err
with="--share $DIR/tree,tag=root,rw"
run_command root=share:root:virtiofs commit no-stdin -- sh -c 'echo kept >/etc/file'
expect_exit 0
expect_record '^down 0'
expect [ "$(cat $DIR/tree/etc/file)" = kept ]
with="--share $DIR/tree,tag=root"
run_command root=share:none:virtiofs no-stdin -- true
expect_exit 0
expect_record '^end failed .*cannot mount the root none'
