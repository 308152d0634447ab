# SPDX-License-Identifier: MIT
# limit: 240
# Sockets both ways, over PCI and packed MMIO: bulk with half close, hundreds at once, refusals, a
# client that says nonsense; and the driver leaves nothing behind.
for how in "" "--virtio mmio --packed"; do
	rm -f $DIR/v $DIR/v_1000
	/guest/sockctl serve unix:$DIR/v_1000 302 >$DIR/served &
	server=$!
	start_guest -k $VMLINUX -i $INITRD.disk -m 256M --vsock cid=5,path=$DIR/v \
		-p "$QUIET do=vsock serve=102 bytes=4000000 conns=300" $how
	wait_console 'serving vsock:52' 60
	expect [ "$(stat -c %a $DIR/v)" = 600 ]
	/guest/sockctl refused hybrid:$DIR/v:999 >$DIR/refused
	expect grep -q 'refused' $DIR/refused
	/guest/sockctl refused hybrid:$DIR/v:52x >$DIR/refused
	expect grep -q 'refused' $DIR/refused
	/guest/sockctl talk hybrid:$DIR/v:52 0 >$DIR/talk
	/guest/sockctl talk hybrid:$DIR/v:52 4000000 >>$DIR/talk
	/guest/sockctl talk hybrid:$DIR/v:52 100 100 >>$DIR/talk
	cat $DIR/talk
	expect [ "$(grep -c ' 0 bad$' $DIR/talk)" = 3 ]
	wait_guest
	wait $server
	cat $DIR/served
	expect_exit 0
	expect_console '^guest: sockctl: Connection reset by peer$'
	expect_console '^guest: sockctl: talked 0 bytes on 1 connections, 0 bad$'
	expect_console '^guest: sockctl: talked 4000000 bytes on 1 connections, 0 bad$'
	expect_console '^guest: sockctl: talked 100 bytes on 300 connections, 0 bad$'
	expect_console '^guest: sockctl: served 102$'
	expect grep -q '^sockctl: served 302$' $DIR/served
	expect [ ! -e $DIR/v ]
	expect_message 'did not say CONNECT and a port'
	expect_clean_boot
done
