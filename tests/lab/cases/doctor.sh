# SPDX-License-Identifier: MIT
# The lab's KVM is hardware virtualization as far as anything inside it can tell.
$V doctor >$console 2>$messages </dev/null
status=$?
cat $console
expect_exit 0
$V doctor --need hardware-kvm >$console 2>$messages </dev/null
status=$?
expect_exit 0
