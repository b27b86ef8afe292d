import { execFileSync } from 'node:child_process'
import { createHash, createHmac, generateKeyPairSync, randomBytes, scryptSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from './variants.mjs'

/** More than the gateway remembers (4,096), so that one that comes round again is not remembered any more. */
const different = 5_000
const claims = {
  iss: 'https://id.example.org',
  aud: 'shop',
  sub: '5be86359-073c-434b-ad2d-a3932222dabe',
  exp: Math.floor(Date.now() / 1000) + 86_400,
  scope: 'orders:read orders:write',
  email: 'alice@example.org',
}
const identity = { claimHeaders: [], forwardsCredential: true }
const scenario = { name: 'GET 200 B', path: '/small' }

/** A gateway whose one route asks for what `spec` describes. */
function asking(spec, apiKeys = []) {
  return {
    config: { authenticators: { it: { name: 'it', ...identity, ...spec } }, apiKeys },
    route: { auth: { anyOf: ['it'], scopes: [], claims: [] } },
  }
}

/** Whoever has it gets in, whoever has none or a wrong one does not. */
function checkOf(header, right, wrong, refused = 401) {
  return async ({ ask }) => {
    const statuses = []
    for (const value of [right, wrong, '']) statuses.push((await ask('/small', { [header]: value })).status)
    expect(
      statuses.join() === [200, refused, refused].join(),
      `right, wrong and no ${header} are answered with ${statuses.join()}`,
    )
  }
}

function apiKey() {
  const key = 'pando_0123456789012345678901234567890123456789012345678'
  const hash = createHash('sha256').update(key).digest('hex')
  return {
    name: 'API key',
    scenario: { ...scenario, headers: { 'X-Api-Key': key } },
    with: {
      nginx: {
        http: `map_hash_bucket_size 128; map $http_x_api_key $isKnown { default 0; "${key}" 1; }`,
        location: 'if ($isKnown = 0) { return 401; }',
      },
      haproxy: {
        frontend: `http-request deny deny_status 401 unless { req.hdr(x-api-key),sha2(256),hex,lower -m str ${hash} }`,
      },
      pando: asking({ kind: 'api_keys', header: 'x-api-key' }, [
        { id: '00', name: 'ci', hash, scopes: [], services: [], expiresAt: null },
      ]),
    },
    check: checkOf('X-Api-Key', key, `${key}x`),
  }
}

const unpadded = (bytes) => bytes.toString('base64').replaceAll('=', '')
const basicLine = (password) => `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`
const nginxBasic = (path) => ({ location: `auth_basic shop; auth_basic_user_file ${path};` })

/** nginx and HAProxy hash the password with every request: by SHA-512 in 5,000 rounds, or by one round of salted SHA-1. */
function basic(folder) {
  const password = randomBytes(9).toString('base64url')
  const salt = randomBytes(16)
  const hash = unpadded(scryptSync(password, salt, 32, { N: 4_096, r: 8, p: 1 }))
  const crypt = execFileSync('openssl', ['passwd', '-6', password], { encoding: 'utf8' }).trim()
  const sha1 = createHash('sha1').update(password).update(salt).digest()
  const file = (name, text) => {
    writeFileSync(join(folder, name), `ann:${text}\n`)
    return join(folder, name)
  }
  const pando = asking({ kind: 'basic', path: file('scrypt', `$scrypt$ln=12,r=8,p=1$${unpadded(salt)}$${hash}`) })
  const each = {
    scenario: { ...scenario, headers: { Authorization: basicLine(password) } },
    check: checkOf('Authorization', basicLine(password), basicLine('guess')),
  }
  return [
    {
      ...each,
      name: 'basic auth; SHA-512 crypt at nginx and HAProxy',
      with: {
        nginx: nginxBasic(file('crypt', crypt)),
        haproxy: {
          users: `user ann password ${crypt}`,
          frontend: 'http-request auth realm shop unless { http_auth(known) }',
        },
        pando,
      },
    },
    {
      ...each,
      name: 'basic auth; salted SHA-1 at nginx',
      with: {
        nginx: nginxBasic(file('ssha', `{SSHA}${Buffer.concat([sha1, salt]).toString('base64')}`)),
        haproxy: null,
        pando,
      },
    },
  ]
}

const algorithms = {
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  HS256: null,
  EdDSA: () => generateKeyPairSync('ed25519'),
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signature, `iss`, `aud` and `exp` are looked at, and the service is told `sub`. */
function jwtOf(folder, algorithm) {
  const pair = algorithms[algorithm]?.()
  const secret = randomBytes(32).toString('hex')
  const signatureOf = (input) => {
    if (pair === undefined) return createHmac('sha256', secret).update(input).digest()
    const key = { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }
    return sign(algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(input), key)
  }
  const tokenOf = (_, jti) => {
    const input = `${encode({ alg: algorithm, kid: 'one' })}.${encode({ ...claims, jti: String(jti) })}`
    return `Bearer ${input}.${signatureOf(input).toString('base64url')}`
  }
  const [jwk, pem] = [join(folder, `${algorithm}.jwk`), join(folder, `${algorithm}.pem`)]
  writeFileSync(
    jwk,
    pair === undefined
      ? secret
      : JSON.stringify({ keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'one' }] }),
  )
  if (pair !== undefined) writeFileSync(pem, pair.publicKey.export({ type: 'spki', format: 'pem' }))
  const pando = asking({
    kind: 'jwt',
    keys: { from: pair === undefined ? 'secret' : 'file', path: jwk },
    issuer: claims.iss,
    audiences: [claims.aud],
    algorithms: [algorithm],
    skewMs: 0,
    maxTokenBytes: 8_192,
    cookie: null,
    claimHeaders: [{ claim: 'sub', header: 'X-User' }],
  })
  const haproxy = {
    frontend: `http-request set-var(txn.alg) http_auth_bearer,jwt_header_query('$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str ${algorithm} }
  http-request deny deny_status 401 unless { http_auth_bearer,jwt_verify(txn.alg,"${pair === undefined ? secret : pem}") -m int 1 }
  http-request deny deny_status 401 unless { http_auth_bearer,jwt_payload_query('$.iss') -m str ${claims.iss} }
  http-request deny deny_status 401 unless { http_auth_bearer,jwt_payload_query('$.aud') -m str ${claims.aud} }
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { http_auth_bearer,jwt_payload_query('$.exp','int'),sub(txn.now) -m int gt 0 }
  http-request set-header X-User %[http_auth_bearer,jwt_payload_query('$.sub')]`,
  }
  const tokens = Array.from({ length: different }, tokenOf)
  const wrong = tokens[0].slice(0, -8) + tokens[1].slice(-8)
  return {
    tokens,
    with: { nginx: null, haproxy: algorithm === 'EdDSA' ? null : haproxy, pando },
    async check(probe) {
      await checkOf('Authorization', tokens[0], wrong)(probe)
      const { text } = await probe.ask('/seen', { Authorization: tokens[0] })
      expect(text.endsWith(`|${claims.sub}`), 'the service is not told who it is')
    },
  }
}

