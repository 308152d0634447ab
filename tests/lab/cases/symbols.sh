# SPDX-License-Identifier: MIT
# The symbols found in a kernel's image are those it shows itself, where it runs as it was linked.
guest_does kallsyms -p nokaslr
sum=$($V symbols $BZIMAGE | sort | md5sum | cut -c1-32)
expect_output "^guest: kallsyms $sum"
expect_output "^guest: kallsyms count $($V symbols $BZIMAGE | wc -l)"
sum2=$($V symbols $VMLINUX | sort | md5sum | cut -c1-32)
expect [ "$sum2" = "$sum" ]
# And by way of a symbol file.
$V symbols $BZIMAGE -o "$DIR/symbols.elf"
expect [ "$($V symbols "$DIR/symbols.elf" start_kernel)" = "$($V symbols $BZIMAGE start_kernel)" ]
