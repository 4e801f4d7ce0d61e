// What a person does on the demo who has an account elsewhere, in Chromium.
//
// args: the site, the provider, and a directory for screenshots, which may be
// empty.

const sizes = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } }

export default async ({ browser, args: [site, provider, dir], assert }) => {
	const violations = []
	const visitor = async () => {
		const context = await browser.newContext({ baseURL: site })
		const page = await context.newPage()
		page.on('console', (message) => {
			if (/Content.Security.Policy/i.test(message.text())) violations.push(message.text())
		})
		return page
	}
	const press = (page, name) => page.locator('main, body').last().getByRole('button', { name }).click()
	const at = (page, want) => assert.equal(new URL(page.url()).pathname, want)
	const heading = (page) => page.locator('h1').innerText()
	const look = async (page, name) => {
		for (const [size, viewport] of Object.entries(sizes)) {
			await page.setViewportSize(viewport)
			const { scroll, width } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, width: innerWidth }))
			assert.ok(scroll <= width, `${name} at ${viewport.width}: scrolls sideways`)
			if (dir) await page.screenshot({ path: `${dir}/demo-${name}-${size}.png`, fullPage: true })
		}
	}
	// as says at the provider who it is.
	const as = async (page, who) => {
		assert.ok(page.url().startsWith(provider), page.url())
		await page.getByRole('button', { name: who }).click()
		await page.waitForURL(`${site}/**`)
	}
	const signInWith = async (page, who) => {
		await page.goto('/login')
		await press(page, 'Continue with Example ID')
		await as(page, who)
	}
	const signIn = async (page, name, password) => {
		await page.goto('/login')
		await page.getByLabel('Name').fill(name)
		await page.getByLabel('Password').fill(password)
		await press(page, 'Sign in')
		at(page, '/account')
	}
	const signOut = (page) => page.getByRole('navigation').getByRole('button', { name: 'Sign out' }).click()

	// A newcomer chooses a name, and is signed in by nothing less.
	const one = await visitor()
	await one.goto('/nickname')
	at(one, '/login')
	await look(one, 'login')
	await signInWith(one, /Ann/)
	at(one, '/nickname')
	assert.equal(await one.getByLabel('Name').inputValue(), 'ann')
	await look(one, 'nickname')
	await one.getByLabel('Name').fill('alice')
	await press(one, 'Create account')
	assert.match(await one.getByRole('alert').innerText(), /taken/)
	await one.goto('/account')
	at(one, '/login')
	await one.goto('/nickname')
	await press(one, 'Create account')
	at(one, '/account')
	assert.match(await one.getByRole('status').innerText(), /Welcome/)
	assert.equal(await one.getByRole('heading', { name: 'Change your password' }).count(), 0)
	await look(one, 'account-social')

	// The only way in stays.
	await press(one, 'Disconnect')
	assert.match(await one.getByRole('status').innerText(), /only way in/)
	await signOut(one)
	await signInWith(one, /Ann/)
	at(one, '/account')
	await one.goto('/')
	assert.equal(await heading(one), 'Hello, ann!')

	// Somebody with a password connects an account, and comes in by it.
	const two = await visitor()
	await signIn(two, 'alice', 'wonderland-wonderland')
	await press(two, 'Connect Example ID')
	await as(two, /Ben/)
	at(two, '/account')
	assert.match(await two.getByRole('status').innerText(), /connected/)
	assert.equal(await two.getByRole('button', { name: 'Disconnect' }).count(), 1)
	await look(two, 'account-connected')
	const other = await visitor()
	await signInWith(other, /Ben/)
	await other.goto('/')
	assert.equal(await heading(other), 'Hello, alice!')

	// It is nobody else's then.
	const three = await visitor()
	await signIn(three, 'bob', 'builder-builder')
	await press(three, 'Connect Example ID')
	await as(three, /Ben/)
	assert.match(await three.getByRole('alert').innerText(), /somebody else/)
	await look(three, 'account-refused')
	assert.equal(await three.getByRole('button', { name: 'Disconnect' }).count(), 0)
	await press(three, 'Connect Example ID')
	await as(three, 'Cancel')
	assert.match(await three.getByRole('alert').innerText(), /cancelled/)
	await three.goto('/')
	assert.equal(await heading(three), 'Hello, bob!')

	// Disconnected, it is a newcomer's again.
	await two.goto('/account')
	await press(two, 'Disconnect')
	assert.match(await two.getByRole('status').innerText(), /disconnected/)
	const four = await visitor()
	await signInWith(four, /Ben/)
	at(four, '/nickname')

	assert.deepEqual(violations, [])
}
