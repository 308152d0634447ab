# SPDX-License-Identifier: MIT
# limit: 300
# trapeze test: what goes in comes out byte for byte, from a pipe and from a file; output without end,
# daemons, and a command that ends whatever it can change neither that nor the verdict.
head -c 10485760 /dev/urandom >$DIR/in
input=$DIR/in
run_test 0 -- cat
expect cmp $DIR/in $DIR/out
mkfifo $DIR/fifo
cat $DIR/in >$DIR/fifo &
input=$DIR/fifo
run_test 0 -- sh -c 'cat; echo end >&2'
expect cmp $DIR/in $DIR/out
expect_said '^end$'
input=/dev/null
# A kernel without the driver: the records, and the output with them, come on COM1.
run_test 1 --bare -k $VMLINUX -i $INITRD -p "$QUIET" -m 256M -- sh -c 'echo out; echo err >&2; dmesg -n 8; echo talk >/dev/kmsg; exit 9'
expect [ "$(cat $DIR/out)" = out ]
expect_said '^err$'
expect_said 'fail: exit status 9, not 0'
# More than anybody keeps, into a reader who stops for a while: nothing is lost, and memory is bounded.
mkfifo $DIR/big
(sleep 20; md5sum) <$DIR/big >$DIR/sum &
reader=$!
echo "+ trapeze test -- dd, 300 MiB"
$V test -k $VMLINUX -i $INITRD -i /guest/initrd.modules -p "$QUIET" -m 256M -- \
	dd if=/dev/zero bs=1M count=300 >$DIR/big 2>$DIR/err &
pid=$!
sleep 15
rss=$(grep VmRSS /proc/$pid/status | tr -dc 0-9)
wait $pid
status=$?
wait $reader
[ $status = 0 ] || fail "exit status $status; $(tail -n 30 $DIR/err)"
expect [ "$(cut -d' ' -f1 $DIR/sum)" = "$(dd if=/dev/zero bs=1M count=300 2>/dev/null | md5sum | cut -d' ' -f1)" ]
expect [ "$rss" -lt 8192 ]
# Without end, and nobody who reads: the time limit is kept.
mkfifo $DIR/unread
exec 7<>$DIR/unread
timeout 60 $V test -k $VMLINUX -i $INITRD -i /guest/initrd.modules -p "$QUIET" -m 256M --timeout 3s -- yes \
	>$DIR/unread 2>$DIR/err
status=$?
exec 7>&-
n=$((n + 1))
[ $status = 124 ] || fail "exit status $status; $(tail -n 30 $DIR/err)"
expect_said 'timeout: the command did not end within 3 s'
# A reader who leaves is the host's trouble, and ends it.
$V test -k $VMLINUX -i $INITRD -i /guest/initrd.modules -p "$QUIET" -m 256M -- yes 2>$DIR/err | head -n 1 >$DIR/out
expect [ "$(cat $DIR/out)" = y ]
expect_said 'host-error: cannot write to standard output: Broken pipe'
# Daemons, orphans, a command that ends all it can, one without outputs.
run_test 1 -- sh -c '(trap "" TERM HUP; while :; do sleep 1000; done) & echo out; exit 3'
expect_said 'exit status 3, not 0'
expect [ "$(cat $DIR/out)" = out ]
run_test 0 -- sh -c 'trap "" TERM; sleep 1000 & kill -TERM -1; kill -KILL 1; echo alive'
expect [ "$(cat $DIR/out)" = alive ]
run_test 0 -- sh -c 'exec >&- 2>&- <&-; sleep 1'
