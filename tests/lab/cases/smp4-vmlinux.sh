# SPDX-License-Identifier: MIT
# limit: 90
# Four CPUs come up, work, take timer interrupts.
run_guest -k $VMLINUX -c 4 -p "console=ttyS0 do=cpus" -m 512M --timeout 80
expect_exit 0
expect_console '^guest: cpus 4 online 0-3'
for i in 0 1 2 3; do expect_console "^guest: cpu$i worked"; done
expect_console '^guest: local timer interrupts, CPUs without: 0'
expect_clean_boot
