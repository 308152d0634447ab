# SPDX-License-Identifier: MIT
# limit: 60
# Without an address said, a card has one that a VM of that name always has, and others do not.
own_network
new_tap tap0 10.0.2.2/24
new_tap tap1 10.0.3.2/24
mac() { # NAME: of eth0 and eth1
	net_guest props -- --name $1 -n tap,name=tap0 -n tap,name=tap1
	tr -d '\r' <"$console" | sed -n 's/^guest: eth[01] mac \([^ ]*\) .*/\1/p' | sort >$DIR/mac.$1.$2
}
mac a first
mac a again
mac b first
expect cmp $DIR/mac.a.first $DIR/mac.a.again
expect [ "$(cat $DIR/mac.a.first $DIR/mac.b.first | sort -u | wc -l)" = 4 ]
