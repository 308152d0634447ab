#!/bin/bash
# SPDX-License-Identifier: MIT
#
# trapeze img, next to qemu-img.
#
#   tests/cli/img.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$tmp" || exit 1
if ! command -v qemu-img qemu-io >/dev/null; then
	skip img "no qemu-img here"
	finish
	exit
fi

# img STATUS NAME ARGUMENT...: runs, and expects the exit status.
img() {
	local want=$1 name=$2 rc
	shift 2
	"$TRAPEZE" img "$@" >out 2>err
	rc=$?
	if [ $rc = "$want" ]; then ok "$name"; else not_ok "$name" "exit status $rc, not $want: img $*"; fi
}
says() { # NAME REGEX [FILE]
	if grep -qE -- "$2" "${3:-out}"; then ok "$1"; else not_ok "$1" "does not say '$2'"; fi
}
sound() { # NAME FILE
	is "$1 (qemu-img check)" qemu-img check -q -f qcow2 "$2"
	img 0 "$1 (img check)" check "$2"
}
same() { is "$1 (qemu-img compare)" qemu-img compare -q "$2" "$3"; } # NAME FILE FILE
reads() { ! qemu-io "$@" | grep -q failed; } # what QEMU finds is what it looked for
poke() { printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; } # FILE OFFSET BYTES

# --- create, info
img 0 create create a.qcow2 64M
sound create a.qcow2
img 0 info info a.qcow2
says info-format '^format +qcow2'
says info-size '^disk +64 MiB \(67108864 bytes\)'
img 0 info-json info --json a.qcow2
says info-json-size '"disk_size": 67108864'
for o in '--cluster-size 512B' '--cluster-size 2M' '--image-version 2' '--lazy-refcounts' '--refcount-bits 1' '--refcount-bits 64 --cluster-size 4K'; do
	rm -f o.qcow2
	# shellcheck disable=SC2086
	img 0 "create $o" create $o o.qcow2 100M
	sound "create $o" o.qcow2
	qemu-io -c 'write -P 3 10M 3M' o.qcow2 >/dev/null
	sound "create $o, written to by QEMU" o.qcow2
done
img 0 create-raw create -f raw a.raw 10M
is create-raw-size [ "$(stat -c %s a.raw)" = 10485760 ]
img 0 info-raw info a.raw
says info-raw '^format +raw'
img 1 create-exists create a.qcow2 1G
says create-exists 'a.qcow2.*File exists' err
img 2 create-no-size create b.qcow2
img 2 create-bad-size create b.qcow2 1X
img 1 create-bad-cluster create --cluster-size 5K b.qcow2 1G
says create-bad-cluster 'clusters of 5120 bytes' err
is create-leaves-nothing [ ! -e b.qcow2 ]
img 1 create-too-large create --cluster-size 512B b.qcow2 4T
img 1 create-v2-zstd create --image-version 2 --lazy-refcounts b.qcow2 1G
img 2 wrong-option check --shrink a.qcow2
says wrong-option '--shrink is not for .img check' err
img 2 no-action nothing a.qcow2
img 2 none
img 0 help --help

# --- backing files
mkdir sub
qemu-io -f raw -c 'write -P 5 1M 4M' a.raw >/dev/null
img 0 create-backing create -b a.raw b.qcow2
same create-backing a.raw b.qcow2
img 0 info-backing info b.qcow2
says info-backing '^backing file +a.raw \(raw\)'
img 1 backing-not-allowed convert b.qcow2 c.qcow2
says backing-not-allowed 'backing files are not opened unless' err
img 0 convert-backing convert --allow-backing b.qcow2 c.qcow2
same convert-backing a.raw c.qcow2
sound convert-backing c.qcow2
img 1 create-no-backing create -b nothing d.qcow2
is create-no-backing-leaves-nothing [ ! -e d.qcow2 ]

# --- convert
head -c 3000000 "$TRAPEZE" >program
cat program /dev/zero 2>/dev/null | head -c 20M >p.raw
printf x | dd of=p.raw bs=1 seek=20971519 conv=notrunc status=none
for o in '' '--compress zlib' '--compress zstd' '--compress zstd --cluster-size 4K' '--image-version 2 --compress zlib' '--cluster-size 512B --compress zlib'; do
	rm -f p.qcow2 q.raw
	# shellcheck disable=SC2086
	img 0 "convert $o" convert $o p.raw p.qcow2
	sound "convert $o" p.qcow2
	same "convert $o" p.raw p.qcow2
	img 0 "convert $o, back" convert -O raw p.qcow2 q.raw
	is "convert $o, identical" cmp p.raw q.raw
done
is convert-sparse [ "$(stat -c %b q.raw)" -lt 12000 ]
img 0 convert-compressed convert --compress zstd p.raw z.qcow2
is compressed-is-smaller [ "$(stat -c %s z.qcow2)" -lt 2500000 ]
img 1 convert-exists convert p.raw p.qcow2
says convert-exists "'p.qcow2' exists already" err
img 0 convert-force convert --force -O raw z.qcow2 p.qcow2
is convert-force cmp p.raw p.qcow2
img 2 convert-raw-compress convert --compress zlib -O raw p.raw n.raw
img 1 convert-directory convert p.raw sub
is convert-leaves-nothing [ -z "$(find . -name '*.new-*')" ]
qemu-img create -q -f qcow2 -o cluster_size=512 odd.qcow2 1000k
qemu-io -c 'write -P 9 999k 1k' odd.qcow2 >/dev/null
img 0 convert-odd-size convert --compress zstd odd.qcow2 odd2.qcow2
same convert-odd-size odd.qcow2 odd2.qcow2

