# SPDX-License-Identifier: MIT
# limit: 90
# Console into a pipe, all of it, in order; status still true.
lines=3000
mkfifo $DIR/p
(cat $DIR/p >$console) &
reader=$!
(guest --timeout 80 -p "$QUIET do=flood lines=$lines" -m 256M) >$DIR/p 2>$messages </dev/null
status=$?
wait $reader
expect_exit 0
tr -d '\r' <$console | sed -n '/^guest: flood$/,/^guest: flood over$/p' | grep -E '^[0-9]+$' >$DIR/got
seq 1 $lines >$DIR/want
expect cmp $DIR/got $DIR/want
