# SPDX-License-Identifier: MIT
# Without trapeze's own additions to the command line: exactly what was asked for.
run_guest --no-hints -p "console=ttyS0 do=quiet" -m 256M
expect_exit 0
expect_console 'Command line: console=ttyS0 do=quiet *$'
expect_clean_boot
