# SPDX-License-Identifier: MIT
# The same vmlinux by the other way in: PVH, 32-bit entry, hvm_start_info.
run_guest --protocol pvh --no-hints -k $VMLINUX -p "console=ttyS0" -m 256M
expect_exit 0
expect_console '^guest: cpus 1 online 0'
expect_clean_boot
