#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Kernels, initrds, configuration files and options that are wrong: exit status 1 (what a file holds) or
# 2 (what was typed), one sentence that names the field, nothing started. All of it ends before /dev/kvm
# is opened. The numbers are those of docs/threat-model.md.
#
#   tests/cli/inputs.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$tmp" || exit 1

# damaged SEED NAME MESSAGE OFFSET HEX [OPTION...]: the seed with some bytes changed.
damaged() {
	local seed=$1 name=$2 message=$3 offset=$4 hex=$5
	shift 5
	cp "$seeds/$seed" k
	patch k "$offset" "$hex"
	refused 1 "kernel 'k': $message" "$name" -k k "$@"
}

cut() { # SEED NAME MESSAGE LENGTH [OPTION...]
	local seed=$1 name=$2 message=$3 length=$4
	shift 4
	cp "$seeds/$seed" k
	truncate -s "$length" k
	refused 1 "kernel 'k': $message" "$name" -k k "$@"
}

# --- 81: ELF. Ehdr: e_phoff 32, e_phentsize 54, e_phnum 56. Phdr at 64, then each 56: p_offset 8,
# p_paddr 24, p_filesz 32, p_memsz 40.
v=elf/vmlinux
damaged $v 81-elf-class 'ELF header: e_ident\[EI_CLASS\] is 3' 4 03
damaged $v 81-elf-endian 'ELF header: e_ident\[EI_DATA\] is 2' 5 02
damaged $v 81-elf-machine 'is an ELF64 file for AArch64' 18 b700
damaged $v 81-elf-phoff-past-end 'ELF header: e_phoff 0xffff puts' 32 ffff000000000000
damaged $v 81-elf-phoff-wraps 'ELF header: e_phoff 0xf' 32 ffffffffffffffff
damaged $v 81-elf-phnum-huge 'ELF header: e_phnum is 65535' 56 ffff
damaged $v 81-elf-no-segments 'ELF header: e_phnum is 0' 56 0000
damaged $v 81-elf-phentsize 'ELF header: e_phentsize is 1, not 56' 54 0100
damaged $v 81-elf-filesz-over-memsz 'PT_LOAD segment 0: p_filesz .* is more than p_memsz' 96 0100000001000000
damaged $v 81-elf-offset-wraps 'PT_LOAD segment 0: p_offset .* past the end' 72 ffffffffffffffff
damaged $v 81-elf-paddr-wraps 'PT_LOAD segment 0: p_paddr .* wraps' 88 f8ffffffffffffff
damaged $v 81-elf-overlap 'PT_LOAD segment 1: p_paddr .* overlaps PT_LOAD segment 0' 144 0010000100000000
damaged $v 81-elf-entry-outside 'ELF header: e_entry 0 is not' 24 0000000000000000 --protocol linux
cut $v 81-elf-header-cut '' 40
cut $v 81-elf-table-cut 'ELF header: e_phoff 0x40 puts 3' 100
cut $v 81-elf-segment-cut 'PT_LOAD segment 0: p_offset .* past the end' 4000

# --- 82: notes, at 0x240: namesz, descsz, type; the segment's header at 120.
damaged elf/pvh64 82-note-namesz 'ELF note at 0 of PT_NOTE: namesz 4294967295' 576 ffffffff
damaged elf/pvh64 82-note-descsz 'ELF note at 0 of PT_NOTE: .* descsz 4294967295' 580 ffffffff
damaged elf/pvh64 82-note-past-end 'PT_NOTE: p_offset .* past the end' 152 ffffff

# --- 83: bzImage
z=bzimage/gzip
damaged $z 83-setup-sects-zero 'setup header: setup_sects is 4' 497 00
damaged $z 83-setup-sects-past-end 'setup header: setup_sects is 255' 497 ff
damaged $z 83-no-magic 'is a boot sector' 514 41414141
damaged $z 83-no-boot-flag 'is data of an unknown kind' 510 0000
damaged $z 83-old-protocol 'setup header: version is 1.00' 518 0001
damaged $z 83-syssize 'setup header: syssize says 68719476720 bytes' 500 ffffffff
damaged $z 83-payload-offset 'setup header: payload_offset 0xffffffff' 584 ffffffff
damaged $z 83-payload-length 'setup header: payload_offset .* payload_length 0xffffffff' 588 ffffffff
damaged $z 83-pref-address 'setup header: pref_address .* is not between' 600 ffffffffffffff00
damaged $z 83-kernel-alignment 'setup header: kernel_alignment 0x3' 560 03000000
cut $z 83-setup-cut 'setup header: setup_sects is 1, but the file ends' 600
cut $z 83-payload-cut 'setup header: payload_offset' 2000
cut $z 83-no-kernel-at-all 'is a boot sector' 512
cut $z 83-three-bytes 'is data of an unknown kind' 3
cut $z 83-empty 'is empty' 0
head -c 100000 /dev/urandom >k
# Not by chance something else: no magic of any kind is all zeros.
patch k 0 "$(printf '%01024d' 0)"
refused 1 "kernel 'k': is data of an unknown kind" 83-random -k k

