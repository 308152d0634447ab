# SPDX-License-Identifier: MIT
# limit: 150
# A stock gdb debugs the booting stock kernel by name: the session of docs/debugging.md.
start_guest -p "$QUIET" -c 2 -m 256M --gdb tcp::1234 --timeout 140
session 'set pagination off' 'set confirm off' \
	'target remote 127.0.0.1:1234' \
	'break start_kernel' 'continue' 'backtrace 2' 'print/x $cr3' 'stepi' 'stepi' 'stepi' 'info symbol $pc' 'x/3i $pc' \
	'delete' 'set can-use-hw-watchpoints 0' 'watch *(char *)&early_boot_irqs_disabled' 'continue' \
	'delete' 'break kernel_init' 'continue' 'bt 2' \
	'delete' 'break do_idle' 'continue' 'info threads' 'monitor slide' 'monitor irq' \
	'delete' 'continue'
wait_guest
expect_exit 0
expect_gdb 'Breakpoint 1, 0xffffffff.* in start_kernel'
expect_gdb '#0 .* in start_kernel'
expect_gdb '^start_kernel( \+ [0-9]+)? in section'
expect_gdb 'New value = 1'
expect_gdb 'Breakpoint 3, .* in kernel_init'
expect_gdb '#1 .* in ret_from_fork'
expect_gdb 'Breakpoint 4, .* in do_idle'
expect_gdb 'Thread 2 \(CPU 1, ring 0, 64-bit code\)'
expect_gdb 'the kernel runs 0 above where it was linked'
expect_gdb 'exited normally'
expect_no_gdb 'Cannot|Error|Ignoring packet|Remote connection closed'
expect_clean_boot
