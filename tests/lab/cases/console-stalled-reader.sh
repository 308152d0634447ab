# SPDX-License-Identifier: MIT
# limit: 90
# A reader that stops reading never stops the guest: it powers off while the pipe is full, and was
# from the start.
mkfifo $DIR/p
sleep 80 <$DIR/p &
reader=$!
exec 4>$DIR/p
head -c 65536 /dev/zero >&4
(guest -p "$QUIET do=flood lines=2000" -m 256M) >&4 2>$messages </dev/null
status=$?
kill $reader
expect_exit 0
expect_message 'nobody read'
