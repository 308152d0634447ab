#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the documents say that can be checked: links lead somewhere, options exist, exit statuses are
# the program's, and the example of docs/device-howto.md compiles and passes its own test.
#
#   tests/docs/run.sh [TRAPEZE]        default: $TRAPEZE, build/trapeze. Libraries: $B, build.
#
# Output is TAP. Generated documents (docs/cli.md, docs/trapeze.1) are compared with the program's
# tables by make docs-check.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
B=${B:-build}
CC=${CC:-gcc}
TRAPEZE=${1:-${TRAPEZE:-$B/trapeze}}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
count=0 failed=0

[ -x "$TRAPEZE" ] || { echo "Bail out! no program '$TRAPEZE': run make"; exit 1; }

# result NAME [COMPLAINT]
result() {
	count=$((count + 1))
	if [ -z "${2:-}" ]; then
		echo "ok $count - $1"
	else
		failed=$((failed + 1))
		echo "not ok $count - $1"
		printf '%s\n' "$2" | sed 's/^/#   /'
	fi
}

documents=$(git ls-files -co --exclude-standard '*.md' 2>/dev/null) && [ -n "$documents" ] ||
	documents=$(find . -name '*.md' ! -path "./$B*" | sed 's|^\./||')

# --- links --------------------------------------------------------------------------------------

# The text without code: fenced and indented blocks, and spans.
prose() { # FILE
	awk '/^```/ { fence = !fence; next } !fence && !/^    / { gsub(/`[^`]*`/, ""); print }' "$1"
}

# A heading's anchor, as forges make it.
anchors() { # FILE
	awk '/^```/ { fence = !fence; next } !fence && /^#+ /' "$1" | sed 's/^#* *//' |
		tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

for d in $documents; do
	bad=
	while IFS= read -r link; do
		case $link in *://* | mailto:*) continue ;; esac
		file=${link%%#*} anchor=
		case $link in *'#'*) anchor=${link#*#} ;; esac
		target=$(dirname "$d")/$file
		[ -n "$file" ] || target=$d
		if [ ! -e "$target" ]; then
			bad="$bad'$link': there is no such file"$'\n'
		elif [ -n "$anchor" ] && ! anchors "$target" | grep -qxF -e "$anchor"; then
			bad="$bad'$link': that file has no such heading"$'\n'
		fi
	done < <(prose "$d" | grep -oE '\]\([^)]+\)' | sed 's/^](//; s/)$//')
	result "links of $d" "${bad%$'\n'}"
done

# --- options ------------------------------------------------------------------------------------

# Every option of the program in both forms, and its aliases: the rows of the generated reference.
"$TRAPEZE" internal docs md >"$tmp/reference" || result "the reference can be printed" "it cannot"
{
	grep '^- `.*--' "$tmp/reference"
	grep -oE 'Also --[a-z-]*' "$tmp/reference"
} | grep -oE -- '--[a-z][a-z0-9-]*' | sort -u >"$tmp/spelled"
sed 's/^--no-/--/; t; s/^--/--no-/' "$tmp/spelled" | sort -u - "$tmp/spelled" >"$tmp/options"

for d in $documents; do
	bad=
	# The lab's own options stand before the "--" of its command line.
	while IFS= read -r o; do
		grep -qxF -e "$o" "$tmp/options" || bad="$bad$o is no option of trapeze"$'\n'
	done < <(sed 's/tests\/lab\/lab run .*-- / /' "$d" | grep -oE -- '(^|[^-[:alnum:]])--[a-z][a-z0-9-]*' |
		grep -oE -- '--[a-z][a-z0-9-]*' | sort -u)
	result "options in $d" "${bad%$'\n'}"
done

# --- exit statuses ------------------------------------------------------------------------------

# verdict.c is the only place that knows; a row is "[VERDICT_X] = { STATUS, ADDS, ...".
status_of() { # KIND
	sed -n "s/.*\[VERDICT_$1\] = { \([0-9]*\), .*/\1/p" src/verdict/verdict.c
}
{
	status_of POWER_OFF
	status_of VMM_ERROR
	sed -n 's/^#define STATUS_USAGE *//p' include/vmm/cli.h
	for k in RESET CRASH PANIC TIMEOUT; do status_of $k; done
	echo "$(status_of SIGNAL)+N"
	echo "(V << 1) | 1"
} >"$tmp/statuses"

# The first column of the table (README.md), of the list (docs/cli.md), of the tagged paragraphs
# (docs/trapeze.1).
section() { # FILE: its section on the exit status
	awk '/^## |^\.SH / { inside = tolower($0) ~ /exit status$/; next } inside' "$1"
}
statuses_in() { # FILE
	# shellcheck disable=SC2016
	case $1 in
	*README.md) section "$1" | sed 's/\\|/\x01/g' | sed -n 's/^| \([(0-9][^|]*\) |.*/\1/p' | tr '\001' '|' ;;
	*.md) section "$1" | sed -n 's/^- `\([^`]*\)`:.*/\1/p' ;;
	*.1) section "$1" | sed -n 's/^\\fB\(.*\)\\fR$/\1/p' ;;
	esac
}
for d in README.md docs/cli.md docs/trapeze.1; do
	result "exit statuses in $d" "$(statuses_in "$d" | diff "$tmp/statuses" - | sed -n 's/^</missing:/p; s/^>/unknown:/p')"
