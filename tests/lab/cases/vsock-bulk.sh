# SPDX-License-Identifier: MIT
# limit: 420
# 256 MiB both ways at once, each word of it looked at, as the guest dials over PCI and as the host
# does over packed MMIO.
bytes=$((256 << 20))
/guest/sockctl serve unix:$DIR/v_1000 2 >$DIR/served &
server=$!
start_guest --timeout 200 -k $VMLINUX -i $INITRD.disk -m 256M --vsock cid=5,path=$DIR/v \
	-p "$QUIET do=vsock serve=1 bytes=$bytes"
wait_console "^guest: sockctl: talked $bytes bytes on 1 connections, 0 bad" 180
/guest/sockctl talk hybrid:$DIR/v:52 0
wait_guest
wait $server
expect_exit 0
expect_clean_boot
start_guest --timeout 200 -k $VMLINUX -i $INITRD.disk -m 256M --vsock cid=5,path=$DIR/v \
	-p "$QUIET do=vsock serve=1 dial=off" --virtio mmio --packed
wait_console 'serving vsock:52' 60
/guest/sockctl talk hybrid:$DIR/v:52 $bytes >$DIR/talk
cat $DIR/talk
expect grep -q "^sockctl: talked $bytes bytes on 1 connections, 0 bad" $DIR/talk
wait_guest
expect_exit 0
expect_clean_boot
