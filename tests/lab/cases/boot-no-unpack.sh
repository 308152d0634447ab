# SPDX-License-Identifier: MIT
# The bzImage unpacks itself when the host does not do it.
run_guest --no-unpack -p "$QUIET" -m 256M
expect_exit 0
expect_console '^guest: cpus 1'
