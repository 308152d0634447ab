# SPDX-License-Identifier: MIT
# limit: 300
# trapeze test: eight tests, two at a time; a matrix, parts of it, retries; and a run that is
# interrupted still writes its report.
cat >$DIR/m.json <<END
{
  "kernels": [{ "name": "elf", "boot": { "kernel": "$VMLINUX" } },
              { "name": "bz", "boot": { "kernel": "$BZIMAGE" } }],
  "configs": [{ "name": "pci" }, { "name": "mmio", "board": { "virtio": "mmio" } }],
  "tests": [{ "name": "true", "command": ["true"] },
            { "name": "words", "command": ["sh", "-c", "echo \$0 \$A", "a  b"], "env": ["A=c"] }]
}
END
common="-i $INITRD -i /guest/initrd.modules -m 256M"
run_test 0 --bare $common -p "$QUIET" --matrix $DIR/m.json -j 2 --report tap
expect [ "$(grep -c '^ok ' $DIR/out)" = 8 ]
expect grep -q '^1\.\.8' $DIR/out
expect_said '8 tests, 8 pass'
run_test 0 --bare $common --matrix $DIR/m.json --list --filter '^elf/' --shard 2/2
expect [ "$(cat $DIR/out)" = "$(printf 'elf/pci/words\nelf/mmio/words')" ]
run_test 1 --retries 1 -- sh -c 'exit 5'
expect_said 'attempt 2 of 2 follows'
run_test 1 --repeat 3 --stop-at-failure --report tap -- false
expect [ "$(grep -c '^not ok ' $DIR/out)" = 3 ]
# Interrupted: all guests end, and the report says of each test what became of it.
$V test -k $VMLINUX $common -p "$QUIET" -j 2 --repeat 4 --report tap -- sleep 1000 >$DIR/out 2>$DIR/err &
pid=$!
sleep 12
guests=$(grep -ls "^PPid:[[:space:]]*$pid$" /proc/[0-9]*/status | cut -d/ -f3)
expect [ -n "$guests" ]
kill -INT $pid
wait $pid
status=$?
expect_exit 130
expect [ "$(grep -c '^not ok ' $DIR/out)" = 4 ]
for p in $guests; do expect [ ! -e /proc/$p ]; done
