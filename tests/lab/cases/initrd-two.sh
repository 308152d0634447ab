# SPDX-License-Identifier: MIT
# Several initrds are one archive to the kernel, in order.
mkdir -p $DIR/r/do
echo 'echo "guest: from the second initrd"' >$DIR/r/do/second
(cd $DIR/r && find . | cpio -o -H newc >$DIR/second.cpio)
run_guest -i $INITRD -i $DIR/second.cpio -p "$QUIET do=second" -m 256M
expect_exit 0
expect_console '^guest: from the second initrd'
