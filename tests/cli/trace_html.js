/* SPDX-License-Identifier: MIT */
/*
 * trace_html.js: what trace_html.sh has a browser do with a page: hands on wheel, keys, search and
 * mouse, eyes on what the page then shows. Results are lines of a <pre>, "ok NAME" or "not ok NAME".
 * EXPECT is set by the shell: what the same recording's summary says.
 *
 * Stands in front of the page's own script. The browser's clock is made up, and runs ahead of its
 * frames, so frames are made to come by that clock.
 */
'use strict';
window.requestAnimationFrame = fn => setTimeout(() => fn(performance.now()), 16);
(async () => {
	const out = [], broken = [];
	const $ = id => document.getElementById(id);
	const sleep = ms => new Promise(r => setTimeout(r, ms));
	const is = (name, fine, why) => out.push(fine ? `ok ${name}` : `not ok ${name}: ${why}`);
	const view = () => document.body.dataset.view.split(' ').map(Number);
	const width = () => view()[1] - view()[0];
	const text = id => $(id).textContent;
	const settled = () => sleep(100);

	addEventListener('securitypolicyviolation', e => broken.push('policy: ' + e.violatedDirective + ' ' + e.blockedURI));
	addEventListener('error', e => broken.push('error: ' + e.message));
	addEventListener('unhandledrejection', e => broken.push('rejection: ' + e.reason));

	const key = async (k, more) => {
		document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true, cancelable: true, ...more }));
		await settled();
	};
	const press = async (k, more) => {
		document.activeElement.blur();
		document.body.dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true, cancelable: true, ...more }));
		await settled();
	};
	const search = async query => {
		$('query').value = query;
		$('query').dispatchEvent(new Event('input', { bubbles: true }));
		await sleep(400);
		return text('hits');
	};
	const wheel = async (x, dy, more) => {
		const r = $('canvas').getBoundingClientRect();
		$('canvas').dispatchEvent(new WheelEvent('wheel', { deltaY: dy, clientX: r.left + x, clientY: r.top + 60, bubbles: true,
			cancelable: true, ...more }));
		await settled();
	};
	const pointer = (type, x, y, more) => {
		const r = $('canvas').getBoundingClientRect();
		$('canvas').dispatchEvent(new PointerEvent(type, { clientX: r.left + x, clientY: r.top + y, bubbles: true, pointerId: 1, ...more }));
	};
	const click = async (x, y) => {
		pointer('pointerdown', x, y);
		pointer('pointerup', x, y);
		await settled();
	};
	const laneY = name => {
		const l = document.querySelector(`[data-lane="${name}"]`).getBoundingClientRect();
		return l.top + l.height / 2 - $('canvas').getBoundingClientRect().top;
	};
	const colours = () => {
		const c = $('canvas'), copy = document.createElement('canvas'), seen = new Set();
		copy.width = c.width;
		copy.height = c.height;
		const g = copy.getContext('2d', { willReadFrequently: true });
		g.drawImage(c, 0, 0);
		const d = g.getImageData(0, 0, c.width, c.height).data;
		for (let i = 0; i < d.length; i += 4 * 37) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
		return seen.size;
	};

	async function opens() {
		for (let i = 0; i < 500 && !($('trouble') && (document.body.dataset.ready || !$('trouble').hidden)); i++) await sleep(100);
		is('opens', document.body.dataset.ready === 'yes', text('trouble'));
		await settled();
		is('title', document.title.startsWith('trapeze: trapeze run -k vmlinuz <\/script>'), document.title);
		is('chips', text('chips').includes(Number(EXPECT.exits).toLocaleString('en') + ' exits') && text('chips').includes('lost'), text('chips'));
		is('lanes', ['vCPU 0/guest', 'vCPU 0/KVM', 'vCPU 0/VMM', 'vCPU 1/VMM', 'devices/serial0', 'devices/virtio-blk0', 'devices/no device',
			'threads/io0'].every(n => document.querySelector(`[data-lane="${n}"]`)), text('labels'));
		is('drawn', colours() > 8, colours() + ' colours');
		is('scheme', matchMedia('(prefers-color-scheme: dark)').matches === EXPECT.dark &&
			(parseInt(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0]) < 128) === EXPECT.dark,
			getComputedStyle(document.body).backgroundColor);
	}

	async function zooms() {
		const w = $('canvas').clientWidth, all = width(), at = () => view()[0] + width() * 0.25, t = at();
		for (let i = 0; i < 12; i++) await wheel(w * 0.25, -200);
		is('wheel zooms in', width() < all / 100, `${all} to ${width()}`);
		is('wheel zooms where it points', Math.abs(at() - t) < all / 1000, `${t} to ${at()}`);
		const now = view()[0], near = width();
		await wheel(w / 2, 300, { shiftKey: true });
		is('wheel with shift moves', view()[0] > now && Math.abs(width() - near) < 2, view().join(' '));
		await press('-');
		is('key zooms out', width() > near * 1.2, `${near} to ${width()}`);
		const left = view()[0];
		await press('ArrowLeft');
		is('key moves', view()[0] < left, `${left} to ${view()[0]}`);
		const before = view()[0];
		pointer('pointerdown', 300, 60);
		pointer('pointermove', 200, 60);
		pointer('pointerup', 200, 60);
		await settled();
		is('drag moves', view()[0] > before && document.body.dataset.selected === '-1', view().join(' '));
		await press('f');
		is('key fits', width() >= all * 0.99, width());
	}

	async function searches() {
		is('search by register', (await search('"IO OUT" "COM1 THR"')) === `${Number(EXPECT.thr).toLocaleString('en')} hits`, text('hits'));
		await press('n');
		const first = document.body.dataset.selected;
		is('first hit', text('story').includes('COM1 THR') && text('hits').startsWith('1 of '), text('hits'));
		await press('n');
		is('next hit', Number(document.body.dataset.selected) > Number(first) && text('hits').startsWith('2 of '), text('hits'));
		await press('N', { shiftKey: true });
		is('previous hit', document.body.dataset.selected === first, document.body.dataset.selected);
		is('search by number', (await search('#42')) === '2 hits', text('hits'));
		is('search by address', (await search('0xfe000050')) === `${Number(EXPECT.notify).toLocaleString('en')} hits`, text('hits'));
		is('search by device', parseInt((await search('virtio-blk0')).replace(/,/g, '')) >= EXPECT.notify, text('hits'));
		is('search without a hit', (await search('nothing is called that')) === 'no hits', text('hits'));
		await press('n');
		is('no way to a hit', $('next').disabled && text('hits') === 'no hits', text('hits'));
		await press('Escape');
		is('forgets', $('query').value === '' && text('hits') === '' && document.body.dataset.selected === '-1', text('hits'));
	}

	async function clicks() {
		await search('"IO OUT" "COM1 THR" #42');
		await press('n');
		await press('z');
		const number = document.body.dataset.selected, name = text('story').match(/vCPU [01]/)[0];
		const x = (w => w / 2 + 6)($('canvas').clientWidth);
		await press('Escape');
		await click(x, laneY(name + '/VMM'));
		is('click tells the story', document.body.dataset.selected === number, `${document.body.dataset.selected}, not ${number}`);
		is('decoded line', /#000042 \+\d+\.\d{3}ms vcpu[01] IO OUT 0x3f8 \(COM1 THR\) <- 0x[0-9a-f]{2} /.test(text('story')), text('story'));
		is('effects', text('story').includes('what came of it') && text('story').includes('irq 4'), text('story'));
		is('rule', text('story').includes('why it left the guest') && text('story').includes('Intel SDM'), text('story'));
		await press('.');
		is('next exit of the vCPU', text('story').includes('#43 '), text('story').slice(0, 40));
		await press(',');
		await click(x, laneY('devices/serial0'));
		is('click on a device', document.body.dataset.selected === number, document.body.dataset.selected);
		pointer('pointermove', x, laneY('devices/serial0'));
		is('tip', !$('tip').hidden && text('tip').includes('COM1 THR'), text('tip'));
		pointer('pointerleave', 0, 0);
	}

	async function panels() {
		$('tab-summary').click();
		await settled();
		const rows = [...document.querySelectorAll('#summary tbody tr')];
		is('summary', rows.some(r => r.textContent.includes('COM1 THR') &&
			r.textContent.startsWith(Number(EXPECT.thr).toLocaleString('en'))), text('summary').slice(0, 200));
		is('time split', text('summary').includes('vCPU 1') && document.querySelectorAll('#summary .split').length === 2, '');
		rows.find(r => r.textContent.includes('COM1 THR')).querySelector('button').click();
		await settled();
		is('summary leads to hits', /^\d+ of /.test(text('hits')) && !$('story').hidden, text('hits'));
		$('tab-limits').click();
		await settled();
		is('limits', text('limits').includes('KVM handled') && text('limits').includes('lost') && text('limits').includes('io_exits'), text('limits'));
		is('hostile names are text', text('limits').includes('<\/script><b>x') && !document.querySelector('#limits b') && !document.querySelector('img'),
			text('limits'));
		$('tab-limits').focus();
		await key('ArrowRight');
		is('tabs by keys', !$('keys').hidden, document.activeElement.id);
	}

	try {
		await opens();
		await zooms();
		await searches();
		await clicks();
		await panels();
		is('fetches nothing', performance.getEntriesByType('resource').length === 0, performance.getEntriesByType('resource').map(e => e.name));
		await search('"IO OUT" "COM1 THR" #42'); /* for the picture */
		await press('n');
		await press('z');
		for (let i = 0; i < 4; i++) await press('-');
	} catch (e) {
		broken.push('exception: ' + e.message + ' ' + e.stack);
	}
	is('nothing went wrong', broken.length === 0, broken.join('; '));
	const pre = document.createElement('pre');
	pre.id = 'results';
	pre.hidden = true;
	pre.textContent = '\n' + out.map(l => l.replace(/\n/g, ' ')).join('\n') + '\n';
	document.body.append(pre);
})();
