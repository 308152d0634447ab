# SPDX-License-Identifier: MIT
# limit: 150
# A guest that lives for a while leaves its unpacked kernel in the cache, unasked; the next one takes
# it from there.
export XDG_CACHE_HOME=$DIR/cache
entries() { ls "$1" 2>/dev/null | grep -c '^vmlinux-'; }

run_guest -p "$QUIET do=quiet end=sleep" -m 256M --timeout 30
expect_exit 124
[ "$(entries $XDG_CACHE_HOME/trapeze)" = 1 ] || fail "nothing is kept in the cache"
before=$(stat -c %i $XDG_CACHE_HOME/trapeze/vmlinux-*)
run_guest -p "$QUIET do=quiet" -m 256M
expect_exit 0
[ "$(stat -c %i $XDG_CACHE_HOME/trapeze/vmlinux-*)" = "$before" ] || fail "the entry was made anew"

run_guest --cache-dir $DIR/other -p "$QUIET do=quiet end=sleep" -m 256M --timeout 30
expect_exit 124
[ "$(entries $DIR/other)" = 1 ] || fail "--cache-dir is not used"
run_guest --cache-dir "" -p "$QUIET do=quiet" -m 256M
expect_exit 0
