// Reads strings, a line of JSON each, and writes a letter for each: see judge.
import { createInterface } from 'node:readline'

const base = 'https://site.example/login'
let verdicts = ''
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
	const url = URL.canParse(JSON.parse(line), base) && new URL(JSON.parse(line), base)
	verdicts += !url ? 'x' : url.origin === 'https://site.example' ? 's' : 'l'
}
process.stdout.write(verdicts)
