# SPDX-License-Identifier: MIT
# A guest without a driver for the power button would never know: the first SIGTERM ends it.
start_guest -p "$QUIET end=sleep" -m 256M
wait_console '^guest: uptime'
kill -TERM $pid
wait_guest
expect_exit 143
