# SPDX-License-Identifier: MIT
# SIGTERM presses the power button; a guest that listens powers off: status 0.
start_guest -p "$QUIET do=button" -m 256M
wait_console 'guest: waiting for key 116'
kill -TERM $pid
wait_guest
expect_exit 0
expect_console '^guest: the power button was pressed'
