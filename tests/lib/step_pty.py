# SPDX-License-Identifier: MIT
"""step_pty.py TRAPEZE GUESTS: the prompt of `trapeze step` on a terminal: keys, history, completion,
Ctrl-C at the prompt and while the guest runs, Ctrl-D. Exits with 0 if all is as it should be."""
import os
import pty
import select
import sys
import termios
import time

trapeze, guests = sys.argv[1:3]


class Session:
    def __init__(self, guest, *options):
        pid, fd = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "vt100"
            # libedit does not free the names of functions that were added to it.
            os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
            os.execv(trapeze, [trapeze, "step", "-k", f"{guests}/{guest}.bin", "--protocol", "real",
                               "-m", "16M", "--timeout", "60", *options])
        self.pid, self.fd, self.seen = pid, fd, b""
        self.before = None

    def expect(self, what, seconds=20):
        """Reads until @what, and returns all in front of it."""
        end = time.monotonic() + seconds
        while what not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            try:
                data = os.read(self.fd, 65536) if ready else b""
            except OSError:
                data = b""
            if not data:
                sys.exit(f"'{what!r}' does not come after {self.seen!r}")
            self.seen += data
        at = self.seen.index(what) + len(what)
        head, self.seen = self.seen[:at], self.seen[at:]
        return head

    def type(self, keys):
        os.write(self.fd, keys)

    def ends(self, status):
        while True:
            try:
                if not os.read(self.fd, 65536):
                    break
            except OSError:
                break
        _, raw = os.waitpid(self.pid, 0)
        got = os.waitstatus_to_exitcode(raw)
        if got != status:
            sys.exit(f"exit status {got}, not {status}")


def check(what, good):
    if not good:
        sys.exit(f"not so: {what}")
    print(f"ok: {what}")


s = Session("real_spin")
s.expect(b"(step) ")
edits, patience = False, time.monotonic() + 2
while not edits and time.monotonic() < patience:
    edits = termios.tcgetattr(s.fd)[3] & termios.ICANON == 0
print("lines are edited" if edits else "no libedit here: plain lines")

s.type(b"print 1+1\r")
check("an answer", b"0x2 = 2" in s.expect(b"\n(step) "))
if edits:
    s.type(b"pri\t2+2\r")
    check("a command is completed", b"0x4 = 4" in s.expect(b"\n(step) "))
    s.type(b"dev seri\t\r")
    check("a device is completed", b"serial0, ns16550" in s.expect(b"\n(step) "))
    s.type(b"d\t")
    check("several ways are shown", b"delete" in s.expect(b"dev"))
    s.type(b"\x15")  # Ctrl-U
    s.type(b"\x1b[A\r")
    check("what was typed comes back", b"serial0, ns16550" in s.expect(b"\n(step) "))
    s.type(b"half a line")
    s.expect(b"half a line")
    s.type(b"\x03")
    s.expect(b"\n(step) ")
    s.type(b"print 5\r")
    check("Ctrl-C drops a line", b"0x5 = 5" in s.expect(b"\n(step) "))
s.type(b"step\r")
s.expect(b"\n(step) ")
s.type(b"\r")
check("an empty line steps on", b"=> 00007c06" in s.expect(b"\n(step) "))
s.type(b"continue\r")
s.expect(b"0xe9| busy")
s.type(b"\x03")
check("Ctrl-C stops the guest", b"stopped" in s.expect(b"\n(step) "))
s.type(b"\x04")
s.ends(0)
print("ok: Ctrl-D is quit")

s = Session("real_hello", "-x", "continue")
text = s.expect(b"COM1> no newline here")
check("the guest's lines are their own", b"0xe9| hello from port 0xe9\r\n" in text)
s.expect(b"\n(step) ")
s.type(b"quit\r")
s.ends(85)
print("ok: the guest's status is ours")
