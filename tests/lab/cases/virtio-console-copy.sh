# SPDX-License-Identifier: MIT
# limit: 180
# 10 MiB of anything into a guest and back, unchanged, through one port on standard input and output;
# the guest ends as soon as it has written, not when the reader has read.
bytes=10485760
head -c $bytes /dev/urandom >$DIR/in
for how in "" "--virtio mmio --packed"; do
	mkfifo $DIR/p
	(sleep 1; cat $DIR/p >$DIR/out) &
	reader=$!
	(guest --timeout 55 -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=ports what=copy bytes=$bytes wait_for=data" \
		--serial file:$console --debugcon none --port data=stdio $how) <$DIR/in >$DIR/p 2>$messages
	status=$?
	wait $reader
	expect_exit 0
	expect_console "^guest: got $bytes"
	expect cmp $DIR/in $DIR/out
	rm $DIR/p $DIR/out
done
