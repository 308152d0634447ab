# SPDX-License-Identifier: MIT
# A guest that takes the power button's interrupt and ignores it is ended by the second SIGTERM.
start_guest -p "$QUIET do=button-ignored" -m 256M
wait_console '^guest: will not listen'
kill -TERM $pid
sleep 2
expect kill -0 $pid
kill -TERM $pid
wait_guest
expect_exit 143
