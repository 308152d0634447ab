# SPDX-License-Identifier: MIT
# limit: 90
# One socket, two cores of two threads: what the guest sees is what was asked for.
guest_does cpus -c 4 --sockets 1 --cores 2 --threads 2 -m 512M
expect_output '^guest: cpu0 package 0 core 0 threads 0-1'
expect_output '^guest: cpu3 package 0 core 1 threads 2-3'