# --- multiboot: the header is at 0x150 of the ELF file, at 0 of the other. Flags 4, checksum 8.
damaged multiboot/kludge 83-multiboot-checksum 'is data of an unknown kind' 8 00000000
damaged multiboot/kludge 83-multiboot-flags '.*flag' 4 13000100eb4f51e4
damaged multiboot/kludge 83-multiboot-load-end '' 20 ffffffff
damaged multiboot/kludge 83-multiboot-entry '.*entry' 28 00000000

# --- 84: the command line
cp "$seeds/$z" k
refused 1 "kernel 'k': the command line has 5000 characters, this kernel takes at most 255" 84-too-long \
	-k k -p "$(head -c 5000 /dev/zero | tr '\0' x)"
printf '{ "boot": { "kernel": "k", "cmdline": "a\\u0000b" } }' >c.json
refused 2 "--config: 'c.json', line 1" 84-nul-in-json --config c.json

# --- 86: what is no file
mkdir d
refused 1 "kernel 'd': is a directory" 86-directory -k d
refused 1 "initrd 'd': is a directory" 86-initrd-directory -k k -i d
refused 1 "kernel '/dev/zero': is a character device" 86-device -k /dev/zero
refused 1 "kernel 'nothing': cannot open it: No such file" 86-no-file -k nothing
refused 1 "initrd 'nothing': cannot open it: No such file" 86-initrd-no-file -k k -i nothing
truncate -s 20G sparse
refused 1 "kernel 'sparse': has 20480 MiB, the limit is 2048 MiB" 86-huge-sparse-kernel -k sparse
refused 1 "initrd 'loop': cannot open it: Too many levels" 86-symlink-loop -k k -i "$(ln -s loop loop; echo loop)"
if [ "$(id -u)" = 0 ]; then
	skip 86-not-readable "root may read anything"
else
	: >secret
	chmod 0 secret
	refused 1 "kernel 'secret': cannot open it: Permission denied" 86-not-readable -k secret
fi
refused 1 "kernel '/proc/self/fd/0'" 86-socket-or-null -k /proc/self/fd/0

# --- 87: numbers
for bad in 0 1 15M 16777217B 1.3K 1e3 0x100 -1G 18446744073709551616 17592186044416M 99999999999999999999G 1E '' ' 5' 5X; do
	refused 2 "-m: '$bad'" "87-memory '$bad'" -k k -m "$bad"
done
for bad in 0 4097 -1 1.5 ' 1' two 18446744073709551617 ''; do
	refused 2 "-c: '$bad'" "87-cpus '$bad'" -k k -c "$bad"
done
for bad in 0 -1 5x 1e9h 99999999999999999999h; do
	refused 2 "--timeout: '$bad'" "87-timeout '$bad'" -k k --timeout "$bad"
done
for bad in 0 65533 -1 0x10000 x; do
	refused 2 "--debug-exit: '$bad'" "87-debug-exit '$bad'" -k k --debug-exit "$bad"
done
refused 2 '--sockets 4096, --cores 4096' 87-topology-overflows -k k --sockets 4096 --cores 4096 --threads 4096
refused 2 "--cpu: unknown CPU model 'hots'; did you mean 'host'" 87-cpu-model -k k --cpu hots
refused 2 "--cpu: unknown CPU feature 'avx3'" 87-cpu-feature -k k --cpu host,+avx3
refused 2 "--cpu: an empty name" 87-cpu-empty -k k --cpu host,,
refused 2 "--cpu: no CPU model or feature has a name as long" 87-cpu-endless -k k --cpu "$(head -c 9999 /dev/zero | tr '\0' x)"

# --- configuration files
yes '[' | head -n 100000 | tr -d '\n' >c.json
refused 2 "--config: 'c.json', line 1" 86-config-nested --config c.json
refused 2 "--config: cannot read '.': Is a directory" 86-config-directory --config .
refused 2 "--config: '/dev/zero' has more than" 86-config-endless --config /dev/zero
printf '\xff\xfe{}' >c.json
refused 2 "--config: 'c.json', line 1" 86-config-not-utf8 --config c.json
# --- 103: what the terminal would act on
printf '{ "boot": { "kernel": "k\\u001b[2J" } }' >c.json
refused 1 "kernel 'k\\\\x1b\[2J': cannot open it" 103-kernel-name --config c.json
printf '{ "\\u001b]0;x\\u0007": 1 }' >c.json
refused 2 "--config: 'c.json'.*\\\\x1b" 103-key --config c.json

finish
