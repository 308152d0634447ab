# SPDX-License-Identifier: MIT
# limit: 90
guest_does cpus -c 4 --sockets 2 --cores 2 --threads 1 -m 512M
expect_output '^guest: cpu1 package 0 core 1 threads 1'
expect_output '^guest: cpu3 package 1 core 1 threads 3'
