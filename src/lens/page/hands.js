/* SPDX-License-Identifier: MIT */
/* hands.js: mouse, wheel, keys and buttons; and how it all begins. */
const tabs = ['story', 'summary', 'limits', 'keys'];

function showTab(name) {
	for (const t of tabs) {
		$(t).hidden = t !== name;
		$('tab-' + t).setAttribute('aria-selected', t === name);
		$('tab-' + t).tabIndex = t === name ? 0 : -1;
	}
	if (name === 'summary') fillSummary();
}

function onWheel(e) {
	e.preventDefault();
	const unit = e.deltaMode === 1 ? 16 : e.deltaMode === 2 ? 400 : 1;
	if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY))
		pan((e.deltaX || e.deltaY) * unit / 1000);
	else
		zoom(Math.exp(Math.max(-400, Math.min(400, e.deltaY * unit)) / 400), timeAt(e.offsetX));
	$('tip').hidden = true;
}

function grabCanvas() {
	const c = $('canvas');
	let from = null;
	c.addEventListener('wheel', onWheel, { passive: false });
	$('labels').addEventListener('wheel', e => {
		e.preventDefault();
		scroll(e.deltaY);
	}, { passive: false });
	c.addEventListener('pointerdown', e => {
		if (e.button) return;
		from = { x: e.offsetX, y: e.offsetY, t0: view.t0, t1: view.t1, vy: view.y, moved: false };
		if (e.shiftKey) picked = { x0: e.offsetX, x1: e.offsetX };
		try {
			c.setPointerCapture(e.pointerId);
		} catch (err) { /* a pointer that is gone already */ }
	});
	c.addEventListener('pointermove', e => {
		if (!from) return showTip(e.offsetX, e.offsetY);
		if (Math.abs(e.offsetX - from.x) + Math.abs(e.offsetY - from.y) > 3) from.moved = true;
		$('tip').hidden = true;
		if (picked) {
			picked.x1 = e.offsetX;
			return redraw();
		}
		if (!from.moved) return;
		c.classList.add('dragging');
		const dt = (e.offsetX - from.x) * (from.t1 - from.t0) / canvas.canvas.w;
		setView(from.t0 - dt, from.t1 - dt);
		scroll(from.vy - (e.offsetY - from.y) - view.y);
	});
	const drop = e => {
		if (!from) return;
		if (picked && Math.abs(picked.x1 - picked.x0) > 4)
			setView(timeAt(Math.min(picked.x0, picked.x1)), timeAt(Math.max(picked.x0, picked.x1)));
		else if (!from.moved && e.type === 'pointerup') click(e.offsetX, e.offsetY);
		from = picked = null;
		c.classList.remove('dragging');
		redraw();
	};
	c.addEventListener('pointerup', drop);
	c.addEventListener('pointercancel', drop);
	c.addEventListener('pointerleave', () => { $('tip').hidden = true; });
}

function click(x, y) {
	const what = whatIsAt(x, y);
	$('canvas').focus();
	if (!what) return;
	if (what.request !== undefined) {
		selectedRequest = what.request;
		selected = -1;
		showTab('story');
		showStory();
		redraw();
	} else {
		hitAt = -1;
		select(what.step);
		sayHits();
	}
}

function grabOverview() {
	const c = $('overview');
	let down = false;
	const to = e => {
		const t = first + e.offsetX / canvas.overview.w * extent(), w = view.t1 - view.t0;
		setView(t - w / 2, t + w / 2);
	};
	c.addEventListener('pointerdown', e => { down = true; try { c.setPointerCapture(e.pointerId); } catch (err) { /* gone */ } to(e); });
	c.addEventListener('pointermove', e => { if (down) to(e); });
	c.addEventListener('pointerup', () => { down = false; });
	c.addEventListener('wheel', e => {
		e.preventDefault();
		zoom(Math.exp(Math.max(-400, Math.min(400, e.deltaY)) / 400), first + e.offsetX / canvas.overview.w * extent());
	}, { passive: false });
}

