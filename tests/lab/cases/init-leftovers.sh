# SPDX-License-Identifier: MIT
# limit: 200
# What a command leaves behind does not keep its verdict: a daemon that holds its output open and
# ignores signals, one that never stops writing, thousands of orphans; nor does a command that ends
# all processes it can.
run_command no-stdin -- sh -c '(trap "" TERM HUP; while :; do sleep 1000; done) & echo out; exit 3'
expect_exit 0
expect_record '^end exited 3 out 4 err 0 cut$'
run_command no-stdin -- sh -c 'setsid sh -c "while :; do echo more; done" & dd if=/dev/zero bs=64k count=64 2>/dev/null; exit 4'
expect_exit 0
expect_record '^end exited 4 out .* err 0 cut$'
expect [ "$(tr -dc '\0' <$DIR/out | wc -c)" = 4194304 ]
run_command no-stdin -- sh -c 'i=0; while [ $i -lt 300 ]; do (: & :) ; i=$((i + 1)); done; echo $(ls -d /proc/[0-9]* | wc -l); exit 6'
expect_exit 0
expect_record '^end exited 6'
run_command no-stdin -- sh -c 'trap "" TERM; sleep 1000 & kill -TERM -1; kill -KILL 1; echo alive; exit 7'
expect_exit 0
expect_record '^end exited 7 out 6'
# Nobody is told anything if the command ends the guest itself: that is no verdict.
run_command no-stdin -- sh -c 'poweroff -f; sleep 100'
expect_exit 0
expect_record '^start'
expect [ -z "$(grep ^end $DIR/records)" ]
