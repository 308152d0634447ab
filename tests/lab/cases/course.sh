# SPDX-License-Identifier: MIT
# limit: 90
# The course holds on hardware's KVM too: every lab but the third, which wants a compiler.
for number in 1 2 4 5 6 7 8 9 10 11; do
	echo "+ trapeze lab $number"
	$V lab $number >$console 2>$messages </dev/null
	status=$?
	expect_exit 0
	expect_console "^Lab $number: all .* claims hold"
done
