# SPDX-License-Identifier: MIT
# limit: 90
# The default: PIC, PIT and IOAPIC in the VMM. Interrupts arrive through the IOAPIC.
run_guest --irqchip split -c 2 -p "console=ttyS0 do=irqs" -m 256M
expect_exit 0
expect_console 'guest: irq .*IO-APIC +4-edge +ttyS0'
expect_console '^guest: clockevent lapic'
expect_clean_boot
