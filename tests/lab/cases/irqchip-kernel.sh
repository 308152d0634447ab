# SPDX-License-Identifier: MIT
# limit: 90
# PIC, PIT and IOAPIC in KVM.
run_guest --irqchip kernel -c 2 -p "console=ttyS0 do=irqs" -m 256M
expect_exit 0
expect_console 'guest: irq .*IO-APIC +4-edge +ttyS0'
expect_clean_boot
