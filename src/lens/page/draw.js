/* SPDX-License-Identifier: MIT */
/* draw.js: the canvases. */
/* Of slices [a, b), the class that took longest, by a sample. */
function loudest(l, a, b) {
	let best = a, step = Math.max(1, Math.floor((b - a) / 16));
	for (let k = a; k < b; k += step) if (l.dur[k] > l.dur[best]) best = k;
	return classOf(C.code[l.idx[best]]);
}

/*
 * Slices that are wider than a pixel and a half are drawn; those that are not are gathered, by
 * binary search, in columns of one pixel whose strength is their share of that time. So the work
 * depends on the width of the canvas, not on how many there are.
 */
function drawSlices(g, l, y, h, fill, one) {
	const n = l.st.length, scale = canvas.canvas.w / (view.t1 - view.t0);
	let k = firstVisible(l);
	while (k < n && l.st[k] < view.t1) {
		const x = X(l.st[k]), w = l.dur[k] * scale;
		if (w >= 1.5) {
			const left = Math.max(x, -2), right = Math.min(x + w, canvas.canvas.w + 2);
			if (right > left) {
				g.globalAlpha = 1;
				g.fillStyle = fill(l, k, k + 1);
				/* A seam between neighbours, where there is room for one. */
				g.fillRect(left, y, w > 5 ? right - left - 1 : right - left, h);
				if (one) one(k, left, right, w);
			}
			k++;
			continue;
		}
		const px = Math.floor(x), end = timeAt(px + 1);
		let b = lower(l.st, end, k + 1, n);
		const busy = (l.pre[b] - l.pre[k]) / (end - timeAt(px));
		if (px >= -1) {
			g.globalAlpha = 0.2 + 0.8 * Math.sqrt(Math.min(1, busy));
			g.fillStyle = fill(l, k, b);
			g.fillRect(px, y, 1, h);
		}
		k = b;
	}
	g.globalAlpha = 1;
}

/* A dot where there is room for one, else a stroke for each column of pixels. */
function drawMarks(g, l, y) {
	const n = l.marks.length;
	let before = -9;
	g.fillStyle = colour.event;
	for (let k = lower(l.marks, view.t0); k < n && l.marks[k] < view.t1;) {
		const px = Math.floor(X(l.marks[k])), b = lower(l.marks, timeAt(px + 1), k + 1);
		const after = b < n ? X(l.marks[b]) : Infinity;
		if (b - k === 1 && px - before > 5 && after - px > 5) {
			g.globalAlpha = 0.8;
			g.beginPath();
			g.arc(px + 0.5, y, 2, 0, 7);
			g.fill();
		} else {
			g.globalAlpha = Math.min(0.75, 0.25 + 0.1 * (b - k));
			g.fillRect(px, y - 2, 1, 4);
		}
		before = px;
		k = Math.max(b, k + 1);
	}
	g.globalAlpha = 1;
}

function drawRequests(g, l, y) {
	const q = l.requests, n = q.st.length, scale = canvas.canvas.w / (view.t1 - view.t0);
	let k = lower(q.ends, view.t0), last = new Float64Array(6).fill(-9);
	for (let steps = 0; k < n && q.st[k] < view.t1; k++, steps++) {
		const x = X(q.st[k]), w = Math.max(1, q.dur[k] * scale);
		if (x + w <= last[q.row[k]] + 0.5 && steps > 4000) { /* behind what stands there already */
			k = Math.max(k, lower(q.st, timeAt(Math.floor(x) + 1), k + 1) - 1);
			continue;
		}
		last[q.row[k]] = x + w;
		g.fillStyle = selectedRequest === q.id[k] ? colour.mark : colour.request;
		g.globalAlpha = 0.85;
		g.fillRect(Math.max(x, -2), y + 7 * q.row[k], Math.min(x + w, canvas.canvas.w + 2) - Math.max(x, -2), 5);
	}
	g.globalAlpha = 1;
}

function sliceText(g, l, k, left, right, y, h) {
	const room = right - left - 8;
	if (room < 40) return;
	const i = l.idx[k], words = (accesses(i) && S[C.name[i]]) || S[C.label[i]];
	g.fillStyle = colour.panel;
	let t = words;
	if (g.measureText(t).width > room) {
		const fits = Math.floor(t.length * room / g.measureText(t).width) - 1;
		if (fits < 4) return;
		t = t.slice(0, fits) + '…';
	}
	g.fillText(t, left + 4, y + h / 2 + 4);
}

