#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The page of a recording in a browser: headless Chromium runs trace_html.js in it, in light and in dark.
# The pictures it takes stay in BUILD_DIR/trace_html.
#
#   tests/cli/trace_html.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
pictures=$B/trace_html
mkdir -p "$pictures"
cd "$tmp" || exit 1
recording=$B/cli/recording
[ -x "$recording" ] || { echo "Bail out! no '$recording': make cli"; exit 1; }

# --- the page
is recording "$recording" a.trace 3000
is page "$TRAPEZE" trace html a.trace -o page.html
"$TRAPEZE" trace summary a.trace >summary 2>err
count() { awk -v kind="$1" -v name="$2" 'index($0, kind) && index($0, name) { print $1 }' summary; }
thr=$(count 'IO OUT' 'COM1 THR') notify=$(count 'MMIO write' QueueNotify) exits=$(count '' 'all exits')
[ -n "$notify" ] || notify=$(count 'MMIO write' virtio-blk0)
is summary [ "$exits" = 3000 ]

if ! command -v chromium >/dev/null; then
	skip "page in a browser" "no chromium here"
	finish
	exit
fi

hash_of() { sha256sum | cut -c1-64 | tr a-f A-F | basenc --base16 -d | base64; }
# The page with the test in it, which its policy has to allow as well.
with_test() { # DARK: true, false
	local js sum
	js="const EXPECT = { exits: $exits, thr: ${thr:-0}, notify: ${notify:-0}, dark: $1 };
$(cat "$top/tests/cli/trace_html.js")"
	sum=$(printf '%s' "$js" | hash_of)
	sed "s|script-src '|script-src 'sha256-$sum' '|" page.html >head
	sed '/^<style>/,$d' head
	printf '<script>%s</script>\n' "$js"
	sed -n '/^<style>/,$p' head
}

# Each line of the test is one of ours.
report() { # SCHEME
	local line n=0
	while IFS= read -r line; do
		case $line in
		'ok '*) ok "$1: ${line#ok }" ;;
		'not ok '*) line=${line#not ok }; not_ok "$1: ${line%%: *}" "${line#*: }" ;;
		*) continue ;;
		esac
		n=$((n + 1))
	done < <(sed -n '/<pre id="results"/,/<\/pre>/p' dom | sed 's/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g')
	is "$1: the test came to its end" [ $n -gt 30 ]
}

for scheme in light dark; do
	dark=false blink=1
	[ $scheme = light ] || { dark=true blink=0; }
	with_test $dark >test.html
	# --virtual-time-budget: as much of the page's time, however long that takes here.
	HOME=$tmp timeout -k 5 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
		--disable-background-networking --disable-component-update --user-data-dir="$tmp/profile" \
		--blink-settings=preferredColorScheme=$blink --window-size=1440,900 --virtual-time-budget=120000 \
		--log-net-log="$tmp/net.json" --screenshot="$pictures/$scheme.png" --dump-dom \
		--enable-logging=stderr "file://$tmp/test.html" >dom 2>log </dev/null
	status=$?
	grep -a CONSOLE log >out # what a failure shows
	is "$scheme: chromium ends well" [ $status = 0 ]
	report $scheme
	is "$scheme: nothing on the console" [ ! -s out ]
	# What a page asks for has the page's process for its initiator; a file is no request of the network.
	is "$scheme: no request" test -z "$(grep -ao '"initiator":"file:[^}]*"url":"[a-z]*:' net.json | grep -v '"url":"file:' | head -1)"
	is "$scheme: a picture" [ -s "$pictures/$scheme.png" ]
done
finish
