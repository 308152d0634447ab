# SPDX-License-Identifier: MIT
# limit: 120
# The same with four CPUs, all of which must come up again.
run_guest -c 4 -p "console=ttyS0 do=reboots" -m 256M --timeout 110
expect_exit 0
expect_count 3 'smp: Brought up 1 node, 4 CPUs'
expect_console '^guest: boot 3$'
