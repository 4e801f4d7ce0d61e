// Starts Chromium, runs the script that the first argument names, ends Chromium.
import assert from 'node:assert/strict'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const [path, ...args] = process.argv.slice(2)
const script = await import(pathToFileURL(path))
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM,
	args: [
		'--no-sandbox', // Chromium has none for root
		'--disable-gpu',
		'--disable-quic',
		'--no-first-run',
		'--disable-background-networking', // it talks to the tests alone
		'--disable-component-update',
		'--disable-sync',
	],
})
try {
	await script.default({ browser, args, assert, dir: process.env.SCREENSHOTS })
} finally {
	await browser.close()
}