function jwt(folder) {
  return Object.keys(algorithms).flatMap((algorithm) => {
    const { tokens, ...feature } = jwtOf(folder, algorithm)
    const anew = { ...scenario, values: { header: 'Authorization', list: tokens } }
    const again = { ...scenario, headers: { Authorization: tokens[0] } }
    return [
      ...(algorithm === 'ES256' ? [{ ...feature, name: `JWT ${algorithm}, seen before`, scenario: again }] : []),
      { ...feature, name: `JWT ${algorithm}, not seen before`, scenario: anew },
    ]
  })
}

/** The session's cookie is made as the gateway makes it. */
async function login(root, folder) {
  const { CookieSeal } = await import(pathToFileURL(join(root, 'packages/gateway/dist/auth/login/cookie-seal.js')).href)
  const secret = randomBytes(48).toString('base64')
  const cookieSecretPath = join(folder, 'cookie-secret')
  writeFileSync(cookieSecretPath, secret)
  const session = { claims: { sub: claims.sub, email: claims.email }, expiresAt: Date.now() + 86_400_000 }
  const cookie = new CookieSeal(Buffer.from(secret), 'pando login bench it').seal('pando-it', session)
  const spec = {
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
    forwardsCredential: false,
  }
  return {
    name: 'session of a login, seen before',
    scenario: { ...scenario, headers: { Cookie: `theme=dark; pando-it=${cookie}` } },
    with: { nginx: null, haproxy: null, pando: asking(spec) },
    // The issuer, where they would be sent, is not there.
    check: checkOf('Cookie', `pando-it=${cookie}`, 'pando-it=guess', 503),
  }
}

export async function credentials(root, folder) {
  return {
    title: 'Who may come in',
    note:
      'Each credential is sent in both measurements of its pair. Pando remembers what it found right; HAProxy and nginx look anew at every request. ' +
      'nginx compares API keys as they are, the others by their SHA-256; it has no JWT without its commercial form or a module, HAProxy 2.6 no EdDSA.',
    isPolicy: true,
    features: [apiKey(), ...basic(folder), ...jwt(folder), await login(root, folder)],
  }
}
