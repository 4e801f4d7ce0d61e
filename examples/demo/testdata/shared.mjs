// What a person sees of two servers that share a database, in Chromium.
//
// args: the two sites, a URL of the test whose /kill and /restart are about
// the database, and a directory for screenshots, which may be empty. Cookies
// know no ports: the browser sends one session to both.

export default async ({ browser, args: [one, two, database, dir], assert }) => {
	const context = await browser.newContext()
	const page = await context.newPage()
	const heading = () => page.locator('h1').innerText()
	const look = (name) => dir && page.screenshot({ path: `${dir}/${name}.png`, fullPage: true })
	const session = async () => (await context.cookies(one)).find(({ name }) => name === '__Host-session')
	const signIn = async (site) => {
		await page.goto(`${site}/login`)
		await page.getByLabel('Name').fill('alice')
		await page.getByLabel('Password').fill('wonderland-wonderland')
		await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click()
		assert.equal(page.url(), `${site}/account`)
	}
	const signOut = () => page.getByRole('navigation').getByRole('button', { name: 'Sign out' }).click()

	// Signed in on one, signed in on the other.
	await signIn(one)
	await page.goto(two)
	assert.match(await heading(), /^Hello, alice!$/)
	await look('two-servers')

	// Signed out on one, refused on the other: with the cookie too.
	const old = await session()
	await page.goto(`${one}/account`)
	await signOut()
	await context.addCookies([{ name: old.name, value: old.value, url: two.replace('http:', 'https:'), httpOnly: true, secure: true, sameSite: 'Lax' }])
	await page.goto(`${two}/account`)
	assert.equal(page.url(), `${two}/login`)

	// Without the database nobody is let in, and nobody is signed out.
	await signIn(two)
	const before = await session()
	await fetch(`${database}/kill`)
	for (const site of [one, two]) {
		const response = await page.goto(`${site}/account`)
		assert.equal(response.status(), 503)
		assert.match(await heading(), /^Back in a moment$/)
		assert.equal(await page.getByRole('link', { name: 'Sign in' }).count(), 0)
	}
	await look('database-is-down')
	assert.deepEqual(await session(), before)

	// When it is back, all is as it was.
	await fetch(`${database}/restart`)
	for (const site of [one, two]) {
		const response = await page.goto(`${site}/account`)
		assert.equal(response.status(), 200)
	}
	await page.goto(one)
	assert.match(await heading(), /^Hello, alice!$/)
}
