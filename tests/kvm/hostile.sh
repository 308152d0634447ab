#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A host and a guest that mean us no good: limits, signals, memory that goes away, floods, death. The
# numbers are those of docs/threat-model.md.
#
#   tests/kvm/hostile.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
need_kvm
cd "$tmp" || exit 1
trap : PIPE # a guest that has ended does not read its keys
hello=(-k "$guests/real_hello.bin" --protocol real -m 16M --timeout 10)

# start NAME ARGUMENT...: the guest of keys in the background: $pid, its input is descriptor 7.
start() {
	rm -f keys "$tmp/out" # that of the last one said "boot 01", too
	mkfifo keys
	"$TRAPEZE" run -k "$guests/real_keys.bin" --protocol real -m 16M --timeout 30 "$@" \
		<keys >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	children+=("$pid")
	exec 7>keys
	wait_for 10 grep -q 'boot 01' "$tmp/out"
}

# Its end: $status.
end() {
	exec 7>&-
	wait "$pid"
	status=$?
	unset 'children[-1]'
}

alive() { kill -0 "$pid" 2>/dev/null; }

# --- 94: memory that goes away. A file that is truncated while the guest runs on it.
truncated() {
	start --mem-backing file --mem-path "$tmp/ram"
	truncate -s 0 ram
	printf mmmm >&7
	end
	judge 1 "^trapeze: guest memory in '$tmp/ram' was lost while the guest used it: the file became shorter" "$1"
	rm -f ram
}
wanted 94-file-truncated && truncated 94-file-truncated

# The same, found by the one who loads the kernel again.
truncated_reset() {
	start --mem-backing file --mem-path "$tmp/ram"
	truncate -s 0 ram
	printf r >&7
	end
	judge 1 "^trapeze: guest memory in '$tmp/ram' was lost" "$1"
	rm -f ram
}
wanted 94-file-truncated-at-reset && truncated_reset 94-file-truncated-at-reset

# A tmpfs too small for guest memory; needs a mount namespace of our own.
if unshare -rm true 2>/dev/null || unshare -m true 2>/dev/null; then
	ns=(unshare -m)
	[ "$(id -u)" = 0 ] || ns=(unshare -rm)
	mkdir small
	timeout 20 "${ns[@]}" sh -c 'mount -t tmpfs -o size=8M none small && exec "$@"' sh \
		"$TRAPEZE" run "${hello[@]}" --mem-backing file --mem-path small/ram >"$tmp/out" 2>"$tmp/err"
	status=$?
	judge 1 "^trapeze: cannot reserve space for guest memory file 'small/ram': No space left" 94-full-tmpfs
	timeout 20 "${ns[@]}" sh -c 'mount -t tmpfs -o size=64K none small && exec "$@"' sh \
		"$TRAPEZE" run "${hello[@]}" --serial file:small/log >"$tmp/out" 2>"$tmp/err"
	status=$?
	judge $PASS '' 94-console-file-system-small
else
	skip 94-full-tmpfs "no mount namespace to be had"
fi

# What the file held before is not the guest's; what lies behind guest memory is kept.
head -c 20000000 /dev/urandom >ram
tail -c 3000000 ram | cksum >before
run -k "$guests/real_reboot.bin" --protocol real -m 16M --timeout 10 --mem-backing file --mem-path ram
judge 0 '' 94-file-with-contents
is 94-file-keeps-its-tail cmp -s before <(tail -c 3000000 ram | cksum)
rm -f ram

