# SPDX-License-Identifier: MIT
# init that ends is a panic too.
run_guest --no-reboot -p "$QUIET end=init-exits do=quiet panic=-1" -m 256M
expect_exit 34
expect_console 'Attempted to kill init'
