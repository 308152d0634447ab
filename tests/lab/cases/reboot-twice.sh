# SPDX-License-Identifier: MIT
# limit: 120
# Reset restarts the guest, twice in one run; the third boot powers off. CMOS survives, RAM does not.
run_guest -p "console=ttyS0 do=reboots" -m 256M --timeout 110
expect_exit 0
expect_count 3 'Linux version 6\.'
for i in 1 2 3; do expect_console "^guest: boot $i\$"; done
expect_clean_boot
