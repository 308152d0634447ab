# SPDX-License-Identifier: MIT
# Features taken away are gone; the baseline model has what x86-64-v2 has and not AVX.
run_guest --cpu host,-avx2,-rdrand -p "$QUIET do=flags" -m 256M
expect_exit 0
expect_console '^guest: flags .* sse4_2 '
expect_no_console '^guest: flags .* avx2 '
expect_no_console '^guest: flags .* rdrand '
run_guest --cpu baseline -p "$QUIET do=flags" -m 256M
expect_exit 0
expect_console '^guest: flags .* sse4_2 '
expect_console '^guest: flags .* popcnt '
expect_no_console '^guest: flags .* avx '
