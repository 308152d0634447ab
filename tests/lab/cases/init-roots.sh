# SPDX-License-Identifier: MIT
# limit: 200
# The command's root: a disk, as it is, with an overlay in memory, or for keeps; a directory of the
# host packed along; the user's initramfs.
store
look='[ -e /tests ] && grep " / " /proc/mounts; echo changed >/changed; ls /dev/fd/ /tmp /.trapeze 2>&1; cat /changed; [ "$(pwd)" = /etc ]'
new_disk a.raw
sum=$(md5sum <$disks/a.raw)
with="-d $disks/a.raw"
run_command root=disk:/dev/vda overlay no-stdin cwd=/etc -- sh -c "$look"
expect_exit 0
expect_record '^end exited 0'
expect grep -q '^overlay / overlay rw' $DIR/out
expect grep -q '^changed' $DIR/out
expect [ "$sum" = "$(md5sum <$disks/a.raw)" ]
with="-d $disks/a.raw,ro"
run_command root=disk:/dev/vda no-stdin -- sh -c 'grep " / " /proc/mounts; echo no >/changed'
expect_exit 0
expect_record '^end exited 1'
expect grep -q '^/dev/vda / ext4 ro' $DIR/out
with="-d $disks/a.raw"
run_command root=disk:/dev/vda commit no-stdin -- sh -c 'echo kept >/changed; (sleep 100 >/busy) & exit 0'
expect_exit 0
expect_record '^end exited 0'
expect_record '^down 0'
check_root $disks/a.raw
expect [ "$(tool debugfs -R 'cat /changed' $disks/a.raw 2>$DIR/debugfs)" = kept ]
# The user's own ports have names; more is mounted where it is said, whether that is there or not.
new_disk b.raw
with="-d $disks/a.raw,ro -d $disks/b.raw,ro --port of.mine=null --virtio mmio"
run_command root=disk:/dev/vda overlay no-stdin mount=/dev/vdb,/a/b/c,ext4,ro,noatime mount=none,/big,tmpfs,size=1M -- \
	sh -c 'set -e; ls /a/b/c/tests/lspci; grep -E " /(a/b/c|big) " /proc/mounts >&2; readlink /dev/virtio-ports/of.mine'
expect_exit 0
expect_record '^end exited 0'
expect grep -q '^/dev/vdb /a/b/c ext4 ro,noatime' $DIR/err
expect grep -q '^none /big tmpfs rw,.*size=1024k' $DIR/err
expect grep -q '^\.\./vport' $DIR/out
with=
# A device that is not there, and one without a file system.
run_command root=disk:/dev/vdz no-stdin device-wait=300 -- true
expect_exit 0
expect_record '^end failed 19 .*text there is no /dev/vdz$'
head -c 1048576 /dev/zero >$disks/zero.raw
with="-d $disks/zero.raw,format=raw"
run_command root=disk:/dev/vda no-stdin -- true
expect_exit 0
expect_record '^end failed .*text no file system is known for the root /dev/vda$'
with=
# A directory, with links, modes and a file that is no multiple of anything.
mkdir -p $DIR/tree/bin $DIR/tree/deep/er
cp /bin/busybox $DIR/tree/bin/
ln -s busybox $DIR/tree/bin/sh
head -c 12345 /dev/urandom >"$DIR/tree/deep/er/a file"
chmod 751 $DIR/tree/deep
run_command root=tree:$DIR/tree no-stdin host=tested env=A=b -- /bin/sh -c \
	'/bin/busybox md5sum <"/deep/er/a file"; /bin/busybox stat -c %a:%u /deep; /bin/busybox hostname; echo $A; /bin/busybox ls /'
expect_exit 0
expect_record '^end exited 0'
(md5sum <"$DIR/tree/deep/er/a file"; echo 751:0; echo tested; echo b; echo bin deep dev proc run sys tmp | tr ' ' '\n') >$DIR/want
expect cmp $DIR/want $DIR/out
