#!/bin/bash
# SPDX-License-Identifier: MIT
#
# trapeze trace summary, diff, html and perfetto: what they say, parts of recordings, and files that
# cannot be read or written.
#
#   tests/cli/trace_views.sh [TRAPEZE [BUILD_DIR]]
set -u
# shellcheck source=tests/lib/tap.sh
. "$(dirname "$0")/../lib/tap.sh"
cd "$tmp" || exit 1
recording=$B/cli/recording
[ -x "$recording" ] || { echo "Bail out! no '$recording': make cli"; exit 1; }
"$recording" a.trace 3000 && "$recording" b.trace 1500 || { echo "Bail out! no recording"; exit 1; }

# trace STATUS NAME ARGUMENT...: runs, and expects the exit status.
trace() {
	local want=$1 name=$2 rc
	shift 2
	timeout -k 2 60 "$TRAPEZE" trace "$@" >out 2>err </dev/null
	rc=$?
	if [ $rc = "$want" ]; then ok "$name"; else not_ok "$name" "exit status $rc, not $want: trace $*"; fi
}
says() { # NAME REGEX [FILE]
	if grep -qE -- "$2" "${3:-out}"; then ok "$1"; else not_ok "$1" "does not say '$2'"; fi
}
sentence() { # NAME REGEX: one, and maybe hints; nothing else
	says "$1" "^trapeze: $2" err
	# Of what was read there is something to say as well.
	is "$1, one sentence" [ "$(grep -v 'records were lost' err | grep -vc '^  ')" = 1 ]
}
nothing_left() { is "$1 leaves nothing" test -z "$(find . -name 'new*')"; } # NAME

# --- summary
trace 0 summary summary a.trace
says summary-rows '^ +[0-9]+ +[0-9.]+% +.* IO OUT +COM1 THR$'
says summary-total '^ +3000 .* all exits$'
says summary-time '^all vCPUs .* 70\.0% '
says summary-devices '^ +[0-9]+ .* virtio-blk0 \(virtio-blk\)$'
says summary-requests 'I/O requests: p50'
says summary-unused '^Not used: </script><b>x \(<img src=x>\), rtc \(mc146818\)$'
says summary-unseen 'KVM handled 12000'
says summary-lost '^3 records were lost'
is summary-width [ "$(wc -L <out)" -le 120 ]
trace 0 summary-rows-limited summary a.trace -n 3
says summary-rows-limited 'other registers'
trace 0 summary-filter summary a.trace dev=serial0
is summary-filter-only [ -z "$(grep -E 'PIT|HLT +until' out)" ]
says summary-filter-said 'part of the recording'
trace 0 summary-part summary a.trace --from 10ms --to 20ms
says summary-part-said 'part of the recording'
trace 1 summary-filter-bad summary a.trace dev=serial7
says summary-filter-bad 'serial0' err

# --- a recording that was cut
head -c 200000 a.trace >cut.trace
trace 0 summary-cut summary cut.trace
says summary-cut 'recording is cut'
says summary-cut-time 'How time was split is not known'
trace 0 html-cut html cut.trace -o new.html
says html-cut '"cut": "' new.html
trace 0 perfetto-cut perfetto cut.trace -o new.json
says perfetto-cut '"cut": "' new.json
rm -f new.*

# --- diff
trace 0 diff diff a.trace b.trace
says diff-head '^ exits A +B +change'
says diff-saved '^B against A: 1500 exits \(50\.0 %\) saved'
trace 0 diff-added diff b.trace a.trace
says diff-added '^B against A: 1500 exits \(100\.0 %\) added'
trace 0 diff-same diff a.trace a.trace
says diff-same 'no exits more or less'
trace 2 diff-one diff a.trace

# --- perfetto
trace 0 perfetto perfetto a.trace -o new.json
is perfetto-json perl -MJSON::PP -0777 -e 'my $j = decode_json(<STDIN>); exit !(@{$j->{traceEvents}} > 6000)' <new.json
trace 0 perfetto-stdout perfetto a.trace -o -
is perfetto-stdout-same cmp out new.json
rm -f new.json

# --- html
trace 0 html html a.trace -o new.html
is html-mode [ "$(stat -c %a new.html)" = 644 ]
is html-hostile-names [ "$(grep -c '<b>\|<img\|document.title = .taken' new.html)" = 0 ]
says html-filtered '"filtered": false' new.html
trace 0 html-again html a.trace dev=serial0 --from 1ms -o new.html
says html-again '"filtered": true' new.html
trace 0 html-stdout html a.trace -o -
says html-stdout '^</html>$'
rm -f new.html

# --- what cannot be
trace 1 no-output html a.trace
sentence no-output 'trace html: where is it to be written'
trace 1 no-directory html a.trace -o none/new.html
sentence no-directory "cannot write 'none/new.html': No such file"
trace 1 full-disk html a.trace -o /dev/full
says full-disk "cannot write '/dev/full': No space left" err
trace 1 no-file html none.trace -o new.html
sentence no-file ".*none.trace"
nothing_left no-file
echo 'no recording' >text
trace 1 no-recording perfetto text -o new.json
sentence no-recording ".*text"
nothing_left no-recording
(ulimit -f 64 && trap '' XFSZ && exec timeout 60 "$TRAPEZE" trace html a.trace -o new.html) >out 2>err
is too-little-room [ $? = 1 ]
says too-little-room "cannot write 'new.html': File too large" err
nothing_left too-little-room
finish
