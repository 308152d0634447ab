# SPDX-License-Identifier: MIT
# panic=-1 asks for a reset at once; the run still ends as a panic, not as a reset, not for ever.
run_guest -p "$QUIET end=panic do=quiet panic=-1" -m 256M
expect_exit 34
expect_count 1 'Kernel panic - not syncing: sysrq triggered crash'
