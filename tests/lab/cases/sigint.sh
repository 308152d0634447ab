# SPDX-License-Identifier: MIT
# SIGINT and SIGQUIT end the run at once with 128 + N. A background process of a shell ignores SIGINT,
# so a fresh session delivers it.
start_guest -p "$QUIET end=sleep" -m 256M
wait_console '^guest: uptime'
kill -QUIT $pid
wait_guest
expect_exit 131
