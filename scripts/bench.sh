#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make bench: what trapeze costs, next to its peers, measured in the same run. A table for people,
# BUILD/bench.json for machines.
#
#   scripts/bench.sh [PART...]        start, lab, trace, disk, net, test; none: all
#
# Exit status 1 if something could not be measured or misses its target.
#
# Start-up is measured on this host's /dev/kvm against a floor program that makes the bare ioctl
# calls; everything else in the lab, whose clock counts instructions, so that neither the machine nor
# what else it does matters. BENCH_RUNS (200): how often each start-up is measured.
set -u
B=${B:-build}
export B
cd "$(dirname "$0")/.." || exit 1
runs=${BENCH_RUNS:-200}
scripts/deps.sh bench || exit 1
make -s B="$B" all static firmware lab-files "$B/lab/peer.cpio" "$B/bench/spawn" "$B/bench/static/spawn" \
	"$B/bench/floor" "$B/bench/static/floor" "$B/bench/static/meter" || exit 1
metrics=$B/bench/metrics
: >"$metrics"
bad=0
parts=" ${*:-start lab trace disk net test} "
wanted() { [[ $parts = *" $1 "* ]]; }
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM

if ! wanted start; then
	:
elif [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	echo "bench: start-up on this host, $runs runs each ..."
	start() { # NAME STATUS CMD...
		local name=$1 want=$2 r
		shift 2
		if r=$("$B/bench/spawn" -n "$runs" -e "$want" -- "$@" 2>"$B/bench/err" </dev/null); then
			echo "$r" | awk -v n="$name" '{ printf "%s %.1f\n%s.wall %.1f\n", n, $2 / 1e3, n, $4 / 1e3 }' >>"$metrics"
		else
			echo "FAIL $name: $(tail -n 3 "$B/bench/err")"
			bad=1
		fi
	}
	# first NAME CMD NAME CMD: the median of what each says of its way to the first guest
	# instruction; in turns, so that what else the host does meets both alike.
	first() {
		local i
		: >"$B/bench/a"
		: >"$B/bench/b"
		for ((i = 0; i < runs; i++)); do
			$2 </dev/null 2>&1 | sed -n 's/^ *start *\([0-9]*\) us.*/\1/p' >>"$B/bench/a"
			$4 </dev/null 2>&1 | sed -n 's/^ *start *\([0-9]*\) us.*/\1/p' >>"$B/bench/b"
		done
		for i in "$1 $B/bench/a" "$3 $B/bench/b"; do
			sort -n "${i#* }" | awk -v n="${i% *}" '{ v[NR] = $1 } END { if (NR) print n, v[int((NR + 1) / 2)] }' >>"$metrics"
		done
	}
	first first.floor "$B/bench/floor start 256" \
		first.trapeze "$B/trapeze run -q --stats -m 256M -k $B/firmware/exit.elf --timeout 20"
	first first.floor.static "$B/bench/static/floor start 256" \
		first.trapeze.static "$B/static/trapeze run -q --stats -m 256M -k $B/firmware/exit.elf --timeout 20"
	start start.floor 0 "$B/bench/floor" start 256
	start start.floor.static 0 "$B/bench/static/floor" start 256
	start start.trapeze 41 "$B/trapeze" run -q -m 256M -k "$B/firmware/exit.elf" --timeout 20
	start start.trapeze.static 41 "$B/static/trapeze" run -q -m 256M -k "$B/firmware/exit.elf" --timeout 20
	save=$runs
	runs=$((runs / 10 + 1))
	start start.qemu 1 qemu-system-x86_64 -M q35 -enable-kvm -nodefaults -display none -m 256 \
		-bios "$B/firmware/bios_exit.bin" -device isa-debug-exit,iobase=0xf4,iosize=4
	runs=$save
else
	echo "bench: no access to /dev/kvm here: start-up is not measured"
fi

# A lab that dies or hangs (status 125) is the emulator's fault, about once in fifty guests and more
# often with disks: it is started afresh, which is said. What it had printed is dropped, so that no
# figure comes twice.
in_lab() { # OUT OPTION... -- CMD...
	local out=$1 try rc tries=${tries:-4}
	shift
	for ((try = 1; try <= tries; try++)); do
		LAB_FILES_MADE=1 tests/lab/lab run "$@" </dev/null >"$out"
		rc=$?
		[ $rc = 125 ] || return $rc
		[ $try = $tries ] || echo "bench: the lab died; once more, in a fresh one"
	done
	return $rc
}
rm -f "$B"/bench/out*
if wanted lab; then
	echo "bench: boot, exits and memory in the lab (two minutes or so) ..."
	in_lab "$B/bench/out.lab" --bench --peer --memory 2048 --timeout 420 --log "$B/bench/lab" \
		--file "/bench.sh=tests/bench/lab.sh" --file "/spawn=$B/bench/static/spawn" \
		--file "/floor=$B/bench/static/floor" -- sh /bench.sh || bad=1
	in_lab "$B/bench/out.memory" --smp 1 --peer --memory 2048 --timeout 300 --log "$B/bench/lab-memory" \
		--file "/bench.sh=tests/bench/memory.sh" -- sh /bench.sh || bad=1
fi
if wanted trace; then
	echo "bench: what a trace costs, in the lab (one minute or so) ..."
	in_lab "$B/bench/out.trace" --bench --memory 2048 --timeout 300 --log "$B/bench/lab-trace" \
		--file "/bench.sh=tests/bench/trace.sh" --file "/spawn=$B/bench/static/spawn" \
		--file "/floor=$B/bench/static/floor" -- sh /bench.sh || bad=1
fi
# A lab for each, two at a time: they count instructions, so that neither is in the other's way, and one
# that hangs takes no other's figures with it. QEMU's clock of instructions now and then stands still
# for ever; 200 s are many times what a measurement takes.
# Without SMAP and SMEP: with them the emulated machine gives a nested guest that does much I/O, be it
# trapeze's or QEMU's, a page fault at the start of a system call now and then, and the guest dies.
if wanted disk; then
	echo "bench: disks in the lab (two minutes or so) ..."
	disk() { # VMM WHAT
		in_lab "$B/bench/out.disk.$1.$2" --bench --peer --memory 2048 --cpu -smap,-smep --timeout 200 \
			--log "$B/bench/lab-disk.$1.$2" --file "/bench.sh=tests/bench/disk.sh" \
			--file "/spawn=$B/bench/static/spawn" --file "/meter=$B/bench/static/meter" -- sh /bench.sh "$@"
	}
	disks=()
	for d in "qemu raw" "trapeze raw" "qemu qcow2" "trapeze qcow2" "trapeze boot"; do
		if [ ${#disks[@]} -ge 2 ]; then
			wait "${disks[0]}" || bad=1
			disks=("${disks[@]:1}")
		fi
		# shellcheck disable=SC2086
		disk $d &
		disks+=($!)
	done
	for d in "${disks[@]}"; do wait "$d" || bad=1; done
fi
# The emulated machine hangs under a nested guest's network now and then, with QEMU as the guest's VMM
# as with trapeze: in a hang that was looked at, the guest waited for itself in an interrupt, as if it had
# come twice. Why is not proved. So each VMM has many labs that do little each, whose silence is noticed,
# and more tries.
if wanted net; then
	echo "bench: networks in the lab (four minutes or so) ..."
	net() { # VMM [JOBS]
		tries=5 in_lab "$B/bench/out.net.$1.${2:-all}" --bench --peer --store none --memory 2048 --cpu -smap,-smep \
			--stall 45 --timeout 300 --log "$B/bench/lab-net" --file "/bench.sh=tests/bench/net.sh" \
			--file "/meter=$B/bench/static/meter" -- sh /bench.sh "$@" 2>"$B/bench/err.net" ||
			{ bad=1; tail -n 5 "$B/bench/err.net"; }
	}
	for vmm in qemu trapeze; do
		for end in tap vhost; do
			net $vmm $end.tcp.out,$end.tcp.in
			net $vmm $end.udp.out,$end.udp.in,$end.rr
		done
		net $vmm-switch switch.tcp.out,switch.tcp.in
		net $vmm-switch switch.udp.out,switch.udp.in,switch.rr
		net $vmm-vsock
	done
	net trapeze-vhost-vsock
fi
if wanted test; then
	echo "bench: trapeze test in the lab (five minutes or so) ..."
	in_lab "$B/bench/out.test" --bench --memory 2048 --timeout 900 --log "$B/bench/lab-test" \
		--file "/bench.sh=tests/bench/test.sh" --file "/spawn=$B/bench/static/spawn" -- sh /bench.sh ||
		{ bad=1; tail -n 5 "$B/bench/out.test"; }
fi
cat /dev/null "$B"/bench/out.* 2>/dev/null | tr -d '\r' >"$B/bench/out"
sed -n 's/^metric //p' "$B/bench/out" >>"$metrics"
grep -v '^metric ' "$B/bench/out" || true

# Derived figures, the table, the JSON. A target is a limit; no target: a figure to compare with.
awk -v json="$B/bench.json" -v date="$(date -u +%Y-%m-%dT%H:%M:%SZ)" -v kernel="$(cat "$B/kernel/release")" \
	-v cpu="$(sed -n '/^model name/{s/^[^:]*: //;p;q}' /proc/cpuinfo)" '
	function row(name, text, unit, target,    v, verdict) {
		if (!(name in m)) { if (target != "") { printf "  %-52s %12s %-8s %s\n", text, "-", unit, "not measured"; unknown++ } ; return }
		v = m[name]
		verdict = ""
		if (target != "") {
			verdict = (v + 0 <= target + 0 ? "ok" : "OVER") " (at most " target ")"
			if (v + 0 > target + 0) over++
		}
		printf "  %-52s %12s %-8s %s\n", text, v, unit, verdict
		out = out sprintf("%s\n    {\"name\": \"%s\", \"value\": %s, \"unit\": \"%s\"%s}", out == "" ? "" : ",",
			name, v, unit, target == "" ? "" : ", \"target\": " target ", \"ok\": " (v + 0 <= target + 0 ? "true" : "false"))
	}
	function ratio(name, a, b) { if ((a in m) && (b in m) && m[b] > 0) m[name] = sprintf("%.3f", m[a] / m[b]) }
	{ m[$1] = $2 }
	END {
		ratio("first.ratio", "first.trapeze", "first.floor")
		ratio("first.ratio.static", "first.trapeze.static", "first.floor.static")
		ratio("start.ratio", "start.trapeze", "start.floor")
		ratio("start.ratio.static", "start.trapeze.static", "start.floor.static")
		ratio("start.ratio.qemu", "start.qemu", "start.floor")
		if (("memory.trapeze.5" in m) && ("memory.trapeze.1" in m))
			m["memory.trapeze.cpu"] = (m["memory.trapeze.5"] - m["memory.trapeze.1"]) / 4
		print "\nStart-up: CPU time from exec to the first guest instruction"
		row("first.floor", "floor: bare ioctl calls, libc shared", "us")
		row("first.trapeze", "trapeze", "us")
		row("first.ratio", "trapeze / floor", "times", "1.15")
		row("first.floor.static", "floor, static", "us")
		row("first.trapeze.static", "trapeze, static", "us")
		row("first.ratio.static", "trapeze / floor, static", "times", "1.15")
		print "\nThe same, out again and to the end of the process"
		row("start.floor", "floor: bare ioctl calls, libc shared", "us")
		row("start.trapeze", "trapeze", "us")
		row("start.ratio", "trapeze / floor", "times")
		row("start.floor.static", "floor, static", "us")
		row("start.trapeze.static", "trapeze, static", "us")
		row("start.ratio.static", "trapeze / floor, static", "times")
		row("start.qemu", "QEMU q35", "us")
		row("start.ratio.qemu", "QEMU / floor", "times")
		row("start.trapeze.wall", "trapeze, wall time", "us")
		row("start.qemu.wall", "QEMU q35, wall time", "us")
		print "\nBoot: VMM start, stock kernel, busybox init, reboot; 10^9 instructions; the same command line"
		row("boot.qemu.bzImage", "QEMU q35, bzImage", "G")
		row("boot.qemu.vmlinux", "QEMU q35, vmlinux by PVH", "G")
		row("boot.trapeze.bzImage", "trapeze, bzImage", "G", "1.5")
		row("boot.trapeze.bzImage.nounpack", "trapeze, bzImage that unpacks itself", "G")
		row("boot.trapeze.vmlinux", "trapeze, vmlinux", "G", "1.5")
		print "\nBoot with hints: trapeze its own, QEMU the same kind by hand"
		row("boot.qemu.bzImage.hints", "QEMU q35, bzImage", "G")
		row("boot.qemu.vmlinux.hints", "QEMU q35, vmlinux by PVH", "G")
		row("boot.trapeze.bzImage.hints", "trapeze, bzImage", "G", "0.65")
		row("boot.trapeze.vmlinux.hints", "trapeze, vmlinux", "G", "0.60")
		print "\nExit: inl from the ACPI PM timer, guest to user space and back"
		row("exit.floor", "floor: bare KVM_RUN loop", "instr")
		row("exit.qemu", "QEMU q35", "instr")
		row("exit.trapeze", "trapeze", "instr", "3650")
		print "\nTraces: the same exit, and a boot (bzImage, hints; 10^9 instructions)"
		ratio("trace.exit.ratio", "trace.exit.file", "trace.exit.floor")
		ratio("trace.boot.ratio", "trace.boot.file", "trace.boot.off")
		row("trace.exit.floor", "floor: bare KVM_RUN loop", "instr")
		row("trace.exit.off", "trapeze, not traced", "instr", "3650")
		row("trace.exit.file", "everything to a file", "instr")
		row("trace.exit.ratio", "everything to a file / floor", "times", "2.0")
		row("trace.exit.summary", "a summary at the end", "instr")
		row("trace.boot.off", "boot, not traced", "G")
		row("trace.boot.file", "boot, everything to a file", "G")
		row("trace.boot.ratio", "traced / not", "times", "1.5")
		row("trace.boot.size", "what the file takes", "KiB")
		print "\nMemory: private pages of the VMM, guest RAM aside, guest booted"
		row("memory.qemu.1", "QEMU q35, 1 CPU", "KiB")
		row("memory.trapeze.1", "trapeze, 1 CPU", "KiB", "1024")
		row("memory.trapeze.5", "trapeze, 5 CPUs", "KiB")
		row("memory.trapeze.cpu", "trapeze, each further CPU", "KiB", "64")
		print "\nDisks: instructions per request, everything from fio in the guest to the image; O_DIRECT, io_uring"
		jobs = split("randread.1 randwrite.1 randread.32 randwrite.32 read.1M write.1M", job, " ")
		split("4 KiB random read, depth 1|4 KiB random write, depth 1|4 KiB random read, depth 32|4 KiB random write, depth 32|1 MiB sequential read|1 MiB sequential write", what, "|")
		for (f = 1; f <= 2; f++) {
			format = f == 1 ? "raw" : "qcow2"
			for (i = 1; i <= jobs; i++) {
				q = "disk.qemu." format "." job[i]
				t = "disk.trapeze." format "." job[i]
				ratio(t ".ratio", t, q)
				ratio(t ".other.ratio", t ".other", q ".other")
				row(q, "QEMU, " format ", " what[i], "instr")
				row(t, "trapeze", "instr")
				row(t ".ratio", "trapeze / QEMU", "times", job[i] ~ /\.32/ ? "0.7" : "0.999")
				row(q ".other", "  of it in threads that are not the guest: QEMU", "instr")
				row(t ".other", "  trapeze", "instr")
				row(t ".other.ratio", "  trapeze / QEMU", "times")
			}
		}
		print "\nNetworks: instructions of everything from the program in the guest to the one on the host"
		traffic = split("tcp.out tcp.in udp.out udp.in rr", kind, " ")
		split("TCP from the guest|TCP to the guest|1470 byte datagrams from the guest|1470 byte datagrams to the guest|TCP round trip, 1 byte", what, "|")
		split("1/byte|1/byte|1/packet|1/packet|1/trip", per, "|")
		for (f = 1; f <= 2; f++) {
			end = f == 1 ? "tap" : "vhost"
			for (i = 1; i <= traffic; i++) {
				q = "net." end ".qemu." kind[i]
				t = "net." end ".trapeze." kind[i]
				ratio(t ".ratio", t, q)
				row(q, "QEMU, " end ", " what[i], per[i])
				row(t, "trapeze", per[i])
				row(t ".ratio", "trapeze / QEMU", "times", end == "tap" && kind[i] ~ /tcp/ ? "0.7" : "1.0")
				if (end == "tap") {
					ratio(t ".other.ratio", t ".other", q ".other")
					row(q ".other", "  of it in threads that are not the guest: QEMU", per[i])
					row(t ".other", "  trapeze", per[i])
					row(t ".other.ratio", "  trapeze / QEMU", "times")
				}
			}
		}
		# Two hops at the price of 1.3; streams of a vsock for no more than those of a tap. The kernel does
		# what QEMU has of vsock, so that it is compared with what trapeze has the kernel do.
		split("switch vsock vsock-vhost", ends, " ")
		split("VM to VM|vsock over a unix socket|vsock by the kernel", what, "|")
		for (f = 1; f <= 3; f++) {
			n = split(f == 1 ? "tcp.out tcp.in udp.out udp.in rr" : "out in rr", kind, " ")
			for (i = 1; i <= n; i++) {
				unit = kind[i] == "rr" ? "1/trip" : kind[i] ~ /udp/ ? "1/packet" : "1/byte"
				q = "net." (f == 3 ? "vsock" : ends[f]) ".qemu." kind[i]
				t = "net." ends[f] ".trapeze." kind[i]
				hop = "net.tap.trapeze." (f == 1 || kind[i] == "rr" ? "" : "tcp.") kind[i]
				ratio(t ".ratio", t, q)
				ratio(t ".hop", t, hop)
				row(q, "QEMU, " (f == 1 ? "VM to VM over a socket, " : "vhost-vsock, ") kind[i], unit)
				row(t, "trapeze, " what[f] ", " kind[i], unit)
				row(t ".ratio", "trapeze / QEMU", "times", f == 2 ? "" : "1.0")
				if (f < 3)
					row(t ".hop", "trapeze / its tap", "times", f == 1 ? "1.3" : kind[i] == "rr" ? "" : "1.0")
			}
		}
		print "\nBoot with PCI and a disk: vmlinux, with hints; 10^9 instructions"
		ratio("boot.disk.ratio", "boot.disk.with", "boot.disk.without")
		ratio("boot.disk.mmio.ratio", "boot.disk.mmio", "boot.disk.without")
		row("boot.disk.without", "no PCI, no disk", "G")
		row("boot.disk.pci", "PCI, no disk", "G")
		row("boot.disk.with", "PCI and a disk", "G")
		row("boot.disk.ratio", "PCI and a disk / without", "times", "1.08")
		row("boot.disk.mmio", "a disk on virtio-mmio", "G")
		row("boot.disk.mmio.ratio", "a disk on virtio-mmio / without", "times")
		row("boot.disk.root", "drivers loaded, root on the disk", "G")
		print "\nTests: 10^9 instructions, boot included"
		ratio("test.command.ratio", "test.command", "test.run.drivers")
		if (("test.one" in m) && ("test.fifty" in m)) m["test.fifty.ratio"] = sprintf("%.3f", m["test.fifty"] / (50 * m["test.one"]))
		row("test.run", "trapeze run, to the first instruction of the init", "G")
		row("test.run.drivers", "the same behind the drivers of a virtio console", "G")
		row("test.command", "trapeze test, to the first instruction of the command", "G")
		row("test.command.ratio", "trapeze test / trapeze run", "times", "1.05")
		row("test.one", "one test of true", "G")
		row("test.fifty", "fifty in one call, two at a time", "G")
		row("test.fifty.ratio", "fifty / fifty times one", "times", "1.03")
		printf "{\n  \"date\": \"%s\", \"kernel\": \"%s\", \"host_cpu\": \"%s\",\n  \"metrics\": [%s\n  ]\n}\n",
			date, kernel, cpu, out > json
		printf "\nbench: %d over their target, %d not measured; %s\n", over, unknown, json
		exit over > 0
	}' "$metrics" || bad=1
exit $bad
