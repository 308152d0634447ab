# SPDX-License-Identifier: MIT
# limit: 200
# One command a guest: what becomes of it is what the host is told, and its output is apart from the
# console. The init is a second -i behind a user's initramfs, whose own /init it replaces; the drivers
# are modules there.
expect_verdict() { # VERDICT PACK-OPTION... -- COMMAND...
	want=$1
	shift
	run_command "$@"
	expect_exit 0
	expect_record "^hello ports 1$"
	expect_record "^$want"
	expect_record "^down 0$"
	expect_clean_boot
}
expect_verdict "end exited 0 out 0 err 0$" no-stdin -- true
expect_verdict "end exited 1 out 0 err 0$" no-stdin -- false
expect_verdict "end exited 42 out 4 err 6$" no-stdin -- sh -c 'echo out; echo error >/dev/stderr; exit 42'
expect [ "$(cat $DIR/out)" = out ]
expect [ "$(cat $DIR/err)" = error ]
expect_no_console '^(out|error)'
expect_verdict "end signal 9 out 0 err 0$" no-stdin -- sh -c 'kill -9 $$'
expect_verdict "end signal 11 out 0" no-stdin -- sh -c 'ulimit -c 0; kill -SEGV $$'
expect_verdict "end not-run 2 out 0 err 0 text /no/such/file$" no-stdin -- /no/such/file
expect_verdict "end not-run 2 out 0 err 0 text no-such-command$" no-stdin -- no-such-command
expect_verdict "end not-run 13 out 0 err 0 text /proc/version$" no-stdin -- /proc/version
expect_verdict "end not-run 2 out 0 err 0 text /no/such/dir$" no-stdin cwd=/no/such/dir -- true
