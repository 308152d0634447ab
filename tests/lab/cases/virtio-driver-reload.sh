# SPDX-License-Identifier: MIT
# limit: 150
# Drivers of the smaller devices are unloaded and loaded again, ten times over PCI and over packed MMIO;
# disk-driver-reload and net-reload do it with those of disks and cards, under load.
for how in "" "--virtio mmio --packed"; do
	rm -f $DIR/v $DIR/v_1000 $DIR/log
	/guest/sockctl serve unix:$DIR/v_1000 10 >$DIR/served &
	server=$!
	run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=reloads" \
		--vsock cid=5,path=$DIR/v --port log=file:$DIR/log --rng on $how
	expect_exit 0
	expect_console '^guest: reloads 10$'
	expect_count 10 '^guest: sockctl: talked 200000 bytes on 1 connections, 0 bad$'
	expect_no_console '^guest: (cannot|no )'
	expect [ "$(grep -c '^round [0-9]' $DIR/log)" = 10 ]
	wait $server
	expect grep -q '^sockctl: served 10$' $DIR/served
	expect_clean_boot
done
