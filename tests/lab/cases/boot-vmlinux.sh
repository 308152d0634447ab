# SPDX-License-Identifier: MIT
# The same kernel as the ELF file inside the bzImage.
run_guest -k $VMLINUX -p "console=ttyS0" -m 256M
expect_exit 0
expect_console '^guest: cpus 1 online 0'
expect_clean_boot
