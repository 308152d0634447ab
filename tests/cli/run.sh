#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The command line as a person meets it: exit status and words of the built binary.
# Usage: tests/cli/run.sh PATH/TO/trapeze, or with the path in $TRAPEZE.
# Prints "ok" and "not ok" lines and, last, "N passed, N failed, N skipped"; exits with 1 if any failed.
# Nothing here starts a guest: everything ends before /dev/kvm is needed, or is a dry run.

set -u

T=${1:-${TRAPEZE:?usage: run.sh PATH/TO/trapeze}}
case $T in
*/*) ;;
*) T=./$T ;;
esac
[ -x "$T" ] || { echo "'$T' is not there or not executable" >&2; exit 2; }

passed=0 failed=0 skipped=0
dir=$(mktemp -d "${TMPDIR:-/tmp}/trapeze-cli.XXXXXX") || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

pass() { passed=$((passed + 1)); echo "ok $*"; }
fail() { failed=$((failed + 1)); echo "not ok $*"; sed 's/^/#  /' "$dir/out" "$dir/err"; }
skip() { skipped=$((skipped + 1)); echo "ok $* # SKIP"; }

# run ARG...: runs trapeze with no terminal anywhere; status in $status, output in $dir/out and $dir/err.
run() {
	"$T" "$@" <"/dev/null" >"$dir/out" 2>"$dir/err"
	status=$?
}

# expect STATUS WHERE TEXT NAME: after run. WHERE is out or err; TEXT must stand in it literally.
expect() {
	if [ "$status" -ne "$1" ]; then
		fail "$4: exit status $status, not $1"
	elif [ -n "$3" ] && ! grep -qF -e "$3" "$dir/$2"; then
		fail "$4: std$2 does not say: $3"
	else
		pass "$4"
	fi
}

# refused "WORDS" SENTENCE: WORDS (split at blanks) is a usage error that says exactly SENTENCE, on
# stderr alone.
refused() {
	# shellcheck disable=SC2086
	run $1
	if [ -s "$dir/out" ]; then
		fail "trapeze $1: something on stdout"
	elif ! grep -qxF -e "trapeze: $2" "$dir/err"; then
		fail "trapeze $1: does not say: $2"
	else
		expect 2 err "" "trapeze $1"
	fi
}

# --- verbs

run
expect 2 err "Usage: trapeze VERB" "no verb"
refused "rnu" "unknown verb 'rnu'; did you mean 'run'?"
refused "frobnicate" "unknown verb 'frobnicate'"
refused "-k bzImage" "'-k' stands where the verb belongs; did you mean 'trapeze run -k'?"
run --version
expect 0 out "trapeze " "--version"
run version
expect 0 out "trapeze " "version"
refused "version now" "'now' is one word too many: version takes none"
for form in help --help -h; do
	run $form
	expect 0 out "Usage: trapeze VERB" "$form"
done
for verb in run doctor completion help version; do
	run help $verb
	expect 0 out "Usage: trapeze $verb" "help $verb"
	run $verb --help
	expect 0 out "Usage: trapeze $verb" "$verb --help"
done
refused "help rnu" "unknown verb 'rnu'; did you mean 'run'?"
refused "help run doctor" "'doctor' is one word too many: help takes one verb"

# --- options that are not there, values that are not right

refused "run" "no kernel was given"
refused "run --kernl x" "unknown option '--kernl'; did you mean '--kernel'?"
refused "run -kernel x" "long options take two dashes: '--kernel', not '-kernel'"
refused "run -Z" "unknown option '-Z'"
refused "run -k" "-k wants a value: -k FILE"
refused "run -k -i rd" "-k wants a value (FILE), but the option '-i' follows"
refused "run -k a b" "'b' is no option, and the kernel is 'a' already"
refused "run a b" "'b' is one word too many: 'a' is taken as the kernel"
refused "run --no-acpi=on k" "--no-acpi takes no value, 'on' was given; use --acpi=on"
refused "run k -m 0" "-m: '0' (0 bytes) is too small: at least 16 MiB"
refused "run k -m 1" "-m: '1' (1 MiB) is too small: at least 16 MiB"
refused "run k -m -512M" "-m: '-512M' is negative: give a size such as 512M or 1.5G"
refused "run k -m 1.3G" "-m: '1.3G' is not a whole number of bytes"
refused "run k -m 512X" "-m: '512X' ends in 'X', which is no unit: use B, K, M, G or T (none means M)"
refused "run k -m 18446744073709551616" "-m: '18446744073709551616' is too large: 2^64 bytes or more"
refused "run k -m 17592186044416" "-m: '17592186044416' is too large: 2^64 bytes or more"
refused "run k -m 16777217B" "-m: '16777217B' (16777217 bytes) is not a multiple of 4 KiB"
refused "run k -c 0" "-c: '0' is too small: at least 1"
refused "run k -c -1" "-c: '-1' is negative: give a number from 1 to 4096"
refused "run k -c 4097" "-c: '4097' is too large: at most 4096"
refused "run k -c two" "-c: 'two' is not a number from 1 to 4096"
refused "run k -c 6 --cores 4" "6 CPUs (-c) cannot be made of --cores 4"
refused "run k --irqchip spilt" "--irqchip: 'spilt' is unknown; did you mean 'split'? (split, kernel or user)"
refused "run k --irqchip user -c 2" "--irqchip user has no APIC and so works with one CPU only, not with 2"
refused "run k --testdev --debugcon null" "--testdev and --debugcon null both want port 0xe9: leave one of them out"
refused "run k --timeout 0" "--timeout: '0' is no time at all: say \"none\" for no limit"
refused "run k --timeout 5x" "--timeout: '5x' ends in 'x', which is no unit: use ns, us, ms, s, m or h (none means s)"
refused "run k --serial tcp" "--serial: 'tcp' is unknown: use stdio, file:PATH, pty, unix:PATH, null or none"
refused "run k --mem-path x" "--mem-path 'x' is of use with --mem-backing file only"
refused "run k --mem-backing file" "--mem-backing file wants to know where: --mem-path PATH"
refused "run k --hugepages 1G" "-m: 512 MiB is no multiple of --hugepages 1 GiB"
refused "run k --entry 4096" "--entry is for flat binaries: --protocol real, flat32 or flat64"
run run k -m ""
expect 2 err "-m: '' is empty: give a size such as 512M or 1.5G" "run -m ''"
run run -k "$(printf 'a\033[2J')" b
expect 2 err 'a\x1b[2J' "control bytes do not reach the terminal"

# --- configuration files

config() {
	printf '%s' "$1" >"$dir/vm.json"
	run run --config "$dir/vm.json" --dump-config
}

refused "run --config /nonexistent/vm.json" "--config: cannot open '/nonexistent/vm.json': No such file or directory"
config '{ "memroy": { "size": "1G" } }'
expect 2 err "unknown key 'memroy'; did you mean 'memory'?" "config: unknown object"
config '{ "memory": { "sise": "1G" } }'
expect 2 err "unknown key 'memory.sise'; did you mean 'memory.size'?" "config: unknown key"
config '{ "memory": { "size": true } }'
expect 2 err "memory.size: wants a string such as \"512M\", or a number of MiB, not a boolean" "config: wrong type"
config '{ "memory": { "size": "0" } }'
expect 2 err "memory.size: '0' (0 bytes) is too small: at least 16 MiB" "config: wrong value"
config '{ "cpu": { "count": 1 }, "cpu": { "count": 2 } }'
expect 2 err "duplicate" "config: duplicate key"
config '{ "cpu": { "count": 1 }'
expect 2 err "line 1, column" "config: cut off"
config ''
expect 2 err "is empty" "config: empty file"
config '{ "memory": { "size": "1.5G" }, "boot": { "kernel": "k", "initrd": ["a"] } }'
expect 0 out '"size": "1536M"' "config: a good one"
cp "$dir/out" "$dir/again.json"
run run --config "$dir/again.json" --dump-config
if [ "$status" -eq 0 ] && cmp -s "$dir/out" "$dir/again.json"; then
	pass "--dump-config reads back"
else
	fail "--dump-config does not read back"
fi
if grep -q '"name"' "$dir/again.json"; then
	fail "--dump-config gives a VM without a name one that others have too"
else
	pass "--dump-config: no name stays none"
fi
run run -m 1G --config "$dir/again.json" --dump-config
expect 0 out '"size": "1G"' "flags win over a file that comes later"
"$T" run --dump-config >/dev/full 2>"$dir/err"
status=$?
: >"$dir/out"
expect 1 err "cannot write to standard output: No space left on device" "a full disk is noticed"

# --- completion and documentation

for shell in bash zsh fish; do
	run completion $shell
	expect 0 out "irqchip" "completion $shell"
	if command -v $shell >/dev/null; then
		if $shell -n "$dir/out" 2>"$dir/err"; then
			pass "$shell accepts it"
		else
			fail "$shell does not accept it"
		fi
	else
		skip "$shell is not installed: its script is not parsed"
	fi
done
refused "completion" "completion takes the name of one shell: bash, zsh or fish"
refused "completion fis" "no completion for the shell 'fis'; did you mean 'fish'?"
run internal docs man
expect 0 out ".TH TRAPEZE 1" "internal docs man"
if command -v groff >/dev/null; then
	if groff -man -Tascii -ww "$dir/out" 2>"$dir/err" >/dev/null && ! [ -s "$dir/err" ]; then
		pass "groff has no complaint"
	else
		fail "groff complains"
	fi
else
	skip "groff is not installed: the manual is not formatted"
fi

# --- doctor

refused "doctor --need hardware" "--need: 'hardware' is unknown; did you mean 'hardware-kvm'?"
refused "doctor now" "'now' is one word too many: doctor takes options only"
run doctor
works=$status
if [ "$works" -eq 0 ]; then
	expect 0 out "Guests can run here." "doctor"
else
	expect 1 out "No guest can run here." "doctor"
fi
run doctor --json
expect "$works" out '"can_run"' "doctor --json"
run doctor --need kvm
expect "$works" out "/dev/kvm" "doctor --need kvm"
run doctor --need hardware-kvm
if [ "$status" -le 1 ] && [ "$(wc -l <"$dir/out")" -eq 1 ] && ! [ -s "$dir/err" ]; then
	pass "doctor --need hardware-kvm: one sentence"
else
	fail "doctor --need hardware-kvm: not one sentence"
fi

# --- odd surroundings

"$T" help <&- >"$dir/out" 2>"$dir/err"
status=$?
expect 0 out "Usage" "stdin closed"
"$T" frobnicate >&- 2>"$dir/err"
status=$?
: >"$dir/out"
expect 2 err "unknown verb" "stdout closed"
"$T" frobnicate >"$dir/out" 2>&-
status=$?
: >"$dir/err"
expect 2 out "" "stderr closed"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
