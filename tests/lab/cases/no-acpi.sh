# SPDX-License-Identifier: MIT
# Without ACPI the MP table tells about the CPUs... to kernels that read one: the stock cloud kernel
# does not (CONFIG_X86_MPPARSE is off), so one CPU comes up, and the boot still ends well.
run_guest --no-acpi --mptable --no-reboot -p "$QUIET do=quiet end=reboot" -m 256M
expect_exit 32
