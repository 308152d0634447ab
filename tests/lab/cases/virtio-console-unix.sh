# SPDX-License-Identifier: MIT
# limit: 120
# A port on a socket: who connects is heard, who leaves is no longer waited for, who comes next is
# served, and one who comes meanwhile waits his turn.
(cd $DIR && cpio -id bin/guestctl <$INITRD 2>/dev/null)
start_guest -k $VMLINUX -i $INITRD.disk -m 256M -p "$QUIET do=ports what=echo wait_for=talk" --port talk=unix:$DIR/talk
i=0
while [ ! -S $DIR/talk ] && [ $i -lt 100 ]; do
	usleep 100000
	i=$((i + 1))
done
expect [ "$(stat -c %a $DIR/talk)" = 600 ]
say() { # WORD: connects, says it, and leaves when it has been answered
	local i=0
	mkfifo $DIR/words.$1
	$DIR/bin/guestctl dial $DIR/talk <$DIR/words.$1 >$DIR/answer.$1 &
	exec 9>$DIR/words.$1
	echo "$1" >&9
	while ! grep -q "^you said $1" $DIR/answer.$1 && [ $i -lt 400 ]; do
		usleep 100000
		i=$((i + 1))
	done
	kill $!
	exec 9>&-
}
say one
say two &
two=$!
say three
wait $two
for w in one two three; do expect grep -q "^you said $w" $DIR/answer.$w; done
say bye
wait_guest
expect_exit 0
expect_console '^guest: bye'
expect [ ! -e $DIR/talk ]
