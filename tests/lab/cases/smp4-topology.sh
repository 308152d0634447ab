# SPDX-License-Identifier: MIT
# limit: 90
# One socket, two cores of two threads: what the guest sees is what was asked for.
run_guest -c 4 --sockets 1 --cores 2 --threads 2 -p "$QUIET do=cpus" -m 512M --timeout 80
expect_exit 0
expect_console '^guest: cpu0 package 0 core 0 threads 0-1'
expect_console '^guest: cpu3 package 0 core 1 threads 2-3'
