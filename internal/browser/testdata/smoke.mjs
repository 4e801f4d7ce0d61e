export default async ({ browser, args, dir, assert }) => {
	const page = await browser.newPage({ viewport: { width: 390, height: 844 } })
	const response = await page.goto(args[0])
	assert.equal(response.status(), 200)
	console.log(await page.title())
	await page.screenshot({ path: `${dir}/smoke.png` })
}
