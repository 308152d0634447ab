# SPDX-License-Identifier: MIT
# No initrd and no root: the kernel says so and panics.
echo "+ trapeze run without initrd"
$V run -k $BZIMAGE -p "$QUIET panic=-1" -m 256M --no-reboot --timeout 40 >$console 2>$messages </dev/null
status=$?
expect_exit 34
expect_console 'VFS: Unable to mount root fs'
