# SPDX-License-Identifier: MIT
# limit: 180
# Two VMs on a switch of that name: they talk as fast as it goes. A third, on another, hears nothing.
# Who leaves is forgotten; who comes next is served.
own_network
start_net_guest serve addr=10.0.5.1/24 peer=10.0.5.2 -- --timeout 120 --name first -n switch,name=lab-$$
first=$pid
wait_console '^guest: serves' 60
console=$DIR/console.second messages=$DIR/messages.second
net_guest props,ping,iperf,udp addr=10.0.5.2/24 peer=10.0.5.1 -- --name second -n switch,name=lab-$$
net_guest ping addr=10.0.5.2/24 peer=10.0.5.1 -- --name second -n switch,name=lab-$$
net_guest alone addr=10.0.5.2/24 peer=10.0.5.1 -- --name third -n switch,name=other-$$
expect kill -0 $first
kill $first
wait $first