function drawVmm(g, l, y) {
	const h = l.height;
	drawSlices(g, l, y, h, (a, k, b) => colour[loudest(a, k, b)], (k, left, right, w) => {
		const i = l.idx[k], part = Math.min(1, C.handler[i] / (C.away[i] || 1));
		if (w > 6 && C.code[i] !== HLT) {
			g.globalAlpha = 0.3;
			g.fillStyle = '#000';
			g.fillRect(left, y + h - 5, Math.max(0, Math.min(right, X(l.st[k]) + w * part) - left - 1), 5);
			g.globalAlpha = 1;
		}
		sliceText(g, l, k, left, right, y, h - 4);
	});
}

function drawKvm(g, l, y) {
	const share = kvmShare(), h = l.height;
	drawSlices(g, l, y + h - 3, 3, () => colour.kvm);
	if (share !== null) {
		const top = Math.max(1, Math.round((h - 5) * share));
		drawSlices(g, l, y + h - 3 - top, top, () => colour.kvm);
	}
	drawMarks(g, l, y + 4);
}

function drawLane(g, l, y) {
	if (l.kind === 'guest') {
		drawSlices(g, l, y, l.height, () => colour.guest, (k, left, right) => {
			if (right - left > 60) {
				g.fillStyle = colour.panel;
				g.fillText(span(l.dur[k]), left + 5, y + l.height / 2 + 4);
			}
		});
	} else if (l.kind === 'kvm') {
		drawKvm(g, l, y);
	} else if (l.kind === 'vmm') {
		drawVmm(g, l, y);
	} else if (l.kind === 'device') {
		drawSlices(g, l, y, 16, (a, k, b) => colour[loudest(a, k, b)], (k, left, right) => sliceText(g, l, k, left, right, y, 16));
		drawMarks(g, l, y + 19);
		if (l.requests) drawRequests(g, l, y + 25);
	} else {
		drawMarks(g, l, y + l.height / 2);
	}
}

/* What is selected, and what was found, over everything else. */
function drawMarked(g) {
	const h = canvas.canvas.h;
	if (hits && hits.length) {
		let k = lower(hits.times, view.t0);
		g.fillStyle = colour.hit;
		while (k < hits.length && hits.times[k] < view.t1) {
			const px = Math.floor(X(hits.times[k]));
			g.fillRect(px, 0, 1.5, 6);
			k = lower(hits.times, timeAt(px + 2), k + 1);
		}
		drawHitOutlines(g);
	}
	if (selected >= 0) {
		const x = Math.round(X(T[selected])) + 0.5;
		g.strokeStyle = colour.mark;
		g.globalAlpha = 0.6;
		g.beginPath();
		g.moveTo(x, 0);
		g.lineTo(x, h);
		g.stroke();
		g.globalAlpha = 1;
		for (const l of lanes) outline(g, l, selected, colour.mark, 2);
	}
}

function outline(g, l, i, stroke, width) {
	if (l.kind !== 'vmm' && l.kind !== 'device' || !l.idx) return;
	const k = lower(l.idx, i);
	if (l.idx[k] !== i) return;
	const x = X(l.st[k]), w = Math.max(3, l.dur[k] * canvas.canvas.w / (view.t1 - view.t0));
	const left = Math.max(x, -4), right = Math.min(x + w, canvas.canvas.w + 4);
	if (right < 0 || left > canvas.canvas.w) return;
	g.strokeStyle = stroke;
	g.lineWidth = width;
	g.strokeRect(left - 0.5, l.y - view.y - 0.5, right - left + 1, (l.kind === 'vmm' ? l.height : 16) + 1);
	g.lineWidth = 1;
}

function drawHitOutlines(g) {
	const a = lower(hits.times, view.t0), b = lower(hits.times, view.t1);
	if (b - a > 400) return; /* the ticks on top say where they are */
	for (let k = a; k < b; k++)
		for (const l of lanes) outline(g, l, hits[k], colour.hit, 1.5);
}

function tickStep(w, px) {
	const least = w * 110 / px;
	let step = Math.pow(10, Math.floor(Math.log10(least)));
	for (const m of [1, 2, 5, 10]) if (step * m >= least) return Math.max(1, step * m);
	return step * 10;
}

