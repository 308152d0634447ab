#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Inputs that are found wrong only once there is a machine to put them into, inputs that change while they
# are read, and inputs that are odd but right. The numbers are those of docs/threat-model.md.
#
#   tests/kvm/inputs.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
cd "$tmp" || exit 1
real=(--protocol real --debugcon stdio --serial none)

# --- 81, 83: what does not fit
cp "$seeds/elf/vmlinux" k
patch k 160 0000000010000000 # p_memsz of the second segment
refused 1 "cannot load kernel 'k': PT_LOAD segment 1 needs guest memory" 81-bss-beyond-ram -k k -m 64M
cp "$seeds/elf/vmlinux" k
refused 1 "cannot load kernel 'k': PT_LOAD segment 0 needs guest memory" 81-segment-beyond-ram -k k -m 16M
cp "$seeds/bzimage/gzip" k
patch k 608 ffffff7f
refused 1 "cannot load kernel 'k': init_size: the kernel needs" 83-init-size-over-ram -k k -m 64M --no-unpack
cp "$seeds/bzimage/gzip" k
patch k 2100 ffffffffffffffff
refused 1 "cannot load kernel 'k': the gzip payload is corrupt" 83-payload-corrupt -k k --cache-dir "$tmp/cache"
is 83-corrupt-is-not-cached [ -z "$(find "$tmp/cache" -type f -size +1k 2>/dev/null)" ]

# --- 86: initrds
cp "$seeds/bzimage/gzip" k
truncate -s 2G sparse
refused 1 "cannot load kernel 'k': the initrd has 2097152 KiB" 86-initrd-over-ram -k k -i sparse -m 64M
truncate -s 20G sparse
refused 1 "cannot load kernel 'k': the initrd has 20971520 KiB" 86-initrd-huge-sparse -k k -i sparse
rm -f sparse

# --- 86: pipes are read once, and again after each reset
mkfifo fifo
cat "$guests/real_reboot.bin" >fifo &
run -k fifo "${real[@]}" --timeout 10
judge 0 '' 86-kernel-from-a-pipe
is 86-pipe-survives-resets [ "$(tr -d '\r' <"$tmp/out" | tail -n 1)" = 'boot 4' ]
# shellcheck disable=SC2002 # a pipe is what this is about
status=$(cat "$guests/real_hello.bin" | "$TRAPEZE" run -k /dev/stdin "${real[@]}" --timeout 10 >out 2>err; echo $?)
judge $PASS '' 86-kernel-from-standard-input

# --- 86: a file that changes under us is loaded or refused, and never anything else
changing() {
	local bad=0
	head -c 33554432 /dev/zero >big
	dd if="$guests/flat32_hole.bin" of=big conv=notrunc status=none
	(while :; do
		truncate -s 1M big
		truncate -s 32M big
	done) &
	children+=($!)
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		run -k big --protocol flat32 -m 128M --timeout 5 --quiet
		# Zeros behind the code do not matter to it, a file without its end does.
		case $status in
		"$PASS") ;;
		1) grep -q "became shorter while it was read" "$tmp/err" || bad=1 ;;
		*) bad=1 ;;
		esac
		[ $bad = 0 ] || break
	done
	kill "${children[-1]}"
	wait "${children[-1]}" 2>/dev/null
	unset 'children[-1]'
	if [ $bad = 0 ]; then ok "$1"; else not_ok "$1" "exit status $status"; fi
	rm -f big
}
wanted 86-file-changes-while-loading && changing 86-file-changes-while-loading

# The kernel is read again at a reset: if it is no longer there in full, that is the end.
cp "$guests/real_keys.bin" k
cut_before_reset() {
	mkfifo keys
	timeout -k 2 20 "$TRAPEZE" run -k k --protocol real --timeout 10 <keys >"$tmp/out" 2>"$tmp/err" &
	exec 7>keys
	wait_for 5 grep -q 'boot 01' "$tmp/out"
	: >k
	printf r >&7
	wait $!
	status=$?
	exec 7>&-
}
cut_before_reset
judge 1 "^trapeze: restarting the guest: .*kernel 'k': .*became shorter" 86-kernel-gone-before-reset

