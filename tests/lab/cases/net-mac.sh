# SPDX-License-Identifier: MIT
# limit: 90
# Without an address said, a card has one that a VM of that name always has, and others do not; and
# without a name one that no other has.
own_network
new_tap tap0 10.0.2.2/24
new_tap tap1 10.0.3.2/24
mac() { # FILE ARGS...: of eth0 and eth1
	local to=$DIR/mac.$1
	shift
	net_guest props -- "$@" -n tap,name=tap0 -n tap,name=tap1
	tr -d '\r' <"$console" | sed -n 's/^guest: eth[01] mac \([^ ]*\) .*/\1/p' | sort >$to
}
mac a.first --name a
mac a.again --name a
mac b --name b
mac none.first
mac none.again
expect cmp $DIR/mac.a.first $DIR/mac.a.again
expect [ "$(cat $DIR/mac.a.first $DIR/mac.b $DIR/mac.none.* | sort -u | wc -l)" = 8 ]
