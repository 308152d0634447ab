# SPDX-License-Identifier: MIT
# A small guest of our own writes 20 to the debug-exit port: (value << 1) | 1, as QEMU gives it.
echo "+ trapeze run -k /guest/exit.elf"
$V run -k /guest/exit.elf -p 20 --timeout 20 >$console 2>$messages </dev/null
status=$?
expect_exit 41