# --- 87: memory around the hole below 4 GiB, and more than there is
for size in 16M 17M 3071M 3G 3073M 4095M 4G 4097M 5G; do
	run -k "$guests/real_hello.bin" "${real[@]}" -m $size --timeout 5
	judge $PASS '' "87-memory-$size"
done
refused 1 '4095 TiB of guest memory do not fit in the [0-9]+-bit physical addresses of this CPU: at most' \
	87-memory-over-address-width -k "$guests/real_hello.bin" --protocol real -m 4095T
have=$(($(awk '/^(MemTotal|SwapTotal):/ { sum += $2 } END { print sum }' /proc/meminfo) / 1024))
refused 1 '.* of guest memory cannot be taken at once: the host has' 87-prefault-over-host-memory \
	-k "$guests/real_hello.bin" --protocol real -m $((have + 1024)) --prefault
run -k "$guests/real_hello.bin" "${real[@]}" -m $((have + 1024)) --timeout 5
judge $PASS 'the guest may use .*, the host has' 87-more-than-the-host-has
max=$("$TRAPEZE" doctor --json | sed -n 's/.*a guest may have \([0-9]*\) CPUs.*/\1/p')
if [ "${max:-4096}" -lt 4096 ]; then
	refused 1 "4096 CPUs are more than KVM allows on this host \($max\)" 87-cpus-over-kvm \
		-k "$guests/real_hello.bin" --protocol real -c 4096
else
	skip 87-cpus-over-kvm "this host's KVM allows as many as the option does, or does not say"
fi
refused 1 'building debug-exit port: debug exit at 0x3f8-0x3fb on the port bus overlaps' 87-debug-exit-on-a-device \
	-k "$guests/real_hello.bin" --protocol real --debug-exit 0x3f8

# --- outputs that cannot be
refused 1 "cannot create '/nonexistent/x'" 86-dump-dtb -k "$guests/real_hello.bin" --protocol real --dump-dtb /nonexistent/x
refused 1 "cannot make directory '/nonexistent/x'" 86-dump-acpi -k "$guests/real_hello.bin" --protocol real --dump-acpi /nonexistent/x
refused 1 "cannot open the log '/nonexistent/x'" 86-log-file -k "$guests/real_hello.bin" --protocol real --log-file /nonexistent/x
refused 1 "building serial ports: serial0: cannot open console file '/nonexistent/x'" 86-serial-file \
	-k "$guests/real_hello.bin" --protocol real --serial file:/nonexistent/x
refused 1 "cannot write '/dev/full': No space left" 86-dump-dtb-full -k "$guests/real_hello.bin" --protocol real --dump-dtb /dev/full

# --- 115: directories that cannot be shared
: >"$tmp/file"
share=(-k "$guests/real_hello.bin" --protocol real)
refused 1 "building shared directories: share0: cannot share the directory '/nonexistent': No such file" 115-none "${share[@]}" --share /nonexistent
refused 1 "building shared directories: share1: cannot share the directory '$tmp/file': Not a directory" 115-file "${share[@]}" --share "$tmp" --share "$tmp/file"
refused 1 "building shared directories: share0: '/proc/self' cannot be shared: what is in it is no data" 115-proc "${share[@]}" --share /proc/self,rw
refused 2 "the shares '/tmp' and '/etc' have the same tag, 'share1'" 115-same-tag "${share[@]}" --share /tmp,tag=share1 --share /etc
run "${share[@]}" --debugcon stdio --serial none --share "$tmp" --share /etc,tag=etc --timeout 20
judge $PASS '' 115-two-shares

# --- 94: memory that cannot be had
refused 1 "cannot open guest memory file '/nonexistent/x'" 94-no-directory -k "$guests/real_hello.bin" --protocol real \
	--mem-backing file --mem-path /nonexistent/x
if [ "$(cat /proc/sys/vm/nr_hugepages)" = 0 ]; then
	refused 1 'cannot allocate 64 MiB of guest memory' 94-no-huge-pages -k "$guests/real_hello.bin" --protocol real \
		-m 64M --hugepages 2M
else
	skip 94-no-huge-pages "this host has some"
fi

finish
