# SPDX-License-Identifier: MIT
# limit: 150
# A stock kernel, walked through at the prompt: by name, by exit, by device.
step() { # OPTION...: commands are standard input
	echo "+ trapeze step $*"
	$V step -k $BZIMAGE -i $INITRD --timeout 140 "$@" >$console 2>$messages
	status=$?
	echo "exit status $status"
}

step -p "$QUIET" -c 2 -m 256M --rng on <<'EOF'
break start_kernel
continue
regs
pt start_kernel
print q[start_kernel] != 0
next
delete
break dev=pit0
continue
why
delete
to kernel_init
info cpus
virtq rng0
break kind=mmio,dev=ioapic0
exit
break dev=serial0
continue
irq
idt 14
gdt
dev serial0
trace 3
delete
to do_idle
virtq rng0 0
irq
quit
EOF
expect_exit 0
expect_console '^breakpoint 1: start_kernel \(0xffffffff'
expect_console '64-bit mode, privilege level 0'
expect_console '^=> ffffffff[0-9a-f]* .*; start_kernel$'
expect_console '^0xffffffff[0-9a-f]* is guest-physical .*executable$'
expect_console ' IO .*\(PIT '
expect_console '15.10 IOIO Intercepts'
expect_console '; kernel_init'
expect_console '^rng0, virtio-rng'
expect_console '^local APIC of CPU 1'
expect_console '#PF .*asm_exc_page_fault'
expect_console 'TSS, busy'
expect_console '^rng0 queue 0: split, 8 entries'
expect_console '; do_idle'

# Where it moves itself, names come when it has told where it is.
step -p "$QUIET" -m 256M --no-unpack <<'EOF'
break dev=serial0
continue
exit 200
info cpus
quit
EOF
expect_exit 0
expect_console '^\* 0  64-bit code at 0xffffffff[0-9a-f]* [a-z_0-9]*'
