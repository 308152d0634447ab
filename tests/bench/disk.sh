#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# What a request to a disk costs, in instructions of the lab's only CPU: guest, its kernel, KVM, host
# kernel and VMM. fio in the guest, the same kernel, the same jobs, the same files; QEMU with an I/O
# thread and io_uring is the peer. Part of a request's cost that is not the VMM's own is the same for
# both. "other": CPU time of the VMM's threads that do not run the guest, which is its own share, with
# the host kernel's block layer in it, but without the guest's kicks and interrupts.
#
# What the images are on. They are files of an ext4 on a RAM disk (brd). A RAM disk answers at once
# and always at the same cost, so that the count of instructions does not depend on when a disk of the
# real machine answered. tmpfs knows no O_DIRECT; pmem, which the lab could have without copying,
# does not do REQ_NOWAIT in this kernel, so that io_uring would hand each request to a worker thread:
# a penalty for io_uring that users' disks do not have. brd and ext4 on it do. Clusters are allocated
# and written before, so that writing is writing and not making room. noatime; O_DIRECT, as one would
# run a data base.
#
#   disk.sh qemu|trapeze raw|qcow2      the requests, FEW (128) and MANY (1152) of each kind; with
#                                       ENGINE=aio|threads another one of trapeze's
#   disk.sh trapeze boot                what PCI and a disk add to a boot
vmm=$1 format=$2
few=${FEW:-128} many=${MANY:-1152}
bad=0
metric() { echo "metric $1 $2"; }

for m in libnvdimm nfit nd_btt nd_pmem; do insmod /modules/$m.ko; done
insmod /modules/brd.ko rd_nr=1 rd_size=262144
mkdir -p /store /disks
mount -o ro,noload /dev/pmem0 /store
tool() {
	local t=$1
	shift
	/store/lib64/ld-linux-x86-64.so.2 --library-path /store/lib/x86_64-linux-gnu "/store/bin/$t" "$@"
}
tool mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0,nodiscard /dev/ram0 &&
	mount -o noatime /dev/ram0 /disks || { echo "FAIL disk: no images"; exit 1; }
yes "a disk that was written" | dd of=/disks/t.raw bs=1M count=64 iflag=fullblock 2>/dev/null
[ $format != qcow2 ] || tool qemu-img convert -f raw -O qcow2 /disks/t.raw /disks/t.qcow2 || { echo "FAIL disk: no images"; exit 1; }
cp /store/images/root.raw /disks/root.raw
sync

P="console=ttyS0 quiet do=root root=/dev/vda mode=ro tests=bench few=$few many=$many"
HINTS="cryptomgr.notests tsc=reliable no_timer_check i8042.nokbd i8042.noaux 8250.nr_uarts=1 random.trust_cpu=on panic=-1"
measure() { # NAME STATUS CMD...
	local name=$1
	shift
	# Pages of the image that are still cached from its making would have to be thrown out by the first
	# who writes past the cache, at his cost.
	sync
	echo 3 >/proc/sys/vm/drop_caches
	if ! /meter 20 "$@" >/tmp/marks 2>/tmp/out || ! tr -d '\r' </tmp/out | grep -q '^guest: bench ok'; then
		echo "FAIL disk.$name; its output ends:"
		tail -n 12 /tmp/out | sed 's/^/    /'
		bad=1
		return
	fi
	awk -v prefix="$name" -v n=$((many - few)) '
		{ t[$2] = $4; o[$2] = $6 }
		function spent(v, k) { return (v[k ".many.end"] - v[k ".many.begin"]) - (v[k ".few.end"] - v[k ".few.begin"]) }
		END {
			jobs = split("randread.1 randwrite.1 randread.32 randwrite.32 read.1M write.1M", job, " ")
			for (i = 1; i <= jobs; i++) {
				requests = job[i] ~ /1M/ ? n / 8 : n
				printf "metric disk.%s.%s %.0f\n", prefix, job[i], spent(t, job[i]) / requests
				printf "metric disk.%s.%s.other %.0f\n", prefix, job[i], spent(o, job[i]) / requests
			}
		}' /tmp/marks
}

# What PCI and a disk add to a boot that does not use them, and one that has its root there.
boot() { # NAME STATUS CMD...
	local name=$1 want=$2 r
	shift 2
	if r=$(/spawn -e "$want" -- "$@" 2>/tmp/out </dev/null); then
		metric "$name" "$(echo "$r" | awk '{ printf "%.4f", $4 / 1e9 }')"
	else
		echo "FAIL $name; its output ends:"
		tail -n 12 /tmp/out | sed 's/^/    /'
		bad=1
	fi
}
case $vmm-$format in
trapeze-boot)
	T="/trapeze run -q --no-reboot --timeout 30 -m 256M -k /guest/vmlinux"
	B="console=ttyS0 quiet do=quiet end=reboot"
	$T -i /guest/initrd -p "$B" >/dev/null 2>&1 </dev/null # the first one pays for what all find in caches
	boot boot.disk.without 32 $T -i /guest/initrd --pci off -p "$B"
	boot boot.disk.pci 32 $T -i /guest/initrd --pci on -p "$B"
	boot boot.disk.with 32 $T -i /guest/initrd -d /disks/t.raw,format=raw -p "$B"
	boot boot.disk.mmio 32 $T -i /guest/initrd --virtio mmio -d /disks/t.raw,format=raw -p "$B"
	boot boot.disk.root 32 $T -i /guest/initrd.disk -d /disks/root.raw,format=raw,ro -p "console=ttyS0 quiet do=root root=/dev/vda mode=ro end=reboot"
	;;
trapeze-*)
	measure trapeze.$format 0 /trapeze run -q --timeout 120 -m 256M -k /guest/vmlinux -i /guest/initrd.disk -p "$P" \
		-d /disks/root.raw,format=raw,ro -d /disks/t.$format,format=$format,cache=none,engine=${ENGINE:-uring}
	;;
qemu-*)
	measure qemu.$format 0 qemu-system-x86_64 -name peer,debug-threads=on -M q35 -enable-kvm -cpu host -nodefaults -display none \
		-no-reboot -serial stdio -m 256 -kernel /guest/vmlinux -initrd /guest/initrd.disk -append "$P $HINTS" \
		-object iothread,id=io0 -object iothread,id=io1 \
		-drive file=/disks/root.raw,format=raw,if=none,id=root,readonly=on \
		-device virtio-blk-pci,drive=root,iothread=io0,disable-legacy=on \
		-drive file=/disks/t.$format,format=$format,if=none,id=t,cache=none,aio=io_uring \
		-device virtio-blk-pci,drive=t,iothread=io1,disable-legacy=on
	;;
esac
exit $bad
