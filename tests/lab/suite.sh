#!/bin/busybox sh
# SPDX-License-Identifier: MIT
#
# Runs the cases inside the lab, LAB_JOBS at a time. People read the lines on standard output; the
# machine on the other side believes only those on ttyS2.
#
#   sh /suite.sh [CASE...]       names without .sh; none: all
jobs=${LAB_JOBS:-2}
state=/tmp/suite
mkdir -p $state

: >$state/queue
if [ $# = 0 ]; then
	for f in /cases/*.sh; do basename "$f" .sh; done >$state/queue
else
	for c; do
		if [ -e "/cases/$c.sh" ]; then
			echo "$c"
		else
			ls /cases | sed -n "s/^\($c.*\)\.sh$/\1/p" | grep . ||
				{ echo "suite: no case is called '$c'" >&2; touch $state/bad; }
		fi
	done >>$state/queue
fi
[ ! -e $state/bad ] || exit 2

lock() { until mkdir $state/lock 2>/dev/null; do usleep 2000; done; }
unlock() { rmdir $state/lock; }

next() { # takes the first name off the queue
	lock
	head -n 1 $state/queue
	sed -i 1d $state/queue
	unlock
}

run_case() { # NAME
	echo "start $1" >/dev/ttyS2
	dir=/tmp/case.$1
	mkdir -p "$dir"
	limit=$(sed -n 's/^# limit: \([0-9]*\).*/\1/p' "/cases/$1.sh")
	limit=${limit:-60}
	began=$(cut -d. -f1 /proc/uptime)
	# A session of its own, so that what the case leaves behind can be ended with it.
	CASE=$1 DIR=$dir setsid sh -c '. /lib.sh; . "/cases/$CASE.sh"; finish' >"$dir/log" 2>&1 </dev/null &
	pid=$!
	(
		sleep "$limit"
		echo "the case took longer than its $limit s" >>"$dir/log"
		kill -KILL -$pid
	) 2>/dev/null &
	dog=$!
	wait $pid
	rc=$?
	kill $dog 2>/dev/null
	kill -KILL -$pid 2>/dev/null
	took=$(($(cut -d. -f1 /proc/uptime) - began))

	lock
	case $rc in
	0)
		echo "ok $1 ($took s)"
		echo "pass $1" >/dev/ttyS2
		;;
	77)
		echo "ok $1 # SKIP $(cat "$dir/skip")"
		echo "skip $1: $(cat "$dir/skip")" >/dev/ttyS2
		;;
	*)
		echo "not ok $1 ($took s)"
		tail -n 15 "$dir/log" | sed 's/^/    /'
		for f in "$dir"/console* "$dir"/messages*; do
			[ -s "$f" ] || continue
			echo "    --- the end of ${f##*/}:"
			tail -n 50 "$f" | tr -d '\r' | sed 's/^/    | /'
		done
		echo "fail $1" >/dev/ttyS2
		touch $state/failed
		;;
	esac
	unlock
	rm -rf "$dir" "/store/case.$1" # the images: the next case has need of the room
}

worker() {
	while name=$(next) && [ -n "$name" ]; do run_case "$name"; done
}

# A sign of life for whoever waits outside: a case may be long and silent, a host may not.
while sleep 5; do echo alive; done >/dev/ttyS2 &
alive=$!
i=0 workers=
while [ $i -lt "$jobs" ]; do
	worker &
	workers="$workers $!"
	i=$((i + 1))
done
# shellcheck disable=SC2086
wait $workers
kill $alive
[ ! -e $state/failed ]
