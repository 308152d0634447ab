# SPDX-License-Identifier: MIT
# A triple fault ends the run as such, with the registers on standard error.
run_guest --no-reboot -p "$QUIET do=quiet end=reboot reboot=t" -m 256M
expect_exit 33
expect_message '[Tt]riple fault'
expect_message '(rip|RIP)'
