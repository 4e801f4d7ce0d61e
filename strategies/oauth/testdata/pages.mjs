// What a page of another site can do: see TestOtherPages.
//
// args: the site, and the other one, whose /seen has what asked the site to
// begin or to end a sign-in since the last time, and whose ?to= redirects.

export default async ({ browser, args: [site, other], assert }) => {
	const begin = site + '/auth/fake', callback = begin + '/callback'
	const context = await browser.newContext()
	const seen = async () => await (await context.request.get(other + '/seen')).json() ?? []
	// One page asks who is signed in, another has what is refused: to open one
	// for each time takes longer than all that they do.
	const asking = await context.newPage(), elsewhere = await context.newPage()
	const who = async () => {
		await asking.goto(site)
		return asking.title()
	}
	// on opens a page of a site.
	const on = async (where, window = context) => {
		const page = await window.newPage()
		await page.goto(where)
		return page
	}
	const submit = async (page, id) => {
		const arrived = page.waitForNavigation()
		await page.evaluate(id => { (id ? document.getElementById(id) : document.forms[0]).submit() }, id)
		return arrived
	}
	const form = (action, fields = {}, method = 'post') => `<!doctype html><form method="${method}" action="${action}">` +
		Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`).join('') + '</form>'
	const refusedForm = async (action, fields, status = 403) => {
		await elsewhere.goto(other)
		await elsewhere.setContent(form(action, fields))
		const res = await submit(elsewhere)
		assert.equal(res.status(), status, `${action}: ${res.status()}`)
	}

	// E07: nobody is signed in by a form elsewhere, nor out, and none begins.
	await refusedForm(site + '/login', { name: 'mallory' })
	await refusedForm(begin)
	assert.equal(await who(), 'nobody')
	let page = await on(site)
	await submit(page, 'sign-in')
	assert.equal(await who(), 'bob', 'a form of the site itself')
	await refusedForm(site + '/logout')
	await refusedForm(site + '/login', { name: 'mallory' })
	await refusedForm(begin)
	await refusedForm(site + '/auth/link')
	assert.equal(await who(), 'bob')
	assert((await seen()).every(v => !v.Begun))
	await submit(page, 'link')
	await page.waitForURL(site + '/')
	assert((await seen()).some(v => v.Path === '/auth/link' && v.Begun), 'a form of the site itself links')

	// A callback that was made elsewhere, as a form and as a link, changes
	// nobody, and does not use up the sign-in that is under way.
	const state = 'A'.repeat(43)
	await refusedForm(callback, { code: 'c0de', state })
	await elsewhere.goto(other)
	await elsewhere.setContent(`<!doctype html><a id="to" href="${callback}?code=c0de&state=${state}">Look</a>`)
	const [res] = await Promise.all([elsewhere.waitForNavigation(), elsewhere.click('#to')])
	assert.equal(res.status(), 403)
	assert.equal(await who(), 'bob')
	assert((await seen()).every(v => !v.Begun))

	// E10: only the callback's own path takes a form of others.
	for (const [path, status] of [
		['/auth/fake?x=/auth/fake/callback', 403], ['/auth/fake#/auth/fake/callback', 403], ['/auth/fake/callback/..', 404], ['/auth/fake/callback/', 404],
		['/auth/fake/callback;x', 404], ['/auth/fake/%63allback/%2e%2e/%2e%2e/fake', 403], ['/logout?/auth/fake/callback', 403], ['/auth/fake/callback%2f..%2f..%2f..%2flogout', 404],
	]) {
		await refusedForm(site + path, { code: 'c0de', state }, status)
	}
	assert.equal(await who(), 'bob')
	assert((await seen()).every(v => !v.Begun))

	page = await on(site)
	await submit(page, 'sign-out')
	assert.equal(await who(), 'nobody', 'a form of the site itself')

	// C28: what makes a browser ask for the address by GET.
	const quiet = ms => new Promise(done => setTimeout(done, ms))
	const sameSite = other.replace('127.0.0.1', 'localhost')
	const ways = {
		image: `<img src="${begin}">`,
		frame: `<iframe src="${begin}"></iframe>`,
		style: `<link rel="stylesheet" href="${begin}">`,
		script: `<script src="${begin}"></script>`,
		prefetch: `<link rel="prefetch" href="${begin}">`,
		fetch: `<script>fetch(${JSON.stringify(begin)}, { mode: 'no-cors', credentials: 'include' }).catch(() => {})</script>`,
		refresh: `<meta http-equiv="refresh" content="0;url=${begin}">`,
		location: `<script>location.replace(${JSON.stringify(begin)})</script>`,
		form: form(begin, {}, 'get') + '<script>document.forms[0].submit()</script>',
		link: `<a id="to" href="${begin}">Look</a>`,
		'link to a new tab': `<a id="to" target="_blank" href="${begin}">Look</a>`,
		'link without a referrer': `<a id="to" rel="noreferrer" href="${begin}">Look</a>`,
		'redirects to it': `<a id="to" href="${other}/?to=${encodeURIComponent(`${other}/?to=${encodeURIComponent(begin)}`)}">Look</a>`,
		'redirects to an image': `<img src="${other}/?to=${encodeURIComponent(begin)}">`,
		'a window': `<button id="to" onclick="window.open(${JSON.stringify(begin).replaceAll('"', '&quot;')})">Look</button>`,
		prerender: `<script type="speculationrules">${JSON.stringify({ prerender: [{ urls: [begin], eagerness: 'immediate' }], prefetch: [{ urls: [begin], eagerness: 'immediate' }] })}</script>`,
	}
	let asked = 0
	for (const where of [other, sameSite]) {
		for (const [name, html] of Object.entries(ways)) {
			const window = await browser.newContext() // of its own: what a way opens is closed with it
			const page = await on(where, window)
			await page.setContent(html, { waitUntil: 'commit' }).catch(() => {}) // it may be gone already
			if (html.includes('id="to"')) await page.click('#to')
			let visits = []
			for (let i = 0; i < 20 && visits.length === 0; i++) {
				await quiet(50)
				visits = await seen()
			}
			asked += visits.length
			assert(visits.every(v => !v.Begun), `${name} on ${where}: ${JSON.stringify(visits)}`)
			if (name !== 'prerender' && name !== 'prefetch') assert(visits.length > 0, `${name} on ${where}: nothing was asked`)
			await window.close()
		}
	}
	console.log(`${Object.keys(ways).length} ways on another site and on another port of this one: ${asked} requests, none began`)
	assert.equal(await who(), 'nobody')

	// Ahead of time, on the site itself, nothing begins either.
	page = await on(site)
	await page.evaluate(to => {
		const rules = document.createElement('script')
		rules.type = 'speculationrules'
		rules.textContent = JSON.stringify({ prerender: [{ urls: [to], eagerness: 'immediate' }] })
		document.body.append(rules)
	}, begin)
	await quiet(500)
	const ahead = await seen()
	assert(ahead.every(v => !v.Begun && v.Status === 400), JSON.stringify(ahead))
	console.log(`ahead of time: ${JSON.stringify(ahead)}`)

	// A person who follows the link of the site itself signs in.
	await page.click('#begin')
	await page.waitForURL(site + '/')
	assert.equal(await who(), 'ann')
	const visits = await seen()
	assert.deepEqual(visits.filter(v => v.Begun).map(v => v.Site), ['same-origin'], JSON.stringify(visits))
	// So does one who presses the button.
	await submit(page, 'sign-out')
	page = await on(site)
	await submit(page, 'post')
	await page.waitForURL(site + '/')
	assert.equal(await who(), 'ann')
	await page.screenshot({ path: `${process.env.SCREENSHOTS}/signed-in.png` })
}
