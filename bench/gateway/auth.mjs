// What it costs to find out who a request comes from, in isolation: CPU microseconds a request that gets in. `auth.mjs`, after a build.
import { createHash, createHmac, generateKeyPairSync, randomBytes, scryptSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './feature-list.mjs'
import { median } from './rounds.mjs'

const dist = (file) => import(pathToFileURL(join(root, 'packages/gateway/dist', file)).href)
const { HeadParser } = await dist('http1/head-parser.js')
const { askPolicies } = await dist('policy/ask.js')
const { HeadRequest } = await dist('policy/head-request.js')
const { AuthPolicies } = await dist('auth/auth-policies.js')
const { GatewayMetrics } = await dist('metrics/gateway-metrics.js')
const { CookieSeal } = await dist('auth/login/cookie-seal.js')

const folder = mkdtempSync(join(tmpdir(), 'pando-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const listener = { name: 'edge', port: 8080, isMesh: false, isSecure: false }
const rounds = 7
/** Tokens that differ, for the cost of one that was not seen before. */
const different = 500
const repeated = 200_000

const claims = {
  iss: 'https://id.example.org',
  aud: 'shop',
  sub: '5be86359-073c-434b-ad2d-a3932222dabe',
  exp: Math.floor(Date.now() / 1000) + 86_400,
  scope: 'orders:read orders:write',
  email: 'alice@example.org',
}
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

function parserOf(line) {
  const head = Buffer.from(
    `GET /small HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n${line}\r\nAccept-Encoding: gzip\r\n\r\n`,
  )
  const parser = new HeadParser(true, { maxTargetBytes: 8192, maxHeadBytes: 32_768, maxHeaders: 100 })
  parser.begin(head, 0)
  parser.parse(head.length)
  return parser
}

function open(spec, apiKeys = []) {
  const kind = new AuthPolicies(new GatewayMetrics(), () => {})
  kind.configure({ app: 'bench', authenticators: { it: { name: 'it', ...spec } }, apiKeys })
  const auth = { anyOf: ['it'], scopes: [], claims: [] }
  return { kind, policies: kind.of({ name: 'up/0', auth, backends: [{ service: 'up', weight: 1 }] }) }
}

async function ask(policies, parser) {
  const admission = await askPolicies(policies, new HeadRequest(parser, listener, '127.0.0.1'), (_, error) => {
    throw error
  })
  if (admission.answer !== null) throw new Error(JSON.stringify(admission.answer))
}

/** One request again and again: what is remembered. */
async function again(name, spec, line, apiKeys) {
  const { kind, policies } = open(spec, apiKeys)
  const parser = parserOf(line)
  await ask(policies, parser)
  const costs = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    for (let index = 0; index < repeated; index++) {
      askPolicies(policies, new HeadRequest(parser, listener, '127.0.0.1'), () => {})
    }
    const { user, system } = process.cpuUsage(before)
    costs.push((user + system) / repeated)
  }
  console.log(`${name.padEnd(36)} ${median(costs).toFixed(2)} µs`)
  kind.close()
}

/** Requests that all differ: nothing is remembered. */
async function anew(name, spec, lines) {
  const parsers = lines.map(parserOf)
  const costs = []
  for (let round = 0; round < rounds; round++) {
    const { kind, policies } = open(spec)
    const before = process.cpuUsage()
    for (const parser of parsers) await ask(policies, parser)
    const { user, system } = process.cpuUsage(before)
    costs.push((user + system) / parsers.length)
    kind.close()
  }
  console.log(`${name.padEnd(36)} ${median(costs).toFixed(1)} µs`)
}

const identity = { claimHeaders: [{ claim: 'sub', header: 'X-User' }], forwardsCredential: true }
const jwt = (algorithm, keys) => ({
  kind: 'jwt',
  keys,
  issuer: claims.iss,
  audiences: ['shop'],
  algorithms: [algorithm],
  skewMs: 30_000,
  maxTokenBytes: 8192,
  cookie: null,
  ...identity,
})

const secret = randomBytes(48).toString('base64')
const algorithms = {
  RS256: { pair: generateKeyPairSync('rsa', { modulusLength: 2048 }), hash: 'sha256' },
  ES256: { pair: generateKeyPairSync('ec', { namedCurve: 'P-256' }), hash: 'sha256' },
  EdDSA: { pair: generateKeyPairSync('ed25519'), hash: null },
  HS256: null,
}

for (const [algorithm, how] of Object.entries(algorithms)) {
  const path = join(folder, algorithm)
  const kid = 'one'
  writeFileSync(
    path,
    how === null ? secret : JSON.stringify({ keys: [{ ...how.pair.publicKey.export({ format: 'jwk' }), kid }] }),
  )
  const tokens = Array.from({ length: different }, (_, jti) => {
    const input = `${encode({ alg: algorithm, kid })}.${encode({ ...claims, jti: String(jti) })}`
    const signature =
      how === null
        ? createHmac('sha256', secret).update(input).digest()
        : sign(how.hash, Buffer.from(input), { key: how.pair.privateKey, dsaEncoding: 'ieee-p1363' })
    return `Authorization: Bearer ${input}.${signature.toString('base64url')}`
  })
  const spec = jwt(algorithm, { from: how === null ? 'secret' : 'file', path })
  await anew(`JWT ${algorithm}, not seen before`, spec, tokens)
  if (algorithm === 'RS256') await again('JWT, seen before', spec, tokens[0])
}

const key = 'pando_0123456789012345678901234567890123456789012345678'
await again('API key', { kind: 'api_keys', header: 'x-api-key', ...identity }, `X-Api-Key: ${key}`, [
  {
    id: '00',
    name: 'ci',
    hash: createHash('sha256').update(key).digest('hex'),
    scopes: [],
    services: [],
    expiresAt: null,
  },
])

const salt = randomBytes(16)
const unpadded = (bytes) => bytes.toString('base64').replaceAll('=', '')
const passwords = join(folder, 'passwords')
writeFileSync(
  passwords,
  `ann:$scrypt$ln=12,r=8,p=1$${unpadded(salt)}$${unpadded(scryptSync('secret', salt, 32, { N: 4096, r: 8, p: 1 }))}\n`,
)
await again(
  'password, seen before',
  { kind: 'basic', path: passwords, ...identity },
  `Authorization: Basic ${Buffer.from('ann:secret').toString('base64')}`,
)

const cookieSecretPath = join(folder, 'cookie-secret')
writeFileSync(cookieSecretPath, secret)
const login = {
  kind: 'login',
  issuer: 'http://127.0.0.1:9',
  isInsecure: false,
  clientId: 'shop',
  clientSecretPath: null,
  cookieSecretPath,
  scopes: ['openid'],
  sessionMs: 60_000,
  path: '/login',
  origin: null,
  ...identity,
  forwardsCredential: false,
}
const session = new CookieSeal(Buffer.from(secret), 'pando login bench it').seal('pando-it', {
  claims: { sub: claims.sub, email: claims.email },
  expiresAt: Date.now() + 86_400_000,
})
await again('session of a login, seen before', login, `Cookie: theme=dark; pando-it=${session}`)
