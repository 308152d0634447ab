# SPDX-License-Identifier: MIT
# The stock bzImage boots to userspace; the whole log is free of complaints; power off is status 0.
run_guest -p "console=ttyS0" -m 256M
expect_exit 0
expect_console '^Linux \(none\) 6\..*x86_64 GNU/Linux'
expect_console '^guest: cpus 1 online 0'
expect_console 'reboot: Power down'
expect_clean_boot
