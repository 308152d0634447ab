# SPDX-License-Identifier: MIT
# limit: 200
# Power is lost at any moment while Linux writes to an ext4 on qcow2: images as that may have left
# them (tests/durability/replay.c) have no worse than leaked clusters, fsck brings the file system
# back by its journal, and all files that the guest called safe are there.
store
new_disk a.qcow2
cp $disks/a.qcow2 $disks/base
LIBC=/store/lib/x86_64-linux-gnu LD=/store/lib64/ld-linux-x86-64.so.2
export IOLOG=$disks/log IOLOG_IMAGE=$disks/a.qcow2
V="$LD --preload /durability/iolog.so --library-path $LIBC /durability/trapeze"
root_guest acked,fsck -- --timeout 100 -d $disks/a.qcow2,engine=threads
expect [ -s $disks/log ]
seed=1 most=0
while [ $seed -le 6 ]; do
	said=$($LD --library-path $LIBC /durability/replay $disks/log $disks/base $disks/cut.qcow2 $seed) || fail "replay failed"
	echo "$said seed $seed"
	acked=$(echo "$said" | sed 's/.* acked \([0-9]*\) .*/\1/')
	qemu_img check $disks/cut.qcow2 >$DIR/check 2>&1
	rc=$?
	[ $rc = 0 ] || [ $rc = 3 ] || fail "cut $seed: qemu-img check: $(tail -n 4 $DIR/check)"
	qemu_img convert -O raw $disks/cut.qcow2 $disks/cut.raw || fail "cut $seed: qemu-img convert"
	tool e2fsck -fy $disks/cut.raw >$DIR/check 2>&1
	[ $? -le 1 ] || fail "cut $seed: e2fsck: $(cat $DIR/check)"
	# Its journal's recovery is all that may have been to do, but for sums in the superblock, which ext4
	# brings up to date when it likes.
	! grep -vE '^Free (blocks|inodes) count wrong \([0-9]+, counted=[0-9]+\)\.$|^Fix\? yes$' $DIR/check |
		grep -E '\? yes|UNEXPECTED|[Ee]rror|[Ii]nvalid|[Ii]llegal|[Cc]orrupt' || fail "cut $seed: damage: $(cat $DIR/check)"
	i=1
	while [ $i -le $acked ]; do
		if [ $((i % 5)) != 1 ]; then
			size=$(tool debugfs -R "stat /acked/$i" $disks/cut.raw 2>/dev/null | sed -n '/Size:/{s/.*Size: \([0-9]*\).*/\1/p;q}')
			[ "$size" = $((i * 700)) ] || fail "cut $seed: file $i of $acked is '$size' bytes long"
		fi
		i=$((i + 4)) # each is a program to start: some will do
	done
	[ $acked -le $most ] || most=$acked
	n=$((n + 1)) seed=$((seed + 1))
done
expect [ $most -gt 0 ]
