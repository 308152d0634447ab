# SPDX-License-Identifier: MIT
# limit: 120
# A stock kernel boots as ever while everything is recorded, nothing of it is lost, and the summary of the
# recording names every device the board has.
run_guest -p "$QUIET" -m 256M --rng on --no-reboot --trace=summary --trace-out "$DIR/trace"
expect_exit 0
expect_console '^guest: cpus 1'
expect [ "$(grep -c 'records were lost' "$messages")" = 0 ]
expect_message '^ +[0-9]+ .* all exits'
$V trace summary "$DIR/trace" >"$DIR/out" || fail "no summary of the recording"
for d in pic0 ioapic0 pit0 rtc0 kbc0 port92 pm0 serial0 debugcon0 debugexit0 post0 pvpanic0 pci0 rng0 rng0-pci; do
	expect_output "(^|[ ,])$d( |\$)"
done
expect_output 'COM1 THR'
expect_output 'PIC1 IMR'
