#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Prints, as Makefile settings, the hardening flags that a compiler takes. Compilers differ in
# spelling (clang 14 wants a second flag before it zeroes locals) and in what they have at all.
#
#   scripts/probe-cc.sh 'CC'
cc=$1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
printf 'int main(void) { return 0; }\n' >"$dir/t.c"

$cc -c -o "$dir/t.o" "$dir/t.c" || {
	echo "probe-cc: '$cc' cannot compile an empty program (make deps installs gcc and clang)" >&2
	exit 1
}
takes() { $cc -Werror -O2 "$@" -c -o "$dir/t.o" "$dir/t.c" 2>/dev/null; }

harden=
takes -fstack-protector-strong && harden="$harden -fstack-protector-strong"
zero=-ftrivial-auto-var-init=zero
late=-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang
if takes $zero; then
	harden="$harden $zero"
elif takes $zero $late; then
	harden="$harden $zero $late"
fi
fortify=
for level in 3 2; do
	if takes -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$level; then
		fortify="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$level"
		break
	fi
done
printf 'HARDEN_CC  :=%s\nFORTIFY_CC := %s\n' "$harden" "$fortify"
