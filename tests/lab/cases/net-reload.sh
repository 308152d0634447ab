# SPDX-License-Identifier: MIT
# limit: 150
# The driver comes and goes ten times with packets on their way, on each kind of ring.
own_network
new_tap tap0 10.0.2.2/24
for args in "-c 2" "--virtio mmio --packed"; do
	net_guest reload -- $args -n tap,name=tap0
	expect_console '^guest: reloads 10$'
done
