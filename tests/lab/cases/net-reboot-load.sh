# SPDX-License-Identifier: MIT
# soak: now and then the second boot locks up in the emulated host, and whose fault that is is not known yet
# limit: 120
# The machine is reset while iperf3 sends both ways; the next boot finds its card as new. The host puts
# a server there only for it, which is how a boot knows that it is the second.
own_network
servers
new_tap tap0 10.0.2.2/24
start_net_guest ping,reboot -- --timeout 80 -n tap,name=tap0 -c 2
wait_console '^guest: resets under load' 60
i=0
while [ "$(tr -d '\r' <$console | grep -c '^guest: ping ok')" -lt 2 ]; do
	usleep 200000
	i=$((i + 1))
	[ $i -lt 250 ] || fail "the second boot has no network"
	kill -0 $pid 2>/dev/null || fail "the VM ended"
done
n=$((n + 1))
kill $pid
wait_guest
expect_no_console '^guest: (BAD|cannot)'
expect_clean_boot
