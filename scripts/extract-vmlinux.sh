#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Takes the ELF kernel out of a bzImage: where the payload lies is said in the setup header
# (Documentation/arch/x86/boot.rst: setup_sects 0x1f1, payload_offset 0x248, payload_length 0x24c),
# how it is compressed in its own magic number.
#
#   scripts/extract-vmlinux.sh BZIMAGE VMLINUX
set -eu
img=$1 out=$2

die() {
	printf 'extract-vmlinux: %s\n' "$*" >&2
	exit 1
}
num() { od -An -v -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' \n'; }

[ -r "$img" ] || die "cannot read '$img'"
[ "$(dd if="$img" bs=1 skip=514 count=4 2>/dev/null)" = HdrS ] || die "'$img' is not a bzImage: no 'HdrS' at offset 0x202"
[ "$(num "$img" 518 2)" -ge 520 ] || die "'$img' speaks a boot protocol older than 2.08, which does not say where the payload lies"
sects=$(num "$img" 497 1)
[ "$sects" != 0 ] || sects=4
off=$(((sects + 1) * 512 + $(num "$img" 584 4)))
len=$(num "$img" 588 4)

# All formats but gzip are followed by four bytes of the kernel's own: the unpacked size.
magic=$(od -An -v -t x1 -j "$off" -N 4 "$img" | tr -d ' \n')
case $magic in
02214c18 | 04224d18) tool="lz4 -d -c" len=$((len - 4)) ;;
28b52ffd) tool="zstd -d -c" len=$((len - 4)) ;;
1f8b*) tool="gzip -d -c" ;;
fd377a58) tool="xz -d -c" len=$((len - 4)) ;;
7f454c46) tool=cat ;;
*) die "the payload of '$img' starts with $magic, which is no compression known here" ;;
esac
command -v "${tool%% *}" >/dev/null || die "'${tool%% *}' is not installed (make deps)"
tail -c "+$((off + 1))" "$img" | head -c "$len" | $tool >"$out.tmp" || die "unpacking '$img' with '$tool' failed"
[ "$(od -An -v -t x1 -N 4 "$out.tmp" | tr -d ' \n')" = 7f454c46 ] || die "what '$img' holds is not an ELF file"
mv "$out.tmp" "$out"
