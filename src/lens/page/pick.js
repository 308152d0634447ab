/* SPDX-License-Identifier: MIT */
/* pick.js: what is under the pointer. */
function laneAt(y) {
	return lanes.find(l => y + view.y >= l.y - 2 && y + view.y < l.y + l.height + 2);
}

/* The one of a sorted list that is nearest to x, if it is near. */
function nearest(a, idx, x, reach) {
	const k = lower(a, timeAt(x));
	let best = -1, away = reach;
	for (const c of [k - 1, k])
		if (c >= 0 && c < a.length && Math.abs(X(a[c]) - x) <= away) {
			best = idx[c];
			away = Math.abs(X(a[c]) - x);
		}
	return best;
}

/* { step } or { request } under the pointer, or null. */
function whatIsAt(x, y) {
	const l = laneAt(y), t = timeAt(x);
	if (!l) return null;
	const dy = y + view.y - l.y;
	if (l.requests && dy >= 23) {
		const q = l.requests, row = Math.floor((dy - 25) / 7), slack = 3 * (view.t1 - view.t0) / canvas.canvas.w;
		for (let k = lower(q.ends, t - slack), n = 0; k < q.st.length && q.st[k] <= t + slack && n < 20000; k++, n++)
			if (q.row[k] === row && q.st[k] + q.dur[k] >= t - slack) return { request: q.id[k] };
		return null;
	}
	if (l.marks && (!l.idx || (l.kind === 'kvm' && dy < 9) || (l.kind === 'device' && dy >= 16))) {
		const i = nearest(l.marks, l.markIdx, x, 5);
		if (i >= 0) return { step: i };
	}
	if (!l.idx || !l.idx.length) return null;
	let k = lower(l.st, t + 1e-3) - 1;
	for (let back = 0; k >= 0 && back < 32; back++, k--)
		if (l.st[k] <= t && l.st[k] + l.dur[k] >= t) return { step: l.idx[k] };
	const i = nearest(l.st, l.idx, x, 4);
	return i >= 0 ? { step: i } : null;
}

function tipText(what) {
	if (what.request !== undefined) return requestTitle(what.request) + ', ' + span(wide('q_took', what.request));
	const i = what.step;
	if (!isExit(i)) return `${deviceName(C.dev[i])} ${S[C.name[i]]}`;
	return `#${C.num[i]} ${S[C.label[i]]} ${S[C.name[i]]}` + (accesses(i) ? ` ${arrow(i)} ${valueText(i)}` : '') + ` · ${span(C.away[i])}`;
}

function showTip(x, y) {
	const what = whatIsAt(x, y), tip = $('tip');
	tip.hidden = !what;
	if (!what) return;
	tip.textContent = tipText(what);
	const left = $('canvas').offsetLeft + x + 14, top = $('lanes').offsetTop + y + 16;
	tip.style.left = Math.min(left, $('timeline').clientWidth - tip.offsetWidth - 6) + 'px';
	tip.style.top = Math.min(top, $('timeline').clientHeight - tip.offsetHeight - 6) + 'px';
}
