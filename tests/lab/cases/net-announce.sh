# SPDX-License-Identifier: MIT
# limit: 90
# A link that comes up again may lead to somebody new: a guest that has nothing to say says where it is.
own_network
new_tap tap0 10.0.2.2/24
sysctl -qw net.ipv4.conf.tap0.arp_accept=1 # learns from those who were not asked
heard
start_net_guest ping,hold -- -n tap,name=tap0
wait_console '^guest: holds'
/bin/ip link set tap0 down
usleep 1500000
expect [ -z "$(/bin/ip neigh show dev tap0 10.0.2.15)" ]
/bin/ip link set tap0 up
i=0
until /bin/ip neigh show dev tap0 | grep -q '^10.0.2.15 lladdr'; do
	usleep 100000
	i=$((i + 1))
	[ $i -lt 200 ] || fail "the guest does not announce itself"
done
n=$((n + 1))
tell go
wait_guest
expect_exit 0
net_said ping,hold
