# SPDX-License-Identifier: MIT
# limit: 120
# A kernel that unpacks and moves itself is found by what it says; debuggers come and go while the
# guest runs, and the last one is torn away.
start_guest -p "$QUIET do=button" -m 256M --no-unpack --gdb unix:"$DIR/gdb.sock",nowait --timeout 110
wait_console 'guest: waiting for key 116' 60
session 'set pagination off' "target remote $DIR/gdb.sock" 'monitor slide' 'detach'
expect_gdb 'the kernel runs 0x[0-9a-f]+00000 above where it was linked'
slide=$(sed -n 's/^the kernel runs \(0x[0-9a-f]*\) above.*/\1/p' "$DIR/gdb")
session 'set pagination off' 'set confirm off' "symbol-file -o $slide $DIR/syms" "target remote $DIR/gdb.sock" \
	'break do_idle' 'continue' 'bt 2' 'info symbol $pc' 'print (char *)&linux_banner' 'shell kill -9 $PPID'
expect_gdb 'Breakpoint 1, 0x[0-9a-f]+ in do_idle'
expect_gdb 'Linux version 6'
kill -TERM $pid
wait_guest
expect_exit 0
expect_no_gdb 'Cannot|Error'
expect_clean_boot
