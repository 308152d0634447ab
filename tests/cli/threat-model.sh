#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Does every test exist that docs/threat-model.md names?
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$top" || exit 1

file_of() {
	case $1 in
	cli/*) echo "tests/${1%.sh/*}.sh" ;;
	lab/*) echo "tests/lab/cases/${1#lab/}.sh" ;;
	*.sh/*) echo "tests/kvm/${1%.sh/*}.sh" ;;
	test_*) echo "tests/unit/${1%%/*}.c" ;;
	fuzz_*) echo "tests/fuzz/$1.c" ;;
	esac
}

exists() { # NAME
	local file case
	file=$(file_of "$1")
	case $1 in
	lab/* | fuzz_*) [ -f "$file" ] && return ;;
	esac
	# Names in shell tests may end in a variable: then the text in front of it counts.
	case=${1##*/}
	case=${case%\*}
	[ -f "$file" ] && grep -qF -- "$case" "$file" && return
	while case=${case%-*}; do
		[ -f "$file" ] && grep -qE -- "(^|[^a-z0-9])$case-\\$" "$file" && return
		case $case in *-*) ;; *) return 1 ;; esac
	done
}

missing=() cnt=0
while read -r name; do
	cnt=$((cnt + 1))
	exists "$name" || missing+=("$name")
done < <(sed -n 's/^| [0-9]* |.*| \([^|]*\) |$/\1/p' docs/threat-model.md | tr ' ' '\n' | grep .)
: >"$tmp/out"
printf '%s\n' "${missing[@]}" >"$tmp/err"
is "the tests of docs/threat-model.md exist" [ ${#missing[@]} = 0 ]
is "docs/threat-model.md names tests" [ $cnt -gt 90 ]
finish
