#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Packs this machine's QEMU, its libraries and the firmware it wants into a cpio segment for the
# lab, where it is the peer that trapeze is measured against.
#
#   scripts/mkpeer.sh OUT
set -eu
out=$1
qemu=$(command -v qemu-system-x86_64) || {
	echo "mkpeer: no qemu-system-x86_64: install qemu-system-x86 (make deps)" >&2
	exit 1
}
set -- "/usr/bin/qemu-system-x86_64=$qemu"
for lib in $(ldd "$qemu" | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p'); do
	set -- "$@" "$lib=$lib"
done
for f in bios-256k.bin bios-microvm.bin linuxboot_dma.bin pvh.bin kvmvapic.bin multiboot_dma.bin; do
	for d in /usr/share/seabios /usr/share/qemu; do
		if [ -e "$d/$f" ]; then
			set -- "$@" "/usr/share/qemu/$f=$d/$f"
			break
		fi
	done
done
exec "$(dirname "$0")/mkinitrd.sh" --bare "$out" "$@"
