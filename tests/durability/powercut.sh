#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Power is lost at any moment. A guest keeps a numbered, flushed log on a disk; all that the VMM does
# to the image file is written down (iolog.c). From that, images are made as a loss of power could
# have left them: what a finished fdatasync promised, and any part of the rest (replay.c). Each must
# hold all records acknowledged until then, and qemu-img check must find nothing worse than leaks.
#
#   tests/durability/powercut.sh [TRAPEZE [BUILD_DIR]]
#
# CUTS (40): images per way. SEED: where the randomness starts; the same log and seed give the same
# images. KEEP=DIR: keeps log, base and image of a failure. VMM=qemu: QEMU in trapeze's place.
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
guest=$guests/c/disklog.elf
for f in "$guest" "$B/durability"/{checklog,replay,iolog.so}; do
	[ -x "$f" ] || { echo "Bail out! no '$f': run make firmware durability-files"; exit 1; }
done
command -v qemu-img >/dev/null || { echo "1..0 # SKIP no qemu-img here"; exit 77; }
if sanitized; then
	echo "1..0 # SKIP a sanitizer wants to be loaded first"
	exit 77
fi
cuts=${CUTS:-40}
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
echo "# SEED=$SEED"
disk=$tmp/disk

vmm() { # FORMAT OPTIONS COMMAND-LINE
	export LD_PRELOAD=$B/durability/iolog.so IOLOG=$tmp/log IOLOG_IMAGE=$disk
	if [ "${VMM:-trapeze}" = qemu ]; then
		exec qemu-system-x86_64 -M q35 -enable-kvm -nodefaults -display none -m 64 -kernel "$guest" -append "$3" \
			-debugcon stdio -device isa-debug-exit,iobase=0xf4,iosize=4 \
			-drive "file=$disk,format=$1,if=none,id=d,discard=unmap,aio=threads" -device virtio-blk-pci,drive=d
	fi
	exec "$TRAPEZE" run -m 16M -k "$guest" -p "$3" --serial null --debugcon stdio --timeout 60 \
		-d "$disk,format=$1,engine=threads$2"
}

# cut SEED [OPTION...]: one image; says what is wrong with it. Sets $acked.
cut() {
	local seed=$1 rc said
	shift
	said=$("$B/durability/replay" "$@" "$tmp/log" "$tmp/base" "$tmp/image" "$seed") || return 1
	echo "replay $*: $said, seed $seed"
	acked=$(sed 's/.* acked \([0-9]*\) .*/\1/' <<<"$said")
	# With lazy refcounts, and only then, an image may say itself that its counts are not to be trusted
	# (incompatible feature 0, the last byte of eight at 72) until somebody has counted again.
	if [ "$lazy" = 1 ] && [ $(($(od -An -tu1 -j79 -N1 "$tmp/image") & 1)) = 1 ]; then
		qemu-img check -r all -f "$format" "$tmp/image" || return 1
	fi
	qemu-img check -f "$format" "$tmp/image"
	rc=$?
	case $format.$rc in *.0 | *.3 | raw.63) ;; *) echo "qemu-img check: status $rc"; return 1 ;; esac
	qemu-img convert -f "$format" -O raw "$tmp/image" "$tmp/raw" || return 1
	"$B/durability/checklog" "$tmp/raw" "$SEED" "$acked"
}

for way in "qcow2|" "raw|" "qcow2|,cache=none" "qcow2-lazy|"; do
	IFS='|' read -r format options <<<"$way"
	name=durability-powercut-$format${options//[=,]/-}
	create=()
	lazy=0
	if [ "$format" = qcow2-lazy ]; then
		lazy=1 format=qcow2 create=(-o lazy_refcounts=on)
	fi
	rm -f "$disk" "$tmp/log"
	# Small clusters and a small disk: more metadata for the money, and the log goes round.
	[ "$format" = raw ] || [ -n "$options" ] || create+=(-o cluster_size=4096)
	qemu-img create -q -f "$format" "${create[@]}" "$disk" 4M
	cp "$disk" "$tmp/base"
	(vmm "$format" "$options" "seed=$SEED count=${RECORDS:-300}") >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	judge $PASS '' "$name-run"
	[ -s "$tmp/log" ] || { not_ok "$name" "nothing was logged"; continue; }
	bad=0 most=0
	for ((i = 0; i < cuts; i++)); do
		if ! cut $((SEED + i)) >"$tmp/out" 2>"$tmp/err"; then
			bad=1
			not_ok "$name" "the image after cut $i is not what was promised"
			if [ -n "${KEEP:-}" ]; then
				mkdir -p "$KEEP"
				cp "$tmp/log" "$tmp/base" "$tmp/image" "$KEEP"
			fi
			break
		fi
		[ "$acked" -le $most ] || most=$acked
	done
	if [ $bad = 0 ]; then
		if [ $most -gt 0 ]; then ok "$name"; else not_ok "$name" "no cut came after an acknowledgement"; fi
	fi
	# And the test can fail: without the syncs, something is missing.
	bad=0
	for ((i = 0; i < 10; i++)); do
		cut $((SEED + i)) --no-barriers >"$tmp/out" 2>"$tmp/err" || bad=$((bad + 1))
	done
	is "$name-would-notice" [ $bad -gt 0 ]
done
finish