# --- 95: limits. Whatever the limit, a run ends by its verdict or by a sentence and 1.
limited() { # NAME LIMIT...: ulimit's arguments
	local name=$1 lim
	shift
	wanted "$name" || return
	for lim; do
		# shellcheck disable=SC2086
		(ulimit -c 0; ulimit $lim; exec "$TRAPEZE" run "${hello[@]}" -c 2 --quiet) >"$tmp/out" 2>"$tmp/err" </dev/null
		status=$?
		case $status in
		"$PASS") continue ;;
		1) grep -q '^trapeze: ' "$tmp/err" && continue ;;
		127 | 139)
			# Perhaps the limit does not even let the C library start a program.
			# shellcheck disable=SC2086
			(ulimit -c 0; ulimit $lim; exec "$TRAPEZE" version) >/dev/null 2>&1 || continue
			;;
		esac
		not_ok "$name" "ulimit $lim: exit status $status"
		return
	done
	ok "$name"
}
if ! sanitized; then
	limits=()
	for kb in $(seq 2000 100 5000) $(seq 17000 90 26000) 60000 200000; do limits+=("-v $kb"); done
	limited 95-address-space "${limits[@]}"
	limits=()
	for kb in 0 32 64 96 128 160 192 256 512 1024; do limits+=("-d $kb"); done
	limited 95-data-segment "${limits[@]}"
else
	skip 95-address-space "a sanitizer needs terabytes of address space"
fi
limits=()
for n in $(seq 3 28) 40; do limits+=("-n $n"); done
limited 95-open-files "${limits[@]}"
limited 95-stack "-s 64" "-s 128" "-s 256"
run_fsize() {
	(ulimit -f 4; exec "$TRAPEZE" run "${hello[@]}" "$@") >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
}
run_fsize --mem-backing file --mem-path ram
judge 1 "^trapeze: cannot .* guest memory file 'ram': File too large" 95-file-size-of-memory
rm -f ram
(ulimit -f 1; exec "$TRAPEZE" run -k "$guests/real_flood.bin" --protocol real --timeout 20 --debugcon null \
	--serial file:flood) >"$tmp/out" 2>"$tmp/err" </dev/null
status=$?
judge $PASS 'bytes of guest output were lost' 95-file-size-of-console
is 95-file-size-was-kept [ "$(stat -c %s flood)" -le 1024 ]

# --- 96: signals
storm() { # NAME SIGNAL...: sent without a pause while the guest resets, prints and reads
	local name=$1 sig i
	shift
	wanted "$name" || return
	start -c 2
	for sig; do
		(while kill -"$sig" "$pid" 2>/dev/null; do :; done) &
		children=("$!" "${children[@]}")
	done
	for i in 1 2 3 4 5 6 7 8; do
		# Not before it is up again: a reset empties the UART.
		wait_for 10 grep -q "boot 0$i" "$tmp/out"
		printf 'mxr' >&7
	done
	wait_for 10 grep -q 'boot 09' "$tmp/out"
	printf q >&7
	end
	kill "${children[@]}" 2>/dev/null
	wait "${children[@]}" 2>/dev/null
	children=()
	judge $PASS '' "$name"
	is "$name-lost-nothing" [ "$(grep -c memory "$tmp/out")" = 8 ]
}
kick=$(kill -l RTMIN)
storm 96-storm "$kick" CHLD WINCH URG
storm 96-storm-stop-and-continue STOP CONT

# What would kill a program ends the run in order: console written out, verdict given.
for sig in INT QUIT HUP USR2 ALRM VTALRM IO PWR XCPU $((kick + 1)) RTMAX; do
	wanted "96-signal-$sig" || continue
	start
	printf abc >&7
	wait_for 5 grep -q abc "$tmp/out"
	kill -"$sig" "$pid"
	end
	n=$sig
	case $sig in [A-Z]*) n=$(kill -l "$sig") ;; esac
	judge $((128 + n)) 'stopped by a signal' "96-signal-$sig"
done
for sig in PIPE XFSZ USR1 "$kick"; do
	start
	kill -"$sig" "$pid"
	printf q >&7
	end
	judge $PASS '' "96-harmless-signal-$sig"
done
# nohup has it ignored.
trap '' HUP
start
trap - HUP
kill -HUP "$pid"
printf q >&7
end
judge $PASS '' 96-nohup

