# SPDX-License-Identifier: MIT
# limit: 200
# What goes in comes out, byte for byte, whichever way its end is told; and programs that do to their
# streams what programs do.
head -c 10485760 /dev/urandom >$DIR/in
# The host's end of standard input closes.
ports_on_sockets=stdin
feed() { /guest/inithost feed $DIR/stdin <$DIR/in; }
run_command -- cat
expect_exit 0
expect_record '^end exited 0 out 10485760 err 0$'
expect cmp $DIR/in $DIR/out
# It says how much there was, and closes nothing; the command waits until it is told to go on.
ports_on_sockets="stdin control"
feed() {
	(cat $DIR/in; sleep 100) | /guest/inithost feed $DIR/stdin &
	/guest/inithost control $DIR/control stdin-end=10485760 go >$DIR/records
}
run_command wait-go -- sh -c 'cat; md5sum </dev/null >&2'
expect_exit 0
expect_record '^end exited 0 out 10485760 err 36$'
expect cmp $DIR/in $DIR/out
# A signal from the host, to the command and its children.
feed() { /guest/inithost control $DIR/control at-start signal=15 >$DIR/records; }
run_command -- sh -c 'sleep 1000; echo not reached'
expect_exit 0
expect_record '^end (signal 15|exited 143) out 0 err'
# Who reads the output goes away: to the command that is a pipe without a reader.
ports_on_sockets=stdout
feed() { /guest/inithost take $DIR/stdout 100000 >$DIR/taken; }
run_command no-stdin -- sh -c 'yes; echo $? >&2'
expect_exit 0
expect_record '^end exited 0 out [0-9]* err 4$'
expect [ "$(cat $DIR/err)" = 141 ]
expect [ "$(uniq $DIR/taken)" = y ]
# Output that is closed early, input that nobody reads, other names of the same streams.
ports_on_sockets=
run_command no-stdin -- sh -c 'exec >&- 2>&-; sleep 1; exit 5'
expect_exit 0
expect_record '^end exited 5 out 0 err 0$'
run_command no-stdin -- sh -c 'cat /dev/stdin; for i in 1 2 3; do echo $i >/dev/stdout; echo $i >/dev/stderr; done; [ ! -t 1 ]'
expect_exit 0
expect_record '^end exited 0 out 6 err 6$'
