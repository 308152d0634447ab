# SPDX-License-Identifier: MIT
# limit: 240
# trapeze test: a command's end is the program's, its output is the program's output, and each way in
# which a guest can end without a verdict has a status of its own.
run_test 0 -- true
expect [ ! -s $DIR/out ]
run_test 1 -- false
expect_said 'fail: exit status 1, not 0'
expect_said 'rerun: .*trapeze test .* -- false'
run_test 1 -- sh -c 'echo out; echo error >&2; exit 42'
expect [ "$(cat $DIR/out)" = out ]
expect_said '^error$'
expect_said 'fail: exit status 42, not 0'
run_test 0 --expect-exit 42 -- sh -c 'exit 42'
run_test 77 -- sh -c 'exit 77'
run_test 1 -- no-such-command
expect_said "could not be run: 'no-such-command'"
run_test 1 -- sh -c 'kill -9 $$'
expect_said 'ended by SIGKILL'
run_test 34 -- sh -c 'echo c >/proc/sysrq-trigger; sleep 10'
expect_said 'panic: Kernel panic - not syncing: sysrq triggered crash'
expect_said 'how the machine ended'
run_test 124 --timeout 2s -- sleep 1000
expect_said 'timeout: '
run_test 37 --idle-timeout 2s -- sh -c 'echo here; sleep 1000'
expect [ "$(cat $DIR/out)" = here ]
run_test 36 --boot-timeout 1s -p initcall_debug -- true
# Reset, and power off, by the command itself.
run_test 32 -- reboot -f
run_test 38 -- poweroff -f
