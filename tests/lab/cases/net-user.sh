# SPDX-License-Identifier: MIT
# limit: 120
# No privileges: passt. The guest asks for its address, talks to a server of the host, and answers on a
# port that leads to it. When passt is killed the guest lives on, and when trapeze ends, passt does.
own_network
# passt wants a host with a way out, whose addresses it then has.
/bin/ip link add dummy0 type dummy
/bin/ip addr add 192.0.2.2/24 dev dummy0
/bin/ip link set dummy0 up
/bin/ip route add default via 192.0.2.1 dev dummy0
servers
start_net_guest props,iperf,serve addr=dhcp peer=192.0.2.1 -- --timeout 90 -n user,fwd=tcp:7300:7100
wait_console '^guest: dhcp 192.0.2.2 router 192.0.2.1' 60
wait_console '^guest: serves' 80
expect netload rr tcp:127.0.0.1:7300 20
expect netload out tcp:127.0.0.1:7300 64 65536
expect netload in tcp:127.0.0.1:7300 64 65536
passt=$(pidof passt passt.avx2)
expect [ -n "$passt" ]
kill -KILL $passt
usleep 1000000
expect kill -0 $pid
expect_message 'passt'
# It is started again, with the forward, and the guest is found behind it.
i=0
until netload rr tcp:127.0.0.1:7300 20; do
	usleep 500000
	i=$((i + 1))
	[ $i -lt 40 ] || fail "no way to the guest after passt was started again"
done
kill $pid
wait_guest
i=0
while [ -n "$(pidof passt passt.avx2)" ] && [ $i -lt 50 ]; do
	usleep 100000
	i=$((i + 1))
done
expect [ -z "$(pidof passt passt.avx2)" ]
for t in props iperf; do expect_console "^guest: $t ok"; done
expect_clean_boot
