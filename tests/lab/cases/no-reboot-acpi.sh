# SPDX-License-Identifier: MIT
# With --no-reboot a reset asked for through acpi ends the run with its own status.
run_guest --no-reboot -p "$QUIET do=quiet end=reboot reboot=a" -m 256M
expect_exit 32
