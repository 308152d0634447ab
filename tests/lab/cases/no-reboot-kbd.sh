# SPDX-License-Identifier: MIT
# With --no-reboot a reset asked for through kbd ends the run with its own status.
run_guest --no-reboot -p "$QUIET do=quiet end=reboot reboot=k" -m 256M
expect_exit 32