function forget() {
	selected = selectedRequest = -1;
	$('query').value = '';
	find('');
	showStory();
}

const keys = {
	ArrowLeft: e => pan(e.shiftKey ? -1 : -0.15), ArrowRight: e => pan(e.shiftKey ? 1 : 0.15),
	ArrowUp: () => scroll(-40), ArrowDown: () => scroll(40),
	a: () => pan(-0.15), d: () => pan(0.15), w: () => zoom(0.7), s: () => zoom(1 / 0.7),
	'+': () => zoom(0.7), '=': () => zoom(0.7), '-': () => zoom(1 / 0.7),
	Home: () => setView(first, first + view.t1 - view.t0), End: () => setView(last - (view.t1 - view.t0), last),
	f: fit, ',': () => step(-1), '.': () => step(1), n: () => goHit(1), N: () => goHit(-1),
	z: () => { if (selected >= 0) zoomTo(selected); }, '/': () => { $('query').focus(); $('query').select(); },
	'?': () => showTab('keys'), Escape: forget,
};

function onKey(e) {
	if (e.ctrlKey || e.altKey || e.metaKey) return;
	if (e.target === $('query')) {
		if (e.key === 'Escape') $('canvas').focus();
		return;
	}
	if (e.target instanceof Element && e.target.closest('[role=tabpanel], [role=tablist]') && /^(Arrow|Home|End)/.test(e.key)) return;
	const k = keys[e.key];
	if (!k) return;
	e.preventDefault();
	k(e);
}

function grabTabs() {
	tabs.forEach((t, i) => {
		$('tab-' + t).addEventListener('click', () => showTab(t));
		$('tab-' + t).addEventListener('keydown', e => {
			const by = e.key === 'ArrowRight' ? 1 : e.key === 'ArrowLeft' ? -1 : 0;
			if (!by) return;
			const next = tabs[(i + by + tabs.length) % tabs.length];
			showTab(next);
			$('tab-' + next).focus();
		});
	});
}

function grabBar() {
	let timer = 0;
	$('query').addEventListener('input', () => {
		clearTimeout(timer);
		timer = setTimeout(() => find($('query').value), 120);
	});
	$('search').addEventListener('submit', e => {
		e.preventDefault();
		clearTimeout(timer);
		if (!hits || hitAt < 0) find($('query').value);
		goHit(1);
	});
	$('next').addEventListener('click', () => goHit(1));
	$('prev').addEventListener('click', () => goHit(-1));
	$('zoom-in').addEventListener('click', () => zoom(0.6));
	$('zoom-out').addEventListener('click', () => zoom(1 / 0.6));
	$('fit').addEventListener('click', fit);
}

/* A canvas that gets another size is empty, so it is drawn at once: before the browser paints. */
function resized() {
	for (const id of ['overview', 'axis', 'canvas']) sizeCanvas(id);
	overviewPicture = null;
	scroll(0);
	draw();
}

async function main() {
	if (typeof DecompressionStream === 'undefined')
		return trouble('This browser is too old for this page: it has no DecompressionStream. Firefox 113, Chromium 80 or Safari 16.4 will do.');
	await load();
	last = Math.max(1, F.length, N ? T[N - 1] : 0);
	first = Math.min(F.from, last - 1);
	buildLanes();
	fillHead();
	placeLanes();
	fillLimits();
	readColours();
	resized();
	sayHits();
	showStory();
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
		readColours();
		overviewPicture = null;
		redraw();
	});
	new ResizeObserver(resized).observe($('timeline'));
	grabCanvas();
	grabOverview();
	grabTabs();
	grabBar();
	addEventListener('keydown', onKey);
	fit();
	const wanted = /^#step-(\d+)$/.exec(location.hash);
	if (wanted && +wanted[1] < N) {
		select(+wanted[1]);
		zoomTo(selected);
	}
	document.body.dataset.ready = 'yes';
}

main().catch(e => trouble('This page is damaged: ' + e.message));
