# SPDX-License-Identifier: MIT
# limit: 120
# With vhost, pairs of queues that the guest uses, and one that it leaves unused.
own_network
servers
new_tap tap0 10.0.2.2/24 multi_queue
for cpus in 2 1; do
	net_guest props,ping,iperf,udp,reload streams=2 reloads=2 -- -c $cpus -n tap,name=tap0,queues=2,vhost
	expect_console '^guest: eth0 features.* MQ'
done
