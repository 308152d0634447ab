# SPDX-License-Identifier: MIT
# limit: 450
# The machine is reset while the share is read and written; the next boot mounts it again. What was
# open is closed: trapeze holds no more files than a fresh one.
make_tree
for how in "" "--virtio mmio --packed"; do
	rm -f $DIR/s/boots
	share_guest again,read_tree,copy mib=2 -- --share $DIR/s,rw $how
	expect_console '^guest: boot 1$'
	expect_console '^guest: boot 2$'
	rm -rf $DIR/s/back
done
