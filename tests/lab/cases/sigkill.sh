# SPDX-License-Identifier: MIT
# Killed outright, nothing of it stays: no process, and the next guest starts as usual.
start_guest -p "$QUIET end=sleep" -m 256M
wait_console '^guest: uptime'
kill -KILL $pid
wait $pid 2>/dev/null
expect [ ! -d /proc/$pid ]
run_guest -p "$QUIET do=quiet" -m 256M
expect_exit 0
