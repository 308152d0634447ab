# SPDX-License-Identifier: MIT
# limit: 180
# The entropy device feeds the kernel's, over PCI and over MMIO, and comes by itself with another
# virtio device.
for how in "--rng on" "--rng on --virtio mmio --packed" "--port x=null"; do
	run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=rng" $how
	expect_exit 0
	expect_console '^guest: rng virtio_rng.0$'
	expect_console '^guest: different 4$'
	expect_console '^guest: packed 65[5-9][0-9][0-9]$'
	expect_clean_boot
done
run_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=rng" --rng off --port x=null
expect_console '^guest: rng none$'
