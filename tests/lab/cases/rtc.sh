# SPDX-License-Identifier: MIT
# The clock has the host's date, and an alarm interrupts.
guest_does rtc
now=$(date -u +%s)
for k in date rtc; do
	t=$(sed -n "s/^guest: $k \\([0-9]*\\)$/\\1/p" $DIR/out)
	expect [ "${t:-0}" -gt $((now - 60)) ]
	expect [ "${t:-0}" -le $((now + 2)) ]
done
expect_output '^guest: rtc alarm interrupts [1-9]'
