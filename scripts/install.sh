#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs the program, its manual and its shell completions under $DESTDIR$PREFIX.
#
#   scripts/install.sh TRAPEZE
set -eu
trapeze=$1
to=${DESTDIR:-}${PREFIX:-/usr/local}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

put() { # MODE FILE DESTINATION
	install -D -m "$1" "$2" "$to/$3"
	echo "  $to/$3"
}
put 755 "$trapeze" bin/trapeze
"$trapeze" internal docs man >"$tmp/trapeze.1"
put 644 "$tmp/trapeze.1" share/man/man1/trapeze.1
for sh in bash:share/bash-completion/completions/trapeze zsh:share/zsh/site-functions/_trapeze \
	fish:share/fish/vendor_completions.d/trapeze.fish; do
	"$trapeze" completion "${sh%%:*}" >"$tmp/completion"
	put 644 "$tmp/completion" "${sh#*:}"
done
