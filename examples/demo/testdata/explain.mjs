// What a developer sees who wonders about a refusal, in Chromium.
//
// args: the site, and a directory for screenshots, which may be empty.

export default async ({ browser, args: [site, dir], assert }) => {
	const context = await browser.newContext({ baseURL: site, viewport: { width: 1280, height: 800 } })
	const page = await context.newPage()
	const violations = []
	page.on('pageerror', (error) => violations.push(String(error)))
	page.on('console', (message) => {
		if (/Content.Security.Policy/i.test(message.text())) violations.push(message.text())
	})
	const signIn = async (name, password) => {
		await page.goto('/login')
		await page.getByLabel('Name').fill(name)
		await page.getByLabel('Password').fill(password)
		await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click()
	}
	// look checks the page at both sizes, and keeps a picture of each.
	const look = async (name) => {
		for (const [size, width] of Object.entries({ phone: 390, desk: 1280 })) {
			await page.setViewportSize({ width, height: 800 })
			const scroll = await page.evaluate(() => document.documentElement.scrollWidth)
			assert.ok(scroll <= width, `${name} at ${width}: scrolls sideways to ${scroll}`)
			if (!dir) continue
			for (const colorScheme of ['light', 'dark']) {
				await page.emulateMedia({ colorScheme })
				await page.screenshot({ path: `${dir}/${name}-${size}${colorScheme === 'dark' ? '-dark' : ''}.png`, fullPage: true })
			}
		}
	}

	await page.goto('/')
	await page.getByRole('contentinfo').getByRole('link', { name: 'Why was I refused?' }).click()
	assert.match(await page.getByRole('main').innerText(), /Nothing has been decided yet/)
	await look('explain-empty')

	await page.goto('/account') // to the sign-in page, for want of a session
	await signIn('alice', 'not the password')
	await signIn('alice', 'not the password either')
	await signIn('mallory "quoted" <b>with markup</b> ' + 'and a name that goes on '.repeat(4), 'nothing')
	await signIn('alice', 'wonderland-wonderland')
	await page.goto('/debug/passport')
	const attempts = page.getByRole('listitem')
	const said = await attempts.allInnerTexts()
	assert.match(said[0], /success\s+require by session/)
	assert.match(said[1], /success\s+login by local.*alice/s)
	assert.match(said[2], /fail\s+login by local.*mallory.*invalid-credentials/s)
	assert.match(said[3], /fail\s+login by local ×2.*alice.*invalid-credentials.*POST \/login/s)
	assert.match(said[4], /pass\s+require.*no-credentials.*GET \/account/s)
	assert.equal(await attempts.nth(3).getByRole('link').getAttribute('href'),
		'https://github.com/gopassport/passport/blob/main/docs/errors/invalid-credentials.md')
	const text = await page.content()
	for (const secret of ['not the password', 'wonderland-wonderland']) assert.ok(!text.includes(secret), secret)
	for (const { value } of await context.cookies(site)) assert.ok(!text.includes(value))
	assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('.badge')).borderRadius), '16px', 'the style is blocked')
	await look('explain')
	assert.deepEqual(violations, [])

	// What comes by a proxy is told nothing.
	const proxied = await browser.newContext({ extraHTTPHeaders: { 'X-Forwarded-For': '127.0.0.1' } })
	const refused = await (await proxied.newPage()).goto(site + '/debug/passport')
	assert.equal(refused.status(), 403)
}
