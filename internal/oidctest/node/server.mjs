// npm's oidc-provider, with everybody's account: who is meant stands in
// login_hint, and nothing is asked. It takes its settings from the variable
// SETTINGS, prints its port, and ends when its standard input does. Its access
// tokens for a resource are JWTs. POST /rotate gives it a new key, beside the
// last one, with ?withdraw in its place.
import { createServer } from 'node:http'
import { generateKeyPairSync } from 'node:crypto'
import Provider from 'oidc-provider'

const { algorithm, client } = JSON.parse(process.env.SETTINGS)

const newKey = kid => {
  const pair = algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { ...pair.privateKey.export({ format: 'jwk' }), alg: algorithm, use: 'sig', kid }
}

let handle
const server = createServer((req, res) => handle(req, res))
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`

// The first of the keys signs.
const start = keys => new Provider(issuer, {
  clients: [{
    ...client,
    grant_types: ['authorization_code', 'client_credentials'],
    response_types: ['code'],
    id_token_signed_response_alg: algorithm,
    backchannel_logout_session_required: true,
  }],
  jwks: { keys },
  cookies: { keys: ['a secret of this process alone'] },
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  features: {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => ({
        audience: resource, scope: 'notes:read', accessTokenFormat: 'jwt', jwt: { sign: { alg: algorithm } },
      }),
    },
  },
  // It refuses addresses of this machine, where the app is.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: id }),
  }),
})

let keys = [newKey('k1')]
let provider = start(keys)
provider.on('backchannel.error', (ctx, err) => console.error(err))

handle = async (req, res) => {
  if (req.method === 'POST' && req.url.startsWith('/rotate')) {
    const last = req.url.endsWith('?withdraw') ? [] : keys
    keys = [newKey(`k${Date.now()}`), ...last]
    provider = start(keys)
    return res.writeHead(204).end()
  }
  if (!req.url.startsWith('/interaction/')) return provider.callback()(req, res)
  const { prompt, params, session } = await provider.interactionDetails(req, res)
  if (prompt.name === 'login') {
    return provider.interactionFinished(req, res, { login: { accountId: params.login_hint } })
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
  grant.addOIDCScope(params.scope)
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } })
}

console.log(server.address().port)
process.stdin.on('end', () => process.exit()).resume()
