# SPDX-License-Identifier: MIT
# limit: 180
# Two VMs at the two ends of a wire. The end that listens outlives the other, and is there for the next.
own_network
start_net_guest serve addr=10.0.5.1/24 peer=10.0.5.2 -- --timeout 110 --name first -n socket,path=$DIR/wire,listen
first=$pid
wait_console '^guest: serves' 60
console=$DIR/console.second messages=$DIR/messages.second
net_guest props,ping,iperf,udp addr=10.0.5.2/24 peer=10.0.5.1 -- --name second -n socket,path=$DIR/wire
net_guest ping addr=10.0.5.2/24 peer=10.0.5.1 -- --name second -n socket,path=$DIR/wire
expect kill -0 $first
kill $first
wait $first
expect [ ! -e $DIR/wire ]
