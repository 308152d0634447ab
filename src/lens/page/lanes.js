/* SPDX-License-Identifier: MIT */
/* lanes.js: which lanes there are, and what is in each. */
/*
 * A lane has slices, sorted by their beginning: st, dur, idx (the step), and pre, the sum of all
 * durations in front of each, by which a crowd of them is drawn as one column of pixels. Marks are
 * points in time (at, idx). Requests are slices in rows.
 */
let lanes = [], lanesHeight = 0;

function Lane(group, label, height, hint) {
	return { group, label, height, hint, y: 0, kind: '', st: new Float64Array(0), dur: null, idx: null, pre: null,
		marks: null, markIdx: null, requests: null };
}

function slices(lane, list, start, dur) {
	const n = list.length;
	lane.idx = list;
	lane.st = new Float64Array(n);
	lane.dur = new Uint32Array(n);
	lane.pre = new Float64Array(n + 1);
	for (let k = 0; k < n; k++) {
		lane.st[k] = start(list[k]);
		lane.dur[k] = dur(list[k]);
		lane.pre[k + 1] = lane.pre[k] + lane.dur[k];
	}
}

/* Steps sorted into lists: @which gives the list's number, or -1. */
function sortInto(cnt, which) {
	const size = new Uint32Array(cnt);
	for (let i = 0; i < N; i++) {
		const w = which(i);
		if (w >= 0 && w < cnt) size[w]++;
	}
	const list = Array.from(size, n => new Uint32Array(n));
	size.fill(0);
	for (let i = 0; i < N; i++) {
		const w = which(i);
		if (w >= 0 && w < cnt) list[w][size[w]++] = i;
	}
	return list;
}

function setMarks(lane, pairs) {
	pairs.sort((a, b) => a[0] - b[0]);
	lane.marks = Float64Array.from(pairs, p => p[0]);
	lane.markIdx = Uint32Array.from(pairs, p => p[1]);
}

/* Interrupts that are asked for, acknowledged, injected, ended, and messages: what KVM is told. */
const isInterrupt = code => code >= EVENT + 1 && code <= EVENT + 5;

function vcpuLanes(thread, list, own) {
	const name = F.threads[thread].name, group = name;
	const guest = Lane(group, 'guest', 20, 'in KVM_RUN: the guest runs, or waits in HLT, with what KVM does for it in between');
	const kvm = Lane(group, 'KVM', 16, kvmHint());
	const vmm = Lane(group, 'VMM', 30, 'from an exit to the next entry; the darker part is the device’s handler');
	const pairs = own.map(i => [T[i], i]);
	guest.kind = 'guest';
	kvm.kind = 'kvm';
	vmm.kind = 'vmm';
	slices(guest, list, i => T[i] - C.guest[i], i => C.guest[i]);
	Object.assign(kvm, { st: guest.st, dur: guest.dur, idx: guest.idx, pre: guest.pre });
	slices(vmm, list, i => T[i], i => C.away[i]);
	for (const i of list)
		for (let e = EFF[i]; e < EFF[i + 1]; e++)
			if (isInterrupt(C.e_code[e])) pairs.push([T[i] + C.e_at[e], i]);
	setMarks(kvm, pairs);
	lanes.push(guest, kvm, vmm);
}

/* How much of the time in KVM_RUN was KVM's own; null: not known. */
function kvmShare() {
	let guest = 0, kernel = 0;
	for (const c of F.cpu_time) {
		guest += c.guest;
		kernel += c.kernel;
	}
	return guest + kernel ? kernel / (guest + kernel) : null;
}

function kvmHint() {
	const share = kvmShare();
	return 'KVM at work inside KVM_RUN; when is not recorded. ' + (share === null ?
		'How much is not known either' : `On average it is ${(100 * share).toFixed(1)} % of that, which is the height of the bar`) +
		'. Dots are interrupts.';
}

