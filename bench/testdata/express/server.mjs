// The site of the other contenders on Express, express-session,
// express-mysql-session and Passport.js, as their documentation has it.
import express from 'express'
import mysqlSession from 'express-mysql-session'
import session from 'express-session'
import passport from 'passport'

const users = new Map(Array.from({ length: 64 }, (_, i) => [`user-${i}`, { id: `user-${i}` }]))
passport.serializeUser((user, done) => done(null, user.id))
passport.deserializeUser((id, done) => done(null, users.get(id) ?? false))

const source = new URL(process.env.BENCH_SOURCE)
const MySQLStore = mysqlSession(session)
const store = new MySQLStore({
	host: source.hostname,
	port: source.port,
	user: decodeURIComponent(source.username),
	password: decodeURIComponent(source.password),
	database: source.pathname.slice(1),
	connectionLimit: 16,
	disableTouch: process.env.TOUCH !== 'true',
	schema: { tableName: 'express_sessions' },
})
await store.onReady()

const app = express()
app.disable('x-powered-by')
app.set('etag', false)
app.get('/cpu', (req, res) => {
	const { user, system } = process.cpuUsage()
	res.end(String(user + system))
})
app.use(session({ store, secret: 'a secret for the benchmark', resave: false, saveUninitialized: false }))
app.use(passport.session())
app.post('/', (req, res, next) => {
	req.logIn(users.get(req.get('X-User')), (err) => (err ? next(err) : res.end()))
})
app.get('/', (req, res) => {
	if (!req.isAuthenticated()) return res.status(401).end()
	res.type('text/plain').send(`Hello, ${req.user.id}!\n`)
})

const server = app.listen(0, '127.0.0.1', () => console.log(`127.0.0.1:${server.address().port}`))
server.keepAliveTimeout = 0 // idle connections are kept, as Go does
process.stdin.on('end', () => process.exit()).resume()
