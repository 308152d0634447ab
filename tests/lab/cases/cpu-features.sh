# SPDX-License-Identifier: MIT
# Features taken away are gone; the baseline model has what x86-64-v2 has and not AVX.
guest_does flags --cpu host,-avx2,-rdrand
expect_output '^guest: flags .* sse4_2 '
expect_no_output '^guest: flags .* avx2 '
expect_no_output '^guest: flags .* rdrand '
guest_does flags --cpu baseline
expect_output '^guest: flags .* sse4_2 '
expect_output '^guest: flags .* popcnt '
expect_no_output '^guest: flags .* avx '