function deviceLane(d, list, pairs, requests) {
	const lane = Lane('devices', d < 0 ? 'no device' : deviceName(d), 22, d < 0 ? 'accesses to where no device answers' :
		F.devices[d][1]);
	lane.kind = 'device';
	lane.device = d;
	slices(lane, list, i => T[i], i => C.away[i]);
	setMarks(lane, pairs);
	if (requests.length) {
		lane.requests = requestRows(requests);
		lane.height += 4 + 7 * lane.requests.rows;
	}
	lanes.push(lane);
}

/* Requests that run at one time stand below each other, up to six. */
function requestRows(list) {
	const free = [], row = new Uint8Array(list.length), ends = new Float64Array(list.length);
	const q = i => ({ at: wide('q_at', i), took: wide('q_took', i) });
	list.sort((a, b) => q(a).at - q(b).at);
	let max = 0;
	list.forEach((i, k) => {
		const { at, took } = q(i);
		let r = free.findIndex(t => t <= at);
		if (r < 0) r = free.length < 6 ? free.length : 5;
		free[r] = at + took;
		row[k] = r;
		max = Math.max(max, at + took);
		ends[k] = max;
	});
	return { id: Uint32Array.from(list), st: Float64Array.from(list, i => q(i).at),
		dur: Float64Array.from(list, i => q(i).took), row, ends, rows: free.length };
}

function buildLanes() {
	const threads = F.threads.length, devices = F.devices.length;
	const exits = sortInto(threads, i => isExit(i) ? C.thread[i] : -1);
	const events = sortInto(threads, i => isExit(i) ? -1 : C.thread[i]);
	const at = sortInto(devices + 1, i => !isExit(i) ? -1 : C.flags[i] & X_NOBODY ? devices : C.dev[i] === NO_DEV ? -1 : C.dev[i]);
	const marks = Array.from({ length: devices }, () => []), requests = Array.from({ length: devices }, () => []);
	for (let i = 0; i < N; i++) {
		if (!isExit(i) && C.dev[i] < devices) marks[C.dev[i]].push([T[i], i]);
		for (let e = EFF[i]; e < EFF[i + 1]; e++)
			if (C.e_dev[e] < devices && C.e_code[e] !== FIELD) marks[C.e_dev[e]].push([T[i] + C.e_at[e], i]);
	}
	for (let q = 0; q < C.q_dev.length; q++)
		if (C.q_dev[q] < devices) requests[C.q_dev[q]].push(q);
	const order = [...F.threads.keys()].sort((a, b) => F.threads[a].vcpu - F.threads[b].vcpu);
	for (const t of order)
		if (F.threads[t].vcpu >= 0) vcpuLanes(t, exits[t], Array.from(events[t]));
	for (let d = 0; d < devices; d++)
		if (at[d].length || marks[d].length || requests[d].length) deviceLane(d, at[d], marks[d], requests[d]);
	if (at[devices].length) deviceLane(-1, at[devices], [], []);
	for (const t of order) {
		if (F.threads[t].vcpu >= 0 || !events[t].length) continue;
		const lane = Lane('threads', threadName(t), 18, 'what happened on this thread');
		lane.kind = 'thread';
		setMarks(lane, Array.from(events[t], i => [T[i], i]));
		lanes.push(lane);
	}
}

function placeLanes() {
	const box = $('labels'), inner = el('div', { id: 'labels-inner' });
	let y = 0, group = null;
	box.textContent = '';
	for (const l of lanes) {
		if (l.group !== group) {
			const head = el('div', { class: 'row group' }, el('span', {}, group = l.group));
			y += 8;
			head.style.top = y + 'px';
			head.style.height = '20px';
			inner.append(head);
			y += 20;
		}
		const d = el('div', { class: 'row', title: `${l.label}: ${l.hint}`, 'data-lane': `${l.group}/${l.label}` }, el('span', {}, l.label));
		l.y = y;
		d.style.top = y + 'px';
		d.style.height = Math.min(l.height, l.kind === 'device' ? 16 : 30) + 'px';
		inner.append(d);
		y += l.height + 4;
	}
	lanesHeight = y + 12;
	box.append(inner);
}
