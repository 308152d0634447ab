#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Writes docs/trapeze.1 and docs/cli.md, which the program prints from its own tables.
#
#   scripts/docs.sh [--check] TRAPEZE       --check: only say whether the ones in the tree are current
set -eu
check=false
if [ "$1" = --check ]; then
	check=true
	shift
fi
trapeze=$1
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
bad=0
for d in man:docs/trapeze.1 md:docs/cli.md; do
	"$trapeze" internal docs "${d%%:*}" >"$tmp"
	file=${d#*:}
	if $check; then
		if ! cmp -s "$tmp" "$file"; then
			echo "docs: '$file' is not what the program prints: make docs" >&2
			bad=1
		fi
	else
		mkdir -p docs
		cmp -s "$tmp" "$file" || cat "$tmp" >"$file"
	fi
done
exit $bad
