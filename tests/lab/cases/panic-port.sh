# SPDX-License-Identifier: MIT
# The stock pvpanic driver finds the device by ACPI; with nobody watching the console, its word counts.
run_guest --no-panic-watch -p "$QUIET do=pvpanic panic=0" -m 256M
expect_console '^guest: pvpanic device found'
expect_exit 34
expect_message 'pvpanic'
