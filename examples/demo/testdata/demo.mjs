// What a person does on the demo, in Chromium.
//
// args: the site, a URL of the test whose POST restarts the server, and a
// directory for screenshots, which may be empty.

const sizes = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } }
const iPhone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'
const password = 'correct horse battery staple'
const changed = 'purple monkey dishwasher lamp'

export default async ({ browser, args: [site, restart, dir], assert }) => {
	const violations = []

	// A visitor is a browser with cookies of its own, here with one tab.
	const visitor = async (options) => {
		const context = await browser.newContext({ baseURL: site, viewport: sizes.desk, ...options })
		const page = await tab(context)
		return { context, page }
	}
	const tab = async (context) => {
		const page = await context.newPage()
		page.on('pageerror', (error) => violations.push(String(error)))
		page.on('console', (message) => {
			if (/Content.Security.Policy/i.test(message.text())) violations.push(message.text())
		})
		return page
	}
	const path = (page) => new URL(page.url()).pathname
	const at = async (page, want) => assert.equal(path(page), want, await page.locator('main').innerText())
	const press = (page, name) => page.getByRole('main').getByRole('button', { name, exact: true }).click()
	const says = async (page, role, text) => assert.match(await page.getByRole(role).innerText(), text)
	const session = async (context) => (await context.cookies(site)).find(({ name }) => name === '__Host-session')

	const signIn = async (page, name, secret, remember) => {
		await page.goto('/login')
		await page.getByLabel('Name').fill(name)
		await page.getByLabel('Password').fill(secret)
		if (remember) await page.getByLabel('Keep me signed in').check()
		await press(page, 'Sign in')
	}

	// look checks a page at both sizes, and keeps a picture of each.
	const look = async (page, name) => {
		const before = page.viewportSize()
		for (const [size, viewport] of Object.entries(sizes)) {
			await page.setViewportSize(viewport)
			const { scroll, width } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, width: innerWidth }))
			assert.ok(scroll <= width, `${name} at ${viewport.width}: scrolls sideways to ${scroll}`)
			if (!dir) continue
			for (const colorScheme of ['light', 'dark']) {
				await page.emulateMedia({ colorScheme })
				await page.screenshot({ path: `${dir}/${name}-${size}${colorScheme === 'dark' ? '-dark' : ''}.png`, fullPage: true })
			}
			await page.emulateMedia({ colorScheme: null })
		}
		await page.setViewportSize(before)
	}

	// keys walks through a page with the tab key: every stop can be seen, and
	// has a name. It returns the names in order.
	const keys = async (page) => {
		await page.evaluate(() => {
			document.body.tabIndex = -1 // to begin at the top
			document.body.focus()
			document.body.removeAttribute('tabindex')
		})
		const names = []
		for (;;) {
			await page.keyboard.press('Tab')
			const stop = await page.evaluate(() => {
				const element = document.activeElement
				if (element === document.body || element.dataset.seen) return null
				element.dataset.seen = 'yes'
				const { outlineStyle, outlineWidth } = getComputedStyle(element)
				return {
					name: (element.ariaLabel || element.labels?.[0]?.innerText || element.innerText || '').trim(),
					visible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2,
				}
			})
			if (!stop) return names
			assert.ok(stop.visible, `focus on ${stop.name} cannot be seen`)
			assert.notEqual(stop.name, '', 'a stop without a name')
			names.push(stop.name)
		}
	}

	const one = await visitor()
	await one.page.goto('/')
	await look(one.page, 'home')

	// Registration: what is refused says why, what is accepted signs in.
	await one.page.goto('/register')
	await look(one.page, 'register')
	await one.page.getByLabel('Name').fill('alice')
	await one.page.getByLabel('Password').fill(password)
	await press(one.page, 'Create account')
	await at(one.page, '/register')
	await says(one.page, 'alert', /taken/)
	await look(one.page, 'register-error')
	await one.page.getByLabel('Name').fill('Carol')
	await one.page.getByLabel('Password').fill(password)
	await press(one.page, 'Create account')
	await at(one.page, '/account')
	await says(one.page, 'status', /Welcome/)
	await look(one.page, 'account')
	await one.page.reload()
	assert.equal(await one.page.getByRole('status').count(), 0, 'a message is shown twice')

	// Wrong passwords, and no way to tell who exists. The visitor was on the
	// way to another page, and gets there in the end, through a restart.
	const two = await visitor({ userAgent: iPhone })
	await two.page.goto('/sessions')
	await at(two.page, '/login')
	assert.equal(await two.page.evaluate(() => document.activeElement.id), 'username')
	await look(two.page, 'login')
	assert.deepEqual(await keys(two.page), [
		'Skip to the content', 'Passport', 'Sign in', 'Register', 'Name', 'Password', 'Keep me signed in for 30 days',
		'Sign in', 'Continue with Example ID', 'Create an account', 'gopassport/passport',
	])
	const refusals = []
	for (const name of ['carol', 'nobody']) {
		await signIn(two.page, name, 'not the password')
		await at(two.page, '/login')
		refusals.push(await two.page.getByRole('alert').innerText())
		assert.equal(await session(two.context), undefined)
	}
	assert.equal(refusals[0], refusals[1])
	await look(two.page, 'login-error')
	await fetch(restart, { method: 'POST' })
	await signIn(two.page, 'carol', password, true)
	await at(two.page, '/sessions')
	assert.ok((await session(two.context)).expires > 0, 'a remembered session ends with the browser')
	assert.equal((await session(one.context)).expires, -1)

	// Two tabs share a session, two browsers do not, and a restart ends none.
	const other = await tab(one.context)
	for (const page of [one.page, other, two.page]) {
		await page.goto('/')
		assert.match(await page.locator('h1').innerText(), /^Hello, carol!$/)
	}
	await look(one.page, 'hello')
	assert.notEqual((await session(one.context)).value, (await session(two.context)).value)

	// One session ends another one from the list.
	await one.page.goto('/sessions')
	await look(one.page, 'sessions')
	const devices = one.page.getByRole('listitem')
	assert.equal(await devices.count(), 2)
	assert.match(await devices.nth(0).innerText(), /Chrome on Linux.*This device/s)
	assert.match(await devices.nth(1).innerText(), /Safari on iPhone.*Remembered/s)
	assert.deepEqual((await keys(one.page)).slice(5), [
		'change your password', 'Sign out Chrome on Linux, this device', 'Sign out Safari on iPhone', 'Sign out all others', 'gopassport/passport',
	])
	await press(one.page, 'Sign out Safari on iPhone')
	await says(one.page, 'status', /signed out/)
	assert.equal(await devices.count(), 1)
	await look(one.page, 'sessions-alone')
	await two.page.reload()
	await two.page.getByRole('link', { name: 'Create an account' }).waitFor()
	await two.page.goto('/account')
	await at(two.page, '/login')

	// A new password ends every other session.
	await signIn(two.page, 'carol', password)
	await one.page.goto('/account')
	await one.page.getByLabel('Current password').fill('not the password')
	await one.page.getByLabel('New password').fill(changed)
	await press(one.page, 'Change password')
	await says(one.page, 'alert', /not your current password/)
	await look(one.page, 'account-error')
	await one.page.getByLabel('Current password').fill(password)
	await one.page.getByLabel('New password').fill(changed)
	await press(one.page, 'Change password')
	await says(one.page, 'status', /changed/)
	await at(one.page, '/account')
	await other.reload()
	assert.match(await other.locator('h1').innerText(), /^Hello, carol!$/)
	await two.page.goto('/account')
	await at(two.page, '/login')
	await signIn(two.page, 'carol', password)
	await says(two.page, 'alert', /./)
	await signIn(two.page, 'carol', changed)
	await at(two.page, '/account')

	// All others at once. What they send afterwards is answered in words.
	await one.page.goto('/sessions')
	await two.page.goto('/sessions')
	await press(one.page, 'Sign out all others')
	await says(one.page, 'status', /signed out/)
	assert.equal(await devices.count(), 1)
	await press(two.page, 'Sign out all others')
	assert.match(await two.page.locator('h1').innerText(), /signed out/)
	await look(two.page, 'signed-out')
	await two.page.goto('/nowhere')
	assert.match(await two.page.locator('h1').innerText(), /Not found/)

	// After signing out the cookie is gone, and worth nothing when it is not.
	const old = await session(one.context)
	await one.page.getByRole('navigation').getByRole('button', { name: 'Sign out' }).click()
	await at(one.page, '/')
	await says(one.page, 'status', /signed out/)
	assert.equal(await session(one.context), undefined)
	await other.goto('/account')
	await at(other, '/login')
	await one.context.addCookies([{ name: old.name, value: old.value, url: site.replace('http:', 'https:'), httpOnly: true, secure: true, sameSite: 'Lax' }])
	assert.equal((await session(one.context))?.value, old.value)
	await one.page.goto('/account')
	await at(one.page, '/login')

	assert.deepEqual(violations, [])
}