function drawAxis() {
	const { g, w, h } = canvas.axis, step = tickStep(view.t1 - view.t0, w);
	const grid = canvas.canvas.g;
	g.clearRect(0, 0, w, h);
	g.font = '11px system-ui, sans-serif';
	g.strokeStyle = grid.strokeStyle = colour.line;
	for (let k = Math.max(0, Math.ceil(view.t0 / step)); k * step <= view.t1; k++) {
		const x = Math.round(X(k * step)) + 0.5;
		g.fillStyle = colour.line;
		g.fillRect(x - 0.5, h - 6, 1, 6);
		g.fillStyle = colour.soft;
		if (x < w - 60) g.fillText(k ? stamp(k * step, step) : '0', x + 4, h - 8);
		grid.fillStyle = colour.line;
		grid.fillRect(x - 0.5, 0, 1, canvas.canvas.h);
	}
	$('span').textContent = span(view.t1 - view.t0) + ' in view';
}

let overviewPicture = null;

/* All of the recording, for all vCPUs at once, drawn once. */
function paintOverview() {
	const { w, h } = canvas.overview, r = devicePixelRatio || 1, save = { ...view }, saved = canvas.canvas;
	const vmm = lanes.filter(l => l.kind === 'vmm'), each = (h - 14) / Math.max(1, vmm.length);
	const c = document.createElement('canvas'), g = c.getContext('2d');
	c.width = Math.max(1, w * r);
	c.height = Math.max(1, h * r);
	g.scale(r, r);
	g.fillStyle = colour.panel;
	g.fillRect(0, 0, w, h);
	canvas.canvas = { w, h };
	view.t0 = first;
	view.t1 = last;
	vmm.forEach((l, k) => drawSlices(g, l, 7 + k * each, Math.max(1, each - 1), (a, i, b) => colour[loudest(a, i, b)]));
	if (hits) {
		g.fillStyle = colour.hit;
		for (let k = 0; k < hits.length;) {
			const px = Math.floor(X(hits.times[k]));
			g.fillRect(px, 0, 1.5, 5);
			k = lower(hits.times, timeAt(px + 1), k + 1);
		}
	}
	canvas.canvas = saved;
	Object.assign(view, save);
	overviewPicture = c;
}

function drawOverview() {
	const { g, w, h } = canvas.overview, at = t => (t - first) / extent() * w, a = at(view.t0), b = at(view.t1);
	if (!overviewPicture) paintOverview();
	g.clearRect(0, 0, w, h);
	g.drawImage(overviewPicture, 0, 0, w, h);
	g.fillStyle = colour.paper;
	g.globalAlpha = 0.7;
	g.fillRect(0, 0, Math.max(0, a), h);
	g.fillRect(Math.min(w, b), 0, w, h);
	g.globalAlpha = 1;
	g.strokeStyle = colour.accent;
	g.lineWidth = 1.5;
	g.strokeRect(Math.max(1, a), 1, Math.max(3, Math.min(w - 1, b) - Math.max(1, a)), h - 2);
	g.lineWidth = 1;
	if (selected >= 0) {
		g.fillStyle = colour.mark;
		g.fillRect(at(T[selected]) - 0.5, 0, 1.5, h);
	}
}

function draw() {
	const { g, w, h } = canvas.canvas;
	const begun = performance.now();
	g.clearRect(0, 0, w, h);
	g.font = '11px system-ui, sans-serif';
	for (const l of lanes) {
		const y = l.y - view.y;
		if (y > h || y + l.height < 0) continue;
		g.fillStyle = colour.stripe;
		g.fillRect(0, y - 2, w, l.height + 4);
	}
	drawAxis();
	for (const l of lanes) {
		const y = l.y - view.y;
		if (y <= h && y + l.height >= 0) drawLane(g, l, y);
	}
	drawMarked(g);
	if (picked) {
		g.fillStyle = colour.accent;
		g.globalAlpha = 0.2;
		g.fillRect(Math.min(picked.x0, picked.x1), 0, Math.abs(picked.x1 - picked.x0), h);
		g.globalAlpha = 1;
	}
	drawOverview();
	document.body.dataset.frame = (performance.now() - begun).toFixed(1);
	document.body.dataset.view = `${view.t0.toFixed(0)} ${view.t1.toFixed(0)}`;
}
