# SPDX-License-Identifier: MIT
# limit: 120
# A kernel that has moved itself is known by its names all the same.
run_guest --no-unpack -p "$QUIET" -m 256M '--trace=addr=0x3f8'
expect_exit 0
expect_console '^guest: cpus 1'
expect_message ' IO OUT +0x3f8 \(COM1 THR\) <- .* \((io_serial_out|serial8250_[a-z_]*)\+0x[0-9a-f]+\) out dx, al'
expect [ "$(grep -c 'lost' "$messages")" = 0 ]
