// Where Chromium goes from a page of the site: see TestChromium.
export default async ({ browser, args: [site, elsewhere], assert }) => {
	const page = await browser.newPage()
	await page.goto(site + '/login')
	const lists = {}
	for (const name of ['accepted', 'refused']) lists[name] = await (await page.request.get(`${site}/${name}`)).json()

	// A link, as the parser of the browser reads it.
	const origins = list => page.evaluate(list => list.map(to => {
		const a = document.createElement('a')
		a.href = to
		return a.origin
	}), list)
	const stay = await origins(lists.accepted)
	assert.deepEqual(lists.accepted.filter((_, i) => stay[i] !== site), [])
	// A header with a control character net/http mends, or Chromium refuses.
	const leave = (await origins(lists.refused)).map((origin, i) => origin === elsewhere && !/\p{Cc}/u.test(lists.refused[i]) ? i : -1).filter(i => i >= 0)
	console.log(`links: ${stay.length} accepted, all stay; of ${lists.refused.length} refused ${leave.length} lead to the other site`)
	assert(leave.length >= 10, 'the candidates are no test')

	// A script, and a redirect: where the page ends. Each begins where the one
	// before it ended, which makes no difference to what begins with a slash.
	const follow = {
		script: async (list, i) => {
			const arrived = page.waitForEvent('framenavigated')
			await page.evaluate(to => { location.assign(to) }, lists[list][i])
			await arrived
		},
		redirect: (list, i) => page.goto(`${site}/${list}?redirect=${i}`, { waitUntil: 'commit' }),
	}
	const sample = Array.from({ length: 80 }, (_, i) => Math.floor(i * lists.accepted.length / 80))
	for (const [how, go] of Object.entries(follow)) {
		for (const i of sample) {
			await go('accepted', i)
			assert.equal(new URL(page.url()).origin, site, `${how}: ${JSON.stringify(lists.accepted[i])}`)
		}
		for (const i of leave.slice(0, 10)) { // without the check
			await page.goto(site + '/login')
			await go('refused', i)
			assert.equal(new URL(page.url()).origin, elsewhere, `${how}: ${JSON.stringify(lists.refused[i])}`)
		}
		console.log(`${how}: ${sample.length} accepted, all stay; 10 refused ones leave`)
	}
}
