#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A guest keeps a numbered, flushed log on a disk (firmware/tests/c/disklog.c); the VMM is killed
# outright at a random moment, again and again, and started again on what it left. After each kill
# every record that was acknowledged must be in the image, and the image must be none the worse: at
# most clusters that nobody uses any more.
#
#   tests/durability/kill.sh [TRAPEZE [BUILD_DIR]]
#
# KILLS (25): how often. SEED: where the randomness starts (said at the start; the moments of the
# kills cannot be repeated). VMM=qemu: QEMU in trapeze's place, to tell whose fault a failure is.
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
guest=$guests/c/disklog.elf
check=$B/durability/checklog
for f in "$guest" "$check"; do
	[ -x "$f" ] || { echo "Bail out! no '$f': run make firmware durability-files"; exit 1; }
done
command -v qemu-img >/dev/null || { echo "1..0 # SKIP no qemu-img here"; exit 77; }
kills=${KILLS:-25}
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$((SEED % 32768))
echo "# SEED=$SEED"

# format, -d options, run options, where the disk is. Five kills each, then the next.
ways=(
	"qcow2|cache=writeback|--virtio pci|"
	"raw|cache=writeback|--virtio pci|"
	"qcow2|cache=none,engine=uring|--virtio mmio|mmio"
	"qcow2|cache=writeback,engine=threads|--virtio pci|"
	"raw|cache=none,engine=aio|--virtio mmio|mmio"
	"qcow2|cache=none,engine=aio|--virtio pci|"
)
mmio_base=0xfe000000

vmm() { # FORMAT OPTIONS RUN-OPTIONS MMIO COMMAND-LINE
	local line=$5
	if [ "${VMM:-trapeze}" = qemu ]; then
		local aio=threads direct=off
		case $2 in *uring*) aio=io_uring ;; *aio*) aio=native direct=on ;; esac
		case $2 in *cache=none*) direct=on ;; esac
		local machine=q35 device=virtio-blk-pci
		[ -z "$4" ] || machine=microvm device=virtio-blk-device line="$line mmio=0xfeb02e00"
		exec qemu-system-x86_64 -M $machine -global virtio-mmio.force-legacy=false -enable-kvm -nodefaults -display none -m 64 \
			-kernel "$guest" -append "$line" -debugcon stdio -device isa-debug-exit,iobase=0xf4,iosize=4 \
			-drive "file=$disk,format=$1,if=none,id=d,discard=unmap,aio=$aio,cache.direct=$direct" -device $device,drive=d
	fi
	[ -z "$4" ] || line="$line mmio=$mmio_base"
	# shellcheck disable=SC2086
	exec "$TRAPEZE" run -m 16M -k "$guest" -p "$line" --serial null --debugcon stdio --timeout 60 -d "$disk,format=$1,$2" $3
}

acked() { # what the last whole line of the log says
	sed -n 's/^ack \([0-9]*\)$/\1/p' "$1" | tail -n 1
}

# The guest runs to its own end once, so that a disk that does not work at all is told from one that
# loses data.
way() { # ROW: sets format, options, ...
	IFS='|' read -r format options runopts mmio <<<"$1"
}
disk=$tmp/disk
for w in 0 2; do
	way "${ways[$w]}"
	rm -f "$disk"
	qemu-img create -q -f "$format" "$disk" 16M
	(vmm "$format" "$options" "$runopts" "$mmio" "seed=$SEED count=40") >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	judge $PASS '' "durability-whole-run-$format${mmio:+-mmio}"
	qemu-img convert -f "$format" -O raw "$disk" "$tmp/raw"
	"$check" "$tmp/raw" "$SEED" 40 >"$tmp/out" 2>&1
	is "durability-whole-run-$format${mmio:+-mmio}-is-there" [ $? = 0 ]
done

done_kills=0 w=0 total=0
while [ $done_kills -lt "$kills" ] && [ $failed = 0 ]; do
	way "${ways[$((w % ${#ways[@]}))]}"
	w=$((w + 1))
	rm -f "$disk"
	qemu-img create -q -f "$format" "$disk" 16M
	safe=0 name="durability-kill-$format-${options//[=,]/-}${mmio:+-mmio}-$w" round=0
	while [ $round -lt 5 ] && [ $done_kills -lt "$kills" ]; do
		round=$((round + 1)) done_kills=$((done_kills + 1))
		: >"$tmp/out"
		(vmm "$format" "$options" "$runopts" "$mmio" "seed=$SEED start=$((safe + 1))") >"$tmp/out" 2>"$tmp/err" </dev/null &
		pid=$!
		children=("$pid")
		if ! wait_for 30 grep -q '^ack' "$tmp/out"; then
			not_ok "$name" "kill $done_kills: the guest acknowledged nothing"
			break
		fi
		sleep "0.$(printf %03d $((RANDOM % 400)))"
		if ! kill -KILL $pid; then
			not_ok "$name" "kill $done_kills: the VMM had ended by itself"
			break
		fi
		wait $pid 2>/dev/null
		children=()
		safe=$(acked "$tmp/out")
		# The kernel takes an io_uring down behind the back of the process that has ended; until then the
		# file is open, and locked.
		if ! wait_for 10 qemu-img convert -q -f "$format" -O raw "$disk" "$tmp/raw" 2>"$tmp/err"; then
			not_ok "$name" "kill $done_kills: the image cannot be read"
			break
		fi
		qemu-img check -q -f "$format" "$disk" >"$tmp/err" 2>&1
		rc=$?
		# 3: leaked clusters and nothing else; 63: raw images have nothing to check.
		if [ $rc != 0 ] && [ $rc != 3 ] && ! { [ $rc = 63 ] && [ "$format" = raw ]; }; then
			not_ok "$name" "kill $done_kills: qemu-img check says $rc"
			break
		fi
		if ! "$check" "$tmp/raw" "$SEED" "$safe" >"$tmp/err" 2>&1; then
			not_ok "$name" "kill $done_kills: not all up to record $safe is there"
			break
		fi
	done
	total=$((total + safe))
	[ $failed != 0 ] || ok "$name"
done
if [ $failed != 0 ] && [ -n "${KEEP:-}" ]; then cp "$disk" "$KEEP"; fi
echo "# $done_kills kills, $total records"
finish
