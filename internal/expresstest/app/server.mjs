// An Express app as many are: express-session over a database, Passport.js
// with passport-local. It takes its settings from the variable SETTINGS,
// prints its port, and ends when its standard input does.
import express from 'express'
import session from 'express-session'
import passport from 'passport'
import { Strategy } from 'passport-local'
import mysqlStore from 'express-mysql-session'
import pgStore from 'connect-pg-simple'
import { RedisStore } from 'connect-redis'
import { createClient } from 'redis'

const { url, table, secrets, ids, maxAge, resave, keepSessionInfo, stamps } = JSON.parse(process.env.SETTINGS)

const stores = {
  async mysql() {
    const { hostname: host, port, username: user, password, pathname } = new URL(url)
    const store = new (mysqlStore(session))({
      host, port, user, password, database: pathname.slice(1), schema: { tableName: table },
    })
    await store.onReady()
    return store
  },
  async postgres() {
    const store = new (pgStore(session))({ conString: url, schemaName: table, createTableIfMissing: true })
    await new Promise((resolve, reject) => store.get('', err => err ? reject(err) : resolve())) // makes the table
    return store
  },
  async redis() {
    const client = createClient({ url })
    await client.connect()
    return new RedisStore({ client, prefix: table })
  },
}
const store = await stores[new URL(url).protocol.slice(0, -1)]()

const users = ['alice', 'bob'].map((name, i) => ({ name, id: ids === 'number' ? i : `user-${i}`, stamp: 1 }))

passport.use(new Strategy((name, password, done) => {
  done(null, password === 'secret' && users.find(user => user.name === name))
}))
passport.serializeUser((user, done) => done(null, user.id))
passport.deserializeUser((id, done) => done(null, users.find(user => user.id === id) ?? false))

const app = express()
app.use(express.json())
app.use(session({
  store, secret: secrets, resave, saveUninitialized: false,
  cookie: { maxAge, sameSite: 'lax' },
}))
app.use(passport.session())

const me = req => ({ name: req.user?.name ?? '' })

app.post('/login', passport.authenticate('local', { keepSessionInfo }), (req, res) => {
  if (stamps) req.session.stamp = req.user.stamp
  res.json(me(req))
})
app.post('/logout', (req, res, next) => req.logout(err => err ? next(err) : res.json(me(req))))
app.get('/me', (req, res) => { res.json(me(req)) })
app.get('/session', (req, res) => { res.json(req.session) })
app.get('/names', (req, res) => {
  const names = []
  for (let o = req.session; o; o = Object.getPrototypeOf(o)) names.push(...Object.getOwnPropertyNames(o))
  res.json(names)
})
app.post('/set', (req, res) => {
  Object.assign(req.session, req.body)
  res.json({})
})

// A request that has loaded its session, and saves it when it is let go.
const gate = () => {
  let open
  const opened = new Promise(resolve => { open = resolve })
  return { open, opened }
}
const loaded = gate(), letGo = gate()
app.post('/slow', async (req, res) => {
  req.session.slow = 'node'
  loaded.open()
  await letGo.opened
  res.json({})
})
app.post('/waits', async (req, res) => {
  await loaded.opened
  res.json({})
})
app.post('/go', (req, res) => {
  letGo.open()
  res.json({})
})

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit()).resume()