# --- check
img 0 check-clean check a.qcow2
says check-clean '^nothing is wrong'
img 1 check-raw check -f raw a.raw
cp c.qcow2 leak.qcow2
# A refcount for a cluster that nothing uses: block at 2 * 64 KiB, 16 bits each.
poke leak.qcow2 $((131072 + 2 * 200)) '\x00\x01'
img 3 check-leak check leak.qcow2
says check-leak 'leak +cluster 200 is referred to 0 times'
img 0 repair-leak check --repair leaks leak.qcow2
sound repair-leak leak.qcow2
cp c.qcow2 bad.qcow2
poke bad.qcow2 $((131072 + 2 * 6)) '\x00\x00'
img 4 check-corrupt check bad.qcow2
img 4 check-corrupt-leaks check --repair leaks bad.qcow2
img 0 repair-corrupt check --repair all bad.qcow2
sound repair-corrupt bad.qcow2
same repair-corrupt a.raw bad.qcow2
# An entry of the refcount table that leads nowhere.
cp c.qcow2 bad.qcow2
poke bad.qcow2 65536 '\xff\xff\xff\xff\xff\xff\x00\x00'
img 4 check-wild-block check bad.qcow2
says check-wild-block 'refcount block is 0xffffffffffff0000, which leads nowhere'
img 0 repair-wild-block check --repair all bad.qcow2
sound repair-wild-block bad.qcow2
same repair-wild-block a.raw bad.qcow2
# Marked as corrupt, and as dirty.
for bit in 1 2; do
	cp c.qcow2 mark.qcow2
	poke mark.qcow2 79 "\\x0$bit"
	img 0 "repair bit $bit" check --repair all mark.qcow2
	is "bit $bit is cleared" [ "$(od -An -tu1 -j79 -N1 mark.qcow2 | tr -d ' ')" = 0 ]
done
img 0 check-json check --json a.qcow2
says check-json '"corruptions": 0'
img 1 check-nothing check nothing.qcow2
head -c 1000 /dev/urandom >garbage
img 1 check-garbage check -f qcow2 garbage
says check-garbage 'is no qcow2 image' err

# --- resize
img 0 grow resize c.qcow2 +100G
sound grow c.qcow2
is grow-size [ "$(qemu-img info c.qcow2 | sed -n 's/.*(\([0-9]*\) bytes).*/\1/p')" = $((107374182400 + 10485760)) ]
img 1 shrink resize c.qcow2 5M
says shrink 'would shrink' err
img 0 shrink-really resize --shrink c.qcow2 3M
sound shrink c.qcow2
img 0 grow-again resize c.qcow2 10M
is shrunk-is-zero reads -c 'read -P 5 1M 2M' -c 'read -P 0 3M 7M' c.qcow2
img 0 grow-raw resize a.raw +1M
is grow-raw [ "$(stat -c %s a.raw)" = 11534336 ]
img 2 resize-no-size resize a.raw
img 1 resize-bad-size resize a.raw -- -20M
img 0 resize-less resize --shrink a.raw -- -1M
is resize-less [ "$(stat -c %s a.raw)" = 10485760 ]
# The L1 table moves when clusters are small.
img 0 create-small create --cluster-size 512B s.qcow2 1M
qemu-io -c 'write -P 1 0 1M' s.qcow2 >/dev/null
img 0 grow-small resize s.qcow2 20G
sound grow-small s.qcow2
is grow-small-content reads -c 'read -P 1 0 1M' s.qcow2
# What is refused has changed nothing.
qemu-img create -q -f qcow2 -o compat=0.10 v2.qcow2 2M
qemu-io -c 'write -P 9 0 2M' v2.qcow2 >/dev/null
qemu-img snapshot -c one v2.qcow2
img 1 shrink-v2-snapshot resize --shrink v2.qcow2 1M
says shrink-v2-snapshot 'has snapshots' err
is shrink-v2-snapshot-content reads -c 'read -P 9 0 2M' v2.qcow2
# A backing file is hidden as far as it reaches, not farther: that would take tables.
qemu-img create -q -f raw low.raw 3M
qemu-io -f raw -c 'write -P 7 0 3M' low.raw >/dev/null
qemu-img create -q -f qcow2 -b low.raw -F raw top.qcow2 1M
img 1 grow-over-backing-unasked resize top.qcow2 1T
img 0 grow-over-backing resize --allow-backing top.qcow2 1T
sound grow-over-backing top.qcow2
is grow-over-backing-content reads -c 'read -P 7 0 1M' -c 'read -P 0 1M 4M' top.qcow2
is grow-over-backing-small [ "$(stat -c %s top.qcow2)" -lt 1000000 ]

# --- in use elsewhere
coproc qemu { exec qemu-io c.qcow2 2>&1; }
pid=$qemu_PID # bash forgets it as soon as that has ended
# It answers once it has the image; to look before that might keep it from getting it.
echo length >&"${qemu[1]}"
read -r -t 30 _ <&"${qemu[0]}"
img 1 locked check --repair all c.qcow2
says locked-by-whom 'c.qcow2' err
exec {qemu[1]}>&-
wait "$pid" 2>/dev/null
img 0 unlocked check --repair all c.qcow2
finish
