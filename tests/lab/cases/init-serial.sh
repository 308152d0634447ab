# SPDX-License-Identifier: MIT
# limit: 180
# A kernel without a driver for the ports: the verdict and all output come as records on COM1, among
# what the kernel itself has to say there, and the guest ends through the debug-exit port.
echo 'dmesg -n 8; head -c 4000 /dev/urandom >/tmp/x; (i=0; while [ $i -lt 100 ]; do echo "talk talk talk $i" >/dev/kmsg; i=$((i + 1)); done) & md5sum </tmp/x >&2; cat /tmp/x; wait; exit 7' >$DIR/script
/guest/inithost pack $DIR/seg no-stdin debug-exit -- sh -c "$(cat $DIR/script)"
run_guest -k $VMLINUX -i $INITRD -i $DIR/seg -p "$QUIET" -m 256M
expect_exit 15
/guest/inithost show $console $DIR/out $DIR/err >$DIR/records
expect_record '^hello ports 0$'
expect_record '^end exited 7 out 4000 err 36$'
expect_record '^down 0$'
expect_record '^serial lost 0$'
expect [ "$(md5sum <$DIR/out)" = "$(cat $DIR/err)" ]
expect_console 'talk talk talk 99'
