# SPDX-License-Identifier: MIT
# limit: 120
# Four pairs of queues for four CPUs, with as many streams; then with three CPUs, which use three.
own_network
servers
new_tap tap0 10.0.2.2/24 multi_queue
for cpus in 4 3; do
	net_guest props,ping,iperf,udp streams=4 -- --timeout 50 -c $cpus -n tap,name=tap0,queues=4
	expect_console "^guest: eth0 mac .* tx $cpus rx $cpus\$"
	expect_console '^guest: eth0 features.* MQ'
done
