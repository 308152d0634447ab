# SPDX-License-Identifier: MIT
# What is typed reaches the guest, in order, once.
mkfifo $DIR/in
: >$console
(exec $V run -k $BZIMAGE -i $INITRD --timeout 40 -p "$QUIET do=echo" -m 256M <$DIR/in >$console 2>$messages) &
pid=$!
exec 3>$DIR/in
wait_console '^guest: listening'
for l in one two three end; do echo $l >&3; done
exec 3>&-
wait_guest
expect_exit 0
for l in one two three end; do expect_count 1 "^guest: heard <$l>"; done