# --- 100: descriptors. All of ours are closed at exec, and resets neither leak nor grow.
fds() { find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"; }
inherited() { # those above standard error that a child would get
	local f
	for f in "/proc/$pid"/fdinfo/*; do
		[ "${f##*/}" -le 2 ] && continue
		awk -v f="${f##*/}" '/^flags/ && int(substr($2, length($2) - 6, 1)) % 4 < 2 { print f }' "$f"
	done
}
resets() {
	local mode=$1 i fds1 rss1 name=100-resets-$1
	wanted "$name" || return
	start --irqchip "$mode" --serial stdio --serial file:com2 --log-file log -v
	# Descriptors that the shell hands down (7 among them) are not trapeze's.
	is "100-close-on-exec-$mode" [ -z "$(inherited | grep -vxFf <(ls "/proc/$$/fd"))" ]
	for i in 1 2 3 4 5; do printf r >&7; wait_for 5 grep -q "boot 0$((i + 1))" "$tmp/out"; done
	fds1=$(fds) rss1=$(rss)
	for i in $(seq 6 55); do printf r >&7; wait_for 5 grep -q "boot $(printf %02x $((i + 1)))" "$tmp/out"; done
	is "$name-fds" [ "$(fds)" = "$fds1" ]
	if ! sanitized; then
		is "$name-rss" [ "$(($(rss) - rss1))" -lt 512 ]
	else
		skip "$name-rss" "a sanitizer's own memory grows"
	fi
	# 102: fifty-five resets are not fifty-five lines.
	is "102-resets-logged-$mode" [ "$(grep -c 'the guest resets' log)" -le 20 ]
	printf q >&7
	end
	judge $PASS '' "$name"
	rm -f log com2
}
for mode in split kernel user; do resets $mode; done

# --- 102: a guest that does everything wrong at every port, at full verbosity
run -k "$guests/real_ports.bin" --protocol real --timeout 20 --serial null --log-level debug
judge $PASS '' 102-ports-at-debug-level
is 102-log-is-short [ "$(wc -l <"$tmp/err")" -lt 60 ]

# --- 103: bytes that a terminal acts on come from the guest's console alone, never from us
printf p | timeout 20 "$TRAPEZE" run -k "$guests/real_keys.bin" --protocol real -m 16M --timeout 10 >"$tmp/out" 2>"$tmp/err"
status=$?
judge 34 'Kernel panic - not syncing: \\x1b\[2J' 103-panic-line
is 103-no-escapes-of-ours [ "$(tr -d '[:print:]\n\t' <"$tmp/err" | wc -c)" = 0 ]

# --- 61: a reader that goes away
for reader in true 'head -c 1'; do
	name="61-reader-gone ($reader)"
	wanted "$name" || continue
	{ timeout 20 "$TRAPEZE" run -k "$guests/real_flood.bin" --protocol real --timeout 10 2>"$tmp/err"; echo $? >st; } |
		$reader >/dev/null
	wait_for 10 [ -s st ]
	status=$(cat st)
	: >"$tmp/out"
	judge $PASS '' "$name"
	rm -f st
done

# --- 104: nothing is left behind, however it ends
left() { # NAME STATUS SIGNAL
	local name=104-left-by-$1 dir=$tmp/left
	wanted "$name" || return
	mkdir -p left/home left/ram
	cp "$seeds/bzimage/gzip" k
	(cd left/home && TMPDIR=$dir/home XDG_CACHE_HOME=$dir/cache exec "$TRAPEZE" run -k "$tmp/$4" \
		--protocol "$5" -m 64M --mem-backing file --mem-path "$dir/ram" \
		--serial pty --timeout 3) >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	if [ -n "$3" ]; then
		wait_for 5 grep -q console "$tmp/err"
		sleep 0.1
		kill -"$3" $pid
	fi
	wait $pid 2>/dev/null
	status=$?
	judge "$2" '' "$name"
	is "$name-nothing" [ -z "$(find left/home left/ram -mindepth 1)" ]
	is "$name-no-half-of-a-kernel" [ -z "$(find left/cache -name 'tmp-*' 2>/dev/null)" ]
	rm -rf left
}
cp "$guests/real_halt.bin" halt
left the-end 124 '' halt real
left a-crash 33 '' k auto
left SIGTERM 143 TERM halt real
if ! sanitized; then
	left SIGSEGV 139 SEGV halt real
else
	skip 104-left-by-SIGSEGV "the sanitizer's handler has another way to end"
fi
left SIGKILL 137 KILL halt real

finish
