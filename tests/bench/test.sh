#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# What trapeze test costs on top of trapeze run, inside the lab, whose clock counts instructions.
# Lines that start with "metric" go to the other side, in 10^9 instructions.
P="console=ttyS0 quiet panic=-1"
K="-k /guest/vmlinux -i /guest/initrd -i /guest/initrd.modules -m 256M"
bad=0

# cost NAME STATUS CMD...: lab time from exec to exit
cost() {
	name=$1 want=$2
	shift 2
	if r=$(/spawn -e "$want" -- "$@" 2>/tmp/out </dev/null); then
		echo "metric $name $(echo "$r" | awk '{ printf "%.4f", $4 / 1e9 }')"
	else
		echo "FAIL $name; its output ends:"
		tail -n 12 /tmp/out | sed 's/^/    /'
		bad=1
	fi
}

# What a test's guest loads, and the kernel's own init would: drivers of the PCI bus's console.
cat >/tmp/drivers <<-EOF
	#!/bin/sh
	cd /lib/modules/*/kernel/drivers
	for m in virtio/virtio virtio/virtio_ring virtio/virtio_pci_legacy_dev virtio/virtio_pci_modern_dev \\
		virtio/virtio_pci char/virtio_console; do insmod \$m.ko; done
	exec reboot -f
EOF
chmod 755 /tmp/drivers
(cd /tmp && echo drivers | cpio -o -H newc 2>/dev/null) >/tmp/drivers.cpio

# From exec to the first instruction of a program that resets the machine: as the kernel's init, and as
# a test's command. The first boot is not counted, as it reads what the others find in memory.
run="/trapeze run -q --no-reboot --timeout 60 $K"
/spawn -e 32 -- $run -p "$P rdinit=/bin/reboot -- -f" >/dev/null 2>&1 </dev/null
cost test.run 32 $run -p "$P rdinit=/bin/reboot -- -f"
cost test.run.drivers 32 $run -i /tmp/drivers.cpio --console null -p "$P rdinit=/drivers"
cost test.command 32 /trapeze test -q $K -p "$P" -- /bin/reboot -f
# One that passes, and fifty, two at a time.
cost test.one 0 /trapeze test -q $K -p "$P" -- true
cost test.fifty 0 /trapeze test -q -j 2 --repeat 50 $K -p "$P" -- true
exit $bad
