#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# The benchmarks that run inside the lab, whose clock counts instructions. Lines that start with
# "metric" go to the other side: metric NAME VALUE, in 10^9 instructions, instructions or KiB.
Q="qemu-system-x86_64 -M q35 -enable-kvm -cpu host -nodefaults -display none -no-reboot -serial stdio"
P="console=ttyS0 quiet do=quiet end=reboot"
HINTS="cryptomgr.notests tsc=reliable no_timer_check i8042.nokbd i8042.noaux 8250.nr_uarts=1 random.trust_cpu=on pci=lastbus=0"
T="/trapeze run -q --no-reboot --timeout 30 -m 256M"
bad=0

metric() { echo "metric $1 $2"; }
lost() {
	echo "FAIL $1; its output ends:"
	tail -n 12 /tmp/out | sed 's/^/    /'
	bad=1
}

# boot NAME STATUS CMD...: lab time from exec to exit
boot() {
	name=$1 want=$2
	shift 2
	if r=$(/spawn -e "$want" -- "$@" 2>/tmp/out </dev/null); then
		metric "$name" "$(echo "$r" | awk '{ printf "%.4f", $4 / 1e9 }')"
	else
		lost "$name"
	fi
}

boot boot.qemu.bzImage 0 $Q -m 256 -kernel /guest/bzImage -initrd /guest/initrd -append "$P"
boot boot.qemu.vmlinux 0 $Q -m 256 -kernel /guest/vmlinux -initrd /guest/initrd -append "$P"
boot boot.qemu.bzImage.hints 0 $Q -m 256 -kernel /guest/bzImage -initrd /guest/initrd -append "$P $HINTS"
boot boot.qemu.vmlinux.hints 0 $Q -m 256 -kernel /guest/vmlinux -initrd /guest/initrd -append "$P $HINTS"
if [ -x /trapeze ]; then
	boot boot.trapeze.bzImage 32 $T --no-hints -k /guest/bzImage -i /guest/initrd -p "$P"
	boot boot.trapeze.bzImage.nounpack 32 $T --no-hints --no-unpack -k /guest/bzImage -i /guest/initrd -p "$P"
	boot boot.trapeze.vmlinux 32 $T --no-hints -k /guest/vmlinux -i /guest/initrd -p "$P"
	boot boot.trapeze.bzImage.hints 32 $T -k /guest/bzImage -i /guest/initrd -p "$P"
	boot boot.trapeze.vmlinux.hints 32 $T -k /guest/vmlinux -i /guest/initrd -p "$P"
fi

# The guest counts its own ticks; under icount a tick is an instruction.
ticks() {
	name=$1
	shift
	"$@" >/tmp/out 2>&1 </dev/null
	v=$(tr -d '\r' </tmp/out | sed -n 's/^ticks per exit: //p')
	[ -n "$v" ] && metric "$name" "$v" || lost "$name"
}
metric exit.floor "$(/floor exits)"
ticks exit.qemu $Q -m 64 -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel /guest/bench_inl.elf -append 608
if [ -x /trapeze ]; then
	ticks exit.trapeze /trapeze run -q -m 64M --timeout 60 -k /guest/bench_inl.elf -p 608
fi

exit $bad
