# SPDX-License-Identifier: MIT
# limit: 60
# Row 51: a tap that cannot be had, before anything boots: busy, of another kind, no permission.
own_network
new_tap tap0 10.0.2.2/24
new_tap tap4 10.0.3.2/24 multi_queue
refused() { # RE ARGS...
	local re=$1
	shift
	run_guest -m 64M "$@"
	expect_exit 1
	expect_message "$re"
	expect [ ! -s "$console" ]
}
refused "tap0.*(queue|multi_queue)" -n tap,name=tap0,queues=2
/bin/ip link add dummy0 type dummy
refused "dummy0" -n tap,name=dummy0
start_net_guest hold -- -n tap,name=tap0
wait_console '^guest: holds'
m=$messages
messages=$DIR/messages.second console=$DIR/console.second
refused "tap0.*(busy|use)" -n tap,name=tap0
kill $pid
