# SPDX-License-Identifier: MIT
# limit: 90
# Everything in the VMM: one CPU, the PIC pair and the PIT, each interrupt injected by hand.
run_guest --stats --irqchip user -p "console=ttyS0 do=irqs" -m 256M --timeout 80
expect_exit 0
expect_console 'guest: irq .*XT-PIC +ttyS0'
expect_console 'guest: irq .*XT-PIC +timer'
# A guest that believed in a local APIC would look for it at 0xfee00000.
expect_message '^  exits .* 0 memory'
expect_clean_boot
