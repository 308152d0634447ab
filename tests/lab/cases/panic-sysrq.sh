# SPDX-License-Identifier: MIT
# A kernel panic is seen on the console, whatever the kernel then does: here it waits for ever.
run_guest -p "$QUIET end=panic do=quiet panic=0" -m 256M
expect_exit 34
expect_message '[Pp]anic'
expect_console 'Kernel panic - not syncing: sysrq triggered crash'
expect_console 'end Kernel panic'
