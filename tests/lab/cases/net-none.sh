# SPDX-License-Identifier: MIT
# limit: 60
# Without -n there is no card.
own_network
run_guest -k $VMLINUX -i $INITRD.net -m 256M -p "$QUIET do=net tests=props"
expect_exit 0
expect_no_console '^guest: eth'
expect_console '^guest: props ok'