done

# Outcomes of tests: docs/ci.md against src/verdict/outcome.c.
result "outcomes in docs/ci.md" "$(
	diff <(sed -n 's/^\t\[TEST_[A-Z_]*\] = { "\([a-z-]*\)", "[^"]*", \([0-9]*\), .*/\1 \2/p' src/verdict/outcome.c) \
		<(sed -n 's/^| `\([a-z-]*\)` | \([0-9]*\) |.*/\1 \2/p' docs/ci.md) |
		sed -n 's/^</missing:/p; s/^>/unknown:/p'
)"

# The debug-exit port's formula is the chip's, not the verdict's.
result "the debug-exit formula is the chip's" \
	"$(grep -qF 'val << 1 | 1' devices/chip/debugexit.c || echo "devices/chip/debugexit.c does not compute (V << 1) | 1")"

# --- the worked example -------------------------------------------------------------------------

# Each fence behind a line "<!-- file: PATH -->" is that file.
awk -v dir="$tmp/example" '
	/^<!-- file: .* -->$/ { name = dir "/" $3; next }
	/^```/ { if (inside) { close(name); name = ""; inside = 0 } else if (name != "") inside = 1; next }
	inside {
		if (!(name in made)) { made[name] = 1; d = name; sub(/\/[^\/]*$/, "", d); system("mkdir -p " d) }
		print >name
	}' docs/device-howto.md
example() {
	local libs
	libs=$(pkg-config --libs zlib liblz4 libzstd liblzma jansson 2>/dev/null) ||
		libs="-lz -llz4 -lzstd -llzma -ljansson"
	# shellcheck disable=SC2086
	$CC -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -I. -I"$tmp/example" -Wall -Wextra -Wshadow -Wconversion \
		-Werror -c -o "$tmp/tally.o" "$tmp/example/devices/chip/tally.c" &&
		$CC -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -I. -I"$tmp/example" -Wall -Wextra -Werror \
			-o "$tmp/test_tally" "$tmp/example/tests/unit/test_tally.c" "$tmp/tally.o" \
			"$B/libtest.a" "$B/libtrapeze.a" -lcmocka -lfdt $libs -pthread &&
		"$tmp/test_tally"
}
if [ -e "$B/libtest.a" ] && [ -e "$B/libtrapeze.a" ]; then
	example >"$tmp/log" 2>&1
	rc=$?
	result "the example of docs/device-howto.md works" "$([ $rc = 0 ] || tail -n 30 "$tmp/log")"
else
	count=$((count + 1))
	echo "ok $count - the example of docs/device-howto.md works # SKIP no '$B/libtest.a': make docs-check builds it"
fi

echo "1..$count"
[ $failed = 0 ]
