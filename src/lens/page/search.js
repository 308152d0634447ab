/* SPDX-License-Identifier: MIT */
/* search.js: search. */
function words(query) {
	return Array.from(query.matchAll(/"([^"]*)"?|(\S+)/g), m => (m[1] !== undefined ? m[1] : m[2]).toLowerCase()).filter(w => w);
}

/* For one word: a byte for each step that says whether it fits. */
function matches(word) {
	const out = new Uint8Array(N);
	const num = /^#(\d+)$/.exec(word);
	if (num) {
		for (let i = 0; i < N; i++) out[i] = C.num[i] === +num[1] && isExit(i) ? 1 : 0;
		return out;
	}
	const has = Uint8Array.from(S, s => s && s.toLowerCase().includes(word) ? 1 : 0);
	const dev = Uint8Array.from(F.devices, d => d[0].toLowerCase().includes(word) ? 1 : 0);
	const thread = Uint8Array.from(F.threads, t => t.name.toLowerCase().replace(/\s/g, '') === word.replace(/\s/g, '') ? 1 : 0);
	let lo = -1, hi = 0;
	if (/^(0x)?[0-9a-f]+$/.test(word) && /^0x|[0-9]/.test(word)) {
		const digits = word.replace(/^0x/, '').padStart(16, '0');
		hi = parseInt(digits.slice(-16, -8), 16);
		lo = parseInt(digits.slice(-8), 16);
	}
	const strict = /^0x/.test(word);
	for (let i = 0; i < N; i++) {
		let m = has[C.label[i]] | has[C.name[i]] | has[C.means[i]] | has[C.sym[i]] | has[C.insn[i]] | (C.dev[i] < dev.length ? dev[C.dev[i]] : 0) | thread[C.thread[i]];
		if (!m && lo >= 0 && isExit(i)) {
			m = C.addr_lo[i] === lo && C.addr_hi[i] === hi && accesses(i) || C.rip_lo[i] === lo && C.rip_hi[i] === hi ? 1 : 0;
			if (!m && strict && accesses(i)) m = C.value_lo[i] === lo && C.value_hi[i] === hi ? 1 : 0;
		}
		for (let e = EFF[i]; !m && e < EFF[i + 1]; e++)
			m = has[C.e_text[e]] | (C.e_dev[e] < dev.length ? dev[C.e_dev[e]] : 0);
		out[i] = m;
	}
	return out;
}

function find(query) {
	const all = words(query);
	hits = null;
	hitAt = -1;
	if (all.length) {
		const fit = all.map(matches).reduce((a, b) => a.map((v, i) => v & b[i]));
		let n = 0;
		for (let i = 0; i < N; i++) n += fit[i];
		hits = new Uint32Array(n);
		for (let i = 0, k = 0; i < N; i++) if (fit[i]) hits[k++] = i;
		hits.times = Float64Array.from(hits, i => T[i]);
	}
	overviewPicture = null;
	sayHits();
	redraw();
}

function sayHits() {
	$('hits').textContent = !hits ? '' : !hits.length ? 'no hits' : hitAt < 0 ? `${count(hits.length)} hit${hits.length === 1 ? '' : 's'}` :
		`${count(hitAt + 1)} of ${count(hits.length)}`;
	$('prev').disabled = $('next').disabled = !hits || !hits.length;
}

function search(query) {
	$('query').value = query;
	find(query);
	goHit(1);
}

function goHit(by) {
	if (!hits || !hits.length) return;
	if (hitAt < 0) {
		const from = selected >= 0 ? selected : -1;
		hitAt = by > 0 ? lower(hits, from) % hits.length : (lower(hits, from < 0 ? N : from) - 1 + hits.length) % hits.length;
	} else {
		hitAt = (hitAt + by + hits.length) % hits.length;
	}
	sayHits();
	select(hits[hitAt], 'center');
}
