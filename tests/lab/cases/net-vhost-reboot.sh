# SPDX-License-Identifier: MIT
# soak: now and then the second boot locks up in the emulated host, and whose fault that is is not known yet
# limit: 120
# With vhost the machine is reset while frames are on their way, both ways: see net-reboot-load.
own_network
servers
new_tap tap0 10.0.2.2/24
start_net_guest ping,reboot -- --timeout 80 -n tap,name=tap0,vhost -c 2
wait_console '^guest: resets under load' 60
i=0
while [ "$(tr -d '\r' <$console | grep -c '^guest: ping ok')" -lt 2 ]; do
	usleep 200000
	i=$((i + 1))
	[ $i -lt 250 ] || fail "the second boot has no network"
	kill -0 $pid 2>/dev/null || fail "the VM ended"
done
kill $pid
wait_guest
expect_no_console '^guest: (BAD|cannot)'
