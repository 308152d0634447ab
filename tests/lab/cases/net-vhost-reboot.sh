# SPDX-License-Identifier: MIT
# limit: 150
# The same as net-reboot-load where the kernel moves the frames.
own_network
new_tap tap0 10.0.2.2/24
servers
reset_under_load 2 reset=now -n tap,name=tap0,vhost
reset_under_load 1 reset=now -n tap,name=tap0,vhost --irqchip kernel
reset_under_load 2 reset=orderly,net_module=napi_tx=0 -n tap,name=tap0,vhost
