# SPDX-License-Identifier: MIT
# limit: 120
# The same sockets with the kernel's vhost-vsock in between: programs of the host use AF_VSOCK.
modules vhost_iotlb vhost vsock vmw_vsock_virtio_transport_common vhost_vsock
/guest/sockctl serve vsock:1000 302 >$DIR/served &
server=$!
start_guest -k $VMLINUX -i $INITRD.disk -m 256M --vsock cid=5,vhost \
	-p "$QUIET do=vsock serve=102 bytes=4000000 conns=300"
wait_console 'serving vsock:52' 60
/guest/sockctl talk vsock:5:52 0 >$DIR/talk
/guest/sockctl talk vsock:5:52 4000000 >>$DIR/talk
/guest/sockctl talk vsock:5:52 100 100 >>$DIR/talk
cat $DIR/talk
expect [ "$(grep -c ' 0 bad$' $DIR/talk)" = 3 ]
wait_guest
wait $server
expect_exit 0
expect_console '^guest: sockctl: talked 4000000 bytes on 1 connections, 0 bad$'
expect_console '^guest: sockctl: talked 100 bytes on 300 connections, 0 bad$'
expect_console '^guest: sockctl: served 102$'
expect grep -q '^sockctl: served 302$' $DIR/served
expect_clean_boot
