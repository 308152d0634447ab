# SPDX-License-Identifier: MIT
# limit: 600
# A directory that the guest may read: files, links, owners, many names; and that it cannot change, nor
# leave. Over both transports and ring formats.
make_tree
before=$(listing $DIR/s)
for how in "" "--virtio mmio --packed" "--packed -c 2"; do
	share_guest read_tree,big,unchangeable,reload -- --share $DIR/s $how
done
expect [ "$before" = "$(listing $DIR/s)" ]
