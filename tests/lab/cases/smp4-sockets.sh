# SPDX-License-Identifier: MIT
# limit: 90
run_guest -c 4 --sockets 2 --cores 2 --threads 1 -p "$QUIET do=cpus" -m 512M --timeout 80
expect_exit 0
expect_console '^guest: cpu1 package 0 core 1 threads 1'
expect_console '^guest: cpu3 package 1 core 1 threads 3'
