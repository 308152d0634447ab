# SPDX-License-Identifier: MIT
# A reader that goes away (SIGPIPE, EPIPE) does not end the guest either.
mkfifo $DIR/p
head -c 100 <$DIR/p >/dev/null &
(guest -p "console=ttyS0" -m 256M) >$DIR/p 2>$messages </dev/null
status=$?
expect_exit 0
