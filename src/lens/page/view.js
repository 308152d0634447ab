/* SPDX-License-Identifier: MIT */
/* view.js: which part is looked at, how large it is drawn, and what is selected in it. */
const view = { t0: 0, t1: 1, y: 0 };
/* The part that was recorded, or is shown, ns since the first entry. */
let first = 0, last = 1;
let selected = -1, selectedRequest = -1, picked = null;
let hits = null, isHit = null, hitAt = -1;
let colour = {}, dirty = false;
const canvas = {};

function readColours() {
	const style = getComputedStyle(document.documentElement);
	for (const name of ['paper', 'panel', 'ink', 'soft', 'faint', 'line', 'stripe', 'accent', 'mark', 'hit', 'guest', 'kvm',
		'pio', 'mmio', 'hlt', 'irq', 'msr', 'trap', 'other', 'event', 'request'])
		colour[name] = style.getPropertyValue('--' + name).trim();
}

function sizeCanvas(id) {
	const c = $(id), r = devicePixelRatio || 1, w = c.clientWidth, h = c.clientHeight;
	if (c.width !== Math.round(w * r) || c.height !== Math.round(h * r)) {
		c.width = Math.round(w * r);
		c.height = Math.round(h * r);
	}
	const g = c.getContext('2d');
	g.setTransform(r, 0, 0, r, 0, 0);
	canvas[id] = { g, w, h };
}

function redraw() {
	if (dirty) return;
	dirty = true;
	requestAnimationFrame(() => {
		dirty = false;
		draw();
	});
}

const X = t => (t - view.t0) * canvas.canvas.w / (view.t1 - view.t0);
const timeAt = x => view.t0 + x * (view.t1 - view.t0) / canvas.canvas.w;

const extent = () => last - first;

function setView(t0, t1) {
	const least = 20; /* ns */
	let w = Math.max(least, Math.min(t1 - t0, extent() * 1.04));
	t0 = Math.max(first - extent() * 0.02 - least, Math.min(t0, last + extent() * 0.02 - w + least));
	view.t0 = t0;
	view.t1 = t0 + w;
	redraw();
}

function zoom(factor, at) {
	if (at === undefined) {
		const t = selected >= 0 ? T[selected] : NaN;
		at = t > view.t0 && t < view.t1 ? t : (view.t0 + view.t1) / 2;
	}
	const w = Math.max(20, Math.min((view.t1 - view.t0) * factor, extent() * 1.04));
	setView(at - (at - view.t0) * w / (view.t1 - view.t0), at - (at - view.t0) * w / (view.t1 - view.t0) + w);
}

const pan = part => setView(view.t0 + part * (view.t1 - view.t0), view.t1 + part * (view.t1 - view.t0));
const fit = () => setView(first - extent() * 0.01, last + extent() * 0.01);

function scroll(dy) {
	view.y = Math.max(0, Math.min(view.y + dy, lanesHeight - canvas.canvas.h));
	if ($('labels-inner')) $('labels-inner').style.transform = `translateY(${-view.y}px)`;
	redraw();
}

/* The first k in [from, n) with a[k] >= t. */
function lower(a, t, from, n) {
	let lo = from || 0, hi = n === undefined ? a.length : n;
	while (lo < hi) {
		const mid = (lo + hi) >> 1;
		if (a[mid] < t) lo = mid + 1;
		else hi = mid;
	}
	return lo;
}

/* The first slice of a lane that may reach into the view. Slices of devices overlap a little. */
function firstVisible(l) {
	let k = Math.max(0, lower(l.st, view.t0) - 1);
	for (let back = 0; k > 0 && back < 64 && l.st[k - 1] + l.dur[k - 1] > view.t0; back++) k--;
	return k;
}
