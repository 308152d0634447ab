# SPDX-License-Identifier: MIT
# soak: the same as net-reboot-load and net-vhost-reboot, over and over
# limit: 900
own_network
new_tap tap0 10.0.2.2/24
servers
for round in 1 2 3 4 5; do
	for v in "" ,vhost; do
		reset_under_load 2 reset=now -n tap,name=tap0$v
		reset_under_load 1 reset=now -n tap,name=tap0$v
		reset_under_load 2 reset=orderly,net_module=napi_tx=0 -n tap,name=tap0$v
	done
done
