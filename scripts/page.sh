#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Makes one file of the lens's page: style and script go inside, and the page's Content-Security-Policy
# names them by their hashes, so that nothing else of it is ever run.
#
#   scripts/page.sh SRC_DIR >PAGE
set -eu
src=$1
# One function around all of it: nothing of the page's is global.
script() {
	printf "\n'use strict';\n(() => {\n"
	for part in data words lanes view draw pick story search summary hands; do cat "$src/$part.js"; done
	printf '})();\n'
}
# CSP: "sha256-" and the base64 of the hash of what is between the tags, byte for byte.
hash() { sha256sum | cut -c1-64 | tr a-f A-F | basenc --base16 -d | base64; }
css=$(hash <"$src/page.css")
js=$(script | hash)
while IFS= read -r line; do
	case $line in
	@@CSS@@) printf '<style>'; cat "$src/page.css"; printf '</style>\n' ;;
	@@JS@@) printf '<script>'; script; printf '</script>\n' ;;
	*) line=${line//@@CSS-HASH@@/sha256-$css}; printf '%s\n' "${line//@@JS-HASH@@/sha256-$js}" ;;
	esac
done <"$src/page.html"
