# SPDX-License-Identifier: MIT
# limit: 180
# A guest that wants none of the card's help: TCP both ways, and what arrives is what was sent, with the
# kernel's tap, with vhost, and from a guest on a switch that goes on sending pieces of 64 KiB.
own_network
servers
new_tap tap0 10.0.2.2/24
for args in "-n tap,name=tap0" "-n tap,name=tap0,vhost" "-n tap,name=tap0 --packed --virtio mmio"; do
	net_guest offloads,iperf,digest,udp,clean bytes=4M -- $args
done
start_net_guest serve addr=10.0.5.1/24 peer=10.0.5.2 -- --timeout 120 --name first -n switch,name=lab-$$
first=$pid
wait_console '^guest: serves' 60
console=$DIR/console.second messages=$DIR/messages.second
net_guest offloads,iperf,udp,clean bytes=4M addr=10.0.5.2/24 peer=10.0.5.1 -- --name second -n switch,name=lab-$$
kill $first
wait $first
