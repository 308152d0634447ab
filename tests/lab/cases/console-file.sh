# SPDX-License-Identifier: MIT
# --serial file: the first port into a file, and nothing of it on standard output.
run_guest --serial file:$DIR/serial -p "$QUIET" -m 256M
expect_exit 0
expect grep -q '^guest: cpus 1' $DIR/serial
expect_no_console 'guest: cpus'
