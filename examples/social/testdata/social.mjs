// What a person does who signs in with an account elsewhere, in Chromium.
//
// args: the site, the provider, and a directory for screenshots, which may be
// empty.

const sizes = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } }

export default async ({ browser, args: [site, provider, dir], assert }) => {
	const visitor = async () => {
		const context = await browser.newContext({ baseURL: site })
		return { context, page: await context.newPage() }
	}
	const press = (page, name) => page.getByRole('button', { name }).click()
	const heading = (page) => page.locator('h1').innerText()
	const names = async (context) => (await context.cookies(site)).map(({ name }) => name)
	const look = async (page, name) => {
		for (const [size, viewport] of Object.entries(sizes)) {
			await page.setViewportSize(viewport)
			const { scroll, width } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, width: innerWidth }))
			assert.ok(scroll <= width, `${name} at ${viewport.width}: scrolls sideways`)
			if (!dir) continue
			for (const colorScheme of ['light', 'dark']) {
				await page.emulateMedia({ colorScheme })
				await page.screenshot({ path: `${dir}/${name}-${size}${colorScheme === 'dark' ? '-dark' : ''}.png` })
			}
			await page.emulateMedia({ colorScheme: null })
		}
	}
	// begin goes as far as the provider's page.
	const begin = async (page) => {
		await page.goto('/')
		await press(page, 'Continue with Example ID')
		assert.ok(page.url().startsWith(provider), page.url())
	}
	// finish says who it is, and returns the URL of the callback.
	const finish = async (page, who) => {
		const [back] = await Promise.all([
			page.waitForRequest((request) => request.url().startsWith(`${site}/auth/example/callback`)),
			press(page, who),
		])
		await page.waitForLoadState()
		return back.url()
	}

	// Whoever cancels is told so, in words of ours.
	const one = await visitor()
	await one.page.goto('/')
	await look(one.page, 'social')
	await begin(one.page)
	await look(one.page, 'social-provider')
	await press(one.page, 'Cancel')
	assert.equal(new URL(one.page.url()).pathname, '/')
	assert.equal(await one.page.getByRole('alert').innerText(), 'The sign-in was cancelled.')
	await look(one.page, 'social-cancelled')
	assert.deepEqual((await names(one.context)).filter((name) => name.includes('flow')), [])

	// Two tabs begin, and both finish. The page that was asked for is shown.
	await one.page.goto('/account')
	assert.equal(new URL(one.page.url()).pathname, '/')
	const tab = await one.context.newPage()
	await begin(one.page)
	await begin(tab)
	const callback = await finish(one.page, /Ann/)
	assert.equal(await heading(one.page), 'Hello, Ann Archer!')
	assert.equal(new URL(one.page.url()).pathname, '/account')
	assert.match(await one.page.locator('dl').innerText(), /ann@example\.com/)
	await look(one.page, 'social-hello')
	await finish(tab, /Ben/)
	assert.equal(await heading(tab), 'Hello, Ben Baker!')
	await one.page.reload()
	assert.equal(await heading(one.page), 'Hello, Ben Baker!')
	assert.deepEqual((await names(one.context)).filter((name) => name.includes('flow')), [])

	// The same callback again signs nobody in, here or elsewhere.
	await one.page.goto(callback)
	assert.equal(await heading(one.page), 'Hello, Ben Baker!')
	const two = await visitor()
	await two.page.goto(callback)
	assert.equal(await heading(two.page), 'Sign in')
	assert.match(await two.page.getByRole('alert').innerText(), /not begun in this browser/)
	await look(two.page, 'social-replayed')

	// One who begins, and comes back with the state of somebody else.
	const mine = await visitor()
	await begin(mine.page)
	await begin(two.page)
	const theirs = await two.page.context().newPage()
	await theirs.route('**/auth/example/callback*', (route) => route.abort())
	await theirs.goto('/')
	await press(theirs, 'Continue with Example ID')
	const [stolen] = await Promise.all([
		theirs.waitForRequest((request) => request.url().startsWith(`${site}/auth/example/callback`)),
		press(theirs, /Ann/).catch(() => {}),
	])
	await mine.page.goto(stolen.url())
	assert.equal(await heading(mine.page), 'Sign in')
	assert.equal((await names(mine.context)).includes('__Host-session'), false)
	// What was begun before it is not lost.
	await begin(mine.page)
	await finish(mine.page, /Ann/)
	assert.equal(await heading(mine.page), 'Hello, Ann Archer!')

	// Signing out ends it here and at the provider, and comes back.
	await press(mine.page, 'Sign out')
	await mine.page.waitForURL(`${site}/`)
	assert.equal(await heading(mine.page), 'Sign in')
	assert.equal((await names(mine.context)).includes('__Host-session'), false)
	await mine.page.goto('/account')
	assert.equal(await heading(mine.page), 'Sign in')
}
