import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { publicKeyAlgorithms, sharedSecretAlgorithms, type JwtAlgorithm } from '@pando/model'
import fc from 'fast-check'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { KeySet } from '../keys/key-set.js'
import type { Claims } from './claims.js'
import * as given from './tokens.suite.js'
import { GivenKeys, goodClaims, jwk, keySet, nowMs, nowSeconds, token } from './tokens.suite.js'
import { JwtVerifier, type VerifierOptions } from './verifier.js'

const goodKeys = keySet(jwk(given.rsa.publicKey))

function verifier(options: Partial<VerifierOptions<Claims>> = {}): JwtVerifier<Claims> {
  return new JwtVerifier<Claims>({
    keys: new GivenKeys(goodKeys),
    issuer: goodClaims.iss,
    audiences: ['shop'],
    algorithms: ['RS256'],
    skewMs: 30_000,
    maxTokenBytes: 8192,
    now: () => nowMs,
    read: (claims) => claims,
    ...options,
  })
}

const refusalOf = async (text: string, options: Partial<VerifierOptions<Claims>> = {}): Promise<string> => {
  const verdict = await verifier(options).verify(text)
  return verdict.kind === 'refused' ? verdict.refusal : verdict.kind
}

const pairs: Readonly<Record<(typeof publicKeyAlgorithms)[number], given.Pair>> = {
  RS256: given.rsa,
  RS384: given.rsa,
  RS512: given.rsa,
  PS256: given.rsa,
  PS384: given.rsa,
  PS512: given.rsa,
  ES256: given.p256,
  ES384: given.p384,
  ES512: given.p521,
  EdDSA: given.ed25519,
  Ed25519: given.ed25519,
}

describe('a good token', () => {
  it.each(publicKeyAlgorithms)('signed with %s is verified', (algorithm) => {
    const { publicKey, privateKey } = pairs[algorithm]
    const keys = new GivenKeys(keySet(jwk(publicKey)))
    const verdict = verifier({ keys, algorithms: [algorithm] }).verify(token({ algorithm, key: privateKey }))
    expect(verdict).toEqual({ kind: 'verified', result: goodClaims })
  })

  it.each(sharedSecretAlgorithms)('signed with %s and a secret that both sides have is verified', (algorithm) => {
    const secret = randomBytes(64)
    const keys = new GivenKeys(KeySet.ofSecrets([randomBytes(64), secret]))
    const verdict = verifier({ keys, algorithms: [algorithm] }).verify(token({ algorithm, key: secret }))
    expect(verdict).toMatchObject({ kind: 'verified' })
  })

  it.each(publicKeyAlgorithms)('signed with %s and changed in one bit is refused', async (algorithm) => {
    const { publicKey, privateKey } = pairs[algorithm]
    const keys = new GivenKeys(keySet(jwk(publicKey)))
    const [header, , signature] = token({ algorithm, key: privateKey }).split('.')
    const forged = `${header}.${given.encode({ ...goodClaims, sub: 'alicf' })}.${signature}`
    expect(await refusalOf(forged, { keys, algorithms: [algorithm] })).toBe('The signature of the token is wrong.')
  })

  it.each(publicKeyAlgorithms)('that another implementation made with %s is verified', async (algorithm) => {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
    const set = keySet({ ...(await exportJWK(publicKey)), kid: 'one', use: 'sig', alg: algorithm })
    const made = await new SignJWT({ scope: 'read' })
      .setProtectedHeader({ alg: algorithm, kid: 'one', typ: 'JWT' })
      .setIssuer(goodClaims.iss)
      .setAudience('shop')
      .setExpirationTime(goodClaims.exp)
      .sign(privateKey)
    expect(verifier({ keys: new GivenKeys(set), algorithms: [algorithm] }).verify(made)).toMatchObject({
      kind: 'verified',
      result: { scope: 'read' },
    })
  })

  it('is verified by a key in PEM, whatever its kid', () => {
    const pem = given.p256.publicKey.export({ type: 'spki', format: 'pem' }) as string
    const keys = new GivenKeys(KeySet.ofPem(pem))
    const verdict = verifier({ keys, algorithms: ['ES256'] }).verify(
      token({ algorithm: 'ES256', key: given.p256.privateKey }),
    )
    expect(verdict).toMatchObject({ kind: 'verified' })
  })
})

describe('attacks', () => {
  const spki = given.rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string

  it.each(['none', 'None', 'NONE', 'nOnE'])('algorithm %s, without a signature', async (alg) => {
    expect(await refusalOf(`${given.encode({ alg, kid: 'one' })}.${given.encode(goodClaims)}.`)).toBe(
      'The token is not signed.',
    )
  })

  it('algorithm none, with a signature', async () => {
    expect(await refusalOf(token({ header: { alg: 'none', kid: 'one' } }))).toMatch('algorithm')
  })

  it.each(['', 'rs256', 'RS256 ', 'toString', '__proto__', 'constructor', 'HS256', 'PS256', 'ES256K', 'RS1'])(
    'an algorithm that is not on the list: "%s"',
    async (alg) => {
      expect(await refusalOf(token({ header: { alg, kid: 'one' } }))).toMatch('algorithm')
    },
  )

  it.each([null, 1, true, ['RS256'], { RS256: 1 }, undefined])('an algorithm that is no text: %j', async (alg) => {
    expect(await refusalOf(token({ header: { alg, kid: 'one' } }))).toMatch('algorithm')
  })

  it.each([spki, spki.trim(), given.rsa.publicKey.export({ type: 'spki', format: 'der' }) as Buffer])(
    'key confusion: HS256 with the public key as the secret',
    async (secret) => {
      const forged = token({ algorithm: 'HS256', key: Buffer.from(secret) })
      expect(await refusalOf(forged)).toMatch('algorithm')
      // Even where somebody lets both in: a public key is no secret.
      expect(await refusalOf(forged, { algorithms: ['RS256', 'HS256'] })).toBe(
        'The key that signed the token is not known.',
      )
    },
  )

  it('a shared secret that stands in a key set', async () => {
    const secret = randomBytes(64)
    const keys = new GivenKeys(keySet({ kty: 'oct', kid: 'one', k: secret.toString('base64url') }))
    const forged = token({ algorithm: 'HS256', key: secret })
    expect(await refusalOf(forged, { keys, algorithms: ['HS256'] })).toBe('The key that signed the token is not known.')
  })

  it('a key used with an algorithm that it is not for', async () => {
    const keys = new GivenKeys(keySet(jwk(given.rsa.publicKey, { kid: 'one', alg: 'PS256' })))
    expect(await refusalOf(token(), { keys, algorithms: ['RS256', 'PS256'] })).toBe(
      'The key that signed the token is not known.',
    )
  })

  it('a curve that is not the one of the algorithm', async () => {
    const keys = new GivenKeys(keySet(jwk(given.p384.publicKey)))
    const header = { alg: 'ES256', kid: 'one' }
    const forged = token({ header, algorithm: 'ES384', key: given.p384.privateKey })
    expect(await refusalOf(forged, { keys, algorithms: ['ES256', 'ES384'] })).toBe(
      'The key that signed the token is not known.',
    )
  })

  it.each([
    '../../../../../dev/null',
    '/etc/passwd',
    'file:///etc/passwd',
    'https://evil.test/key.json',
    "one' OR '1'='1",
    "x' UNION SELECT 'key'--",
    '|id',
    '__proto__',
    'constructor',
    '',
    'one\u0000',
    'ONE',
  ])('a kid is only a word to look up: %j', async (kid) => {
    expect(await refusalOf(token({ header: { alg: 'RS256', kid } }))).toBe(
      'The key that signed the token is not known.',
    )
  })

  it.each([['x'.repeat(257)], [7], [null], [['one']], [{ one: 1 }]])('a kid that is no sane text', async (kid) => {
    expect(await refusalOf(token({ header: { alg: 'RS256', kid } }))).toMatch('key id')
  })

  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
  it.each([
    ['jwk', jwk(stranger.publicKey)],
    ['jku', 'https://evil.test/jwks.json'],
    ['x5u', 'https://evil.test/cert.pem'],
    ['x5c', ['MIIB']],
  ])('a key that the token brings by itself: %s', async (name, value) => {
    const header = { alg: 'RS256', kid: 'one', [name]: value }
    expect(await refusalOf(token({ header, key: stranger.privateKey }))).toMatch(`brings a key of its own (${name})`)
  })

  it('extensions that must be understood', async () => {
    expect(await refusalOf(token({ header: { alg: 'RS256', kid: 'one', crit: ['exp'] } }))).toMatch('critical')
    expect(await refusalOf(token({ header: { alg: 'RS256', kid: 'one', crit: [] } }))).toMatch('critical')
    expect(await refusalOf(token({ header: { alg: 'RS256', kid: 'one', crit: ['b64'], b64: false } }))).toMatch(
      'critical',
    )
    expect(await refusalOf(token({ header: { alg: 'RS256', kid: 'one', b64: false } }))).toMatch('unencoded')
  })

  it('an encrypted token', async () => {
    expect(await refusalOf('e30.e30.e30.e30.e30')).toMatch('encrypted')
    expect(await refusalOf(token({ header: { alg: 'RS256', enc: 'A128GCM' } }))).toMatch('encrypted')
    expect(await refusalOf(token({ header: { alg: 'RS256', zip: 'DEF' } }))).toMatch('compressed')
  })

  it('a token of another type', async () => {
    for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt']) {
      expect(await refusalOf(token({ header: { alg: 'RS256', kid: 'one', typ } }))).toBe('verified')
    }
    for (const typ of ['dpop+jwt', 'logout+jwt', 'JWE', '', 7, null]) {
      expect(await refusalOf(token({ header: { alg: 'RS256', kid: 'one', typ } }))).toMatch('type')
    }
  })

  it.each([
    ['padding', (text: string) => `${text}==`],
    ['padding of the header', (text: string) => text.replace('.', '=.')],
    ['a space behind', (text: string) => `${text} `],
    ['a space before', (text: string) => ` ${text}`],
    ['a line end', (text: string) => text.replace('.', '\n.')],
    ['a plus', (text: string) => `+${text.slice(1)}`],
    ['a slash', (text: string) => `/${text.slice(1)}`],
    ['letters that make no byte', (text: string) => `${text}AAA`],
    ['a null byte', (text: string) => `${text}\0`],
  ])('base64url that is not canonical: %s', async (_name, change) => {
    expect(await refusalOf(change(token()))).toMatch('canonical base64url')
  })

  it('base64url with bits behind the last byte', async () => {
    const good = token()
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    // 256 bytes leave four bits of the last letter over: fifteen other letters decode to the same signature.
    const last = alphabet.indexOf(good.at(-1) ?? '')
    for (let bits = 1; bits < 16; bits++) {
      const twin = good.slice(0, -1) + alphabet[last ^ bits]
      expect(Buffer.from(twin.split('.')[2], 'base64url')).toEqual(Buffer.from(good.split('.')[2], 'base64url'))
      expect(await refusalOf(twin)).toMatch('canonical base64url')
    }
  })

  it.each([
    ['in the header', '{"alg":"none","kid":"one","alg":"RS256"}', undefined],
    ['in the header, with an escape', '{"alg":"RS256","kid":"one","\\u0061lg":"none"}', undefined],
    ['in the claims', undefined, `{"sub":"alice","exp":${nowSeconds + 60},"sub":"admin"}`],
    ['in the claims, deep down', undefined, `{"sub":"alice","exp":${nowSeconds + 60},"a":[{"b":{"c":1,"c":2}}]}`],
    ['in the claims, behind a list', undefined, `{"aud":["x",{"y":1}],"exp":${nowSeconds + 60},"aud":"shop"}`],
  ])('members named twice: %s', async (_name, header, claims) => {
    const text = token({ ...(header === undefined ? {} : { header }), ...(claims === undefined ? {} : { claims }) })
    expect(await refusalOf(text, { issuer: null, audiences: [] })).toMatch('without duplicates')
  })

  it('the same name in two objects, or as a value, is no duplicate', async () => {
    const claims = `{"a":{"x":1},"b":{"x":2},"x":"x","c":["x","x",{"x":"\\"x\\":"}],"exp":${nowSeconds + 60}}`
    expect(await refusalOf(token({ claims }), { issuer: null, audiences: [] })).toBe('verified')
  })

  it.each(['[]', 'null', '"x"', '1', '', '{', '{}x', '\ufeff{}', "{'alg':'RS256'}"])(
    'a header or claims that are not one JSON object: %j',
    async (text) => {
      expect(await refusalOf(token({ claims: text === '' ? ' ' : text }))).toMatch(
        'claims of the token are not one JSON',
      )
      expect(await refusalOf(token({ header: text === '' ? ' ' : text }))).toMatch(
        'header of the token is not one JSON',
      )
    },
  )

  it('bytes that are not UTF-8', async () => {
    const input = `${given.encode({ alg: 'RS256', kid: 'one' })}.${Buffer.from('{"sub":"\xff"}', 'latin1').toString('base64url')}`
    const text = `${input}.${given.signature('RS256', given.rsa.privateKey, input).toString('base64url')}`
    expect(await refusalOf(text)).toMatch('claims of the token are not one JSON')
  })

  it('a token too long is refused unread', async () => {
    const long = token({ claims: { ...goodClaims, filler: 'x'.repeat(9000) } })
    expect(await refusalOf(long)).toBe('The token is too long.')
    expect(await refusalOf(long, { maxTokenBytes: 20_000 })).toBe('verified')
  })

  it.each(['', '.', '..', '...', 'a', 'a.b', 'e30.e30', 'e30.e30.e30.e30', 'e30.e30.e30.e30.e30.e30'])(
    'what is no token: %j',
    async (text) => {
      expect(await refusalOf(text)).not.toBe('verified')
    },
  )

  it('signatures of zeros, of other lengths and in DER', async () => {
    const algorithm: JwtAlgorithm = 'ES256'
    const keys = new GivenKeys(keySet(jwk(given.p256.publicKey)))
    const input = `${given.encode({ alg: algorithm, kid: 'one' })}.${given.encode(goodClaims)}`
    const good = given.signature(algorithm, given.p256.privateKey, input)
    const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
    for (const bad of [
      Buffer.alloc(64),
      Buffer.concat([order, order]),
      Buffer.alloc(64, 0xff),
      good.subarray(0, 63),
      Buffer.concat([good, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), good]),
      Buffer.from('3006020101020101', 'hex'),
    ]) {
      const text = `${input}.${bad.toString('base64url')}`
      expect(await refusalOf(text, { keys, algorithms: [algorithm] })).toBe('The signature of the token is wrong.')
    }
    expect(await refusalOf(`${input}.${good.toString('base64url')}`, { keys, algorithms: [algorithm] })).toBe(
      'verified',
    )
  })

  it('an RSA key too short to be believed', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const set = keySet(jwk(weak.publicKey))
    expect(set.problems).toEqual(['key 0: it has 1024 bits; 2048 to 8192 are taken'])
    expect(await refusalOf(token({ key: weak.privateKey }), { keys: new GivenKeys(set) })).toMatch('not known')
  })

  it('a secret too short to be kept', () => {
    expect(KeySet.ofSecrets([Buffer.from('secret')]).size).toBe(0)
  })

  it('a private key in a key set is not used', () => {
    const set = keySet(given.rsa.privateKey.export({ format: 'jwk' }))
    expect(set.size).toBe(0)
    expect(set.problems[0]).toMatch('private key')
    expect(createPublicKey(given.rsa.privateKey).equals(given.rsa.publicKey)).toBe(true)
  })
})

const claims = (more: object): string => token({ claims: { ...goodClaims, ...more } })

describe('anything', () => {
  it('is refused and breaks nothing', () => {
    const checks = verifier()
    const part = fc.oneof(fc.string(), fc.base64String(), fc.json().map(given.encode))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 400 }),
          fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
        ),
        (text) => {
          expect(checks.verify(text)).toMatchObject({ kind: 'refused' })
        },
      ),
    )
  })

  it('but the token itself, in any one letter, is another token', () => {
    const good = token()
    const checks = verifier()
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.constantFrom(...'AZaz09-_.= \n+/'), (at, letter) => {
        fc.pre(good[at] !== letter)
        expect(checks.verify(good.slice(0, at) + letter + good.slice(at + 1))).toMatchObject({ kind: 'refused' })
      }),
    )
  })
})

describe('claims', () => {
  it('exp: refused from the skew on, and when it is not there or no number', async () => {
    expect(await refusalOf(claims({ exp: nowSeconds - 29 }))).toBe('verified')
    expect(await refusalOf(claims({ exp: nowSeconds - 30 }))).toBe('The token has expired.')
    expect(await refusalOf(claims({ exp: nowSeconds - 1 }), { skewMs: 0 })).toBe('The token has expired.')
    for (const exp of [undefined, null, String(nowSeconds + 60), true, [nowSeconds + 60]]) {
      expect(await refusalOf(claims({ exp }))).toBe('The token does not say when it expires.')
    }
    const endless = token({ claims: '{"iss":"https://issuer.test","aud":"shop","exp":1e999}' })
    expect(await refusalOf(endless)).toBe('The token does not say when it expires.')
  })

  it('nbf: refused until the skew before it', async () => {
    expect(await refusalOf(claims({ nbf: nowSeconds + 30 }))).toBe('verified')
    expect(await refusalOf(claims({ nbf: nowSeconds + 31 }))).toBe('The token is not valid yet.')
    expect(await refusalOf(claims({ nbf: 'now' }))).toMatch('nbf')
  })

  it('iss: just the one', async () => {
    for (const iss of [undefined, '', 'https://issuer.test/', 'https://ISSUER.test', ['https://issuer.test'], null]) {
      expect(await refusalOf(claims({ iss }))).toBe('The issuer of the token is not accepted.')
    }
  })

  it('aud: one of those', async () => {
    expect(await refusalOf(claims({ aud: ['other', 'shop'] }))).toBe('verified')
    for (const aud of [undefined, 'shops', 'Shop', [], ['other'], { shop: 1 }, null, [['shop']]]) {
      expect(await refusalOf(claims({ aud }))).toBe('The token is meant for another audience.')
    }
  })

  it('sub: text where there is one', async () => {
    expect(await refusalOf(claims({ sub: 7 }))).toMatch('sub')
  })
})

describe('the keys', () => {
  it('an unknown key makes them be asked for, and the token is judged by what came', async () => {
    const next = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const keys = new GivenKeys(goodKeys)
    keys.next = () => keySet(jwk(given.rsa.publicKey), jwk(next.publicKey, { kid: 'two' }))
    const checks = verifier({ keys })
    const rotated = token({ header: { alg: 'RS256', kid: 'two' }, key: next.privateKey })
    expect(await checks.verify(rotated)).toMatchObject({ kind: 'verified' })
    expect(keys.refreshes).toBe(1)
    expect(checks.verify(token())).toMatchObject({ kind: 'verified' })
    expect(keys.refreshes).toBe(1)
  })

  it('a token that is refused anyway makes nobody ask', async () => {
    const keys = new GivenKeys(goodKeys)
    keys.next = () => goodKeys
    const header = { alg: 'RS256', kid: 'two' }
    expect(await refusalOf(token({ header, claims: { ...goodClaims, exp: 1 } }), { keys })).toMatch('expired')
    expect(keys.refreshes).toBe(0)
  })

  it('without keys nothing can be said', async () => {
    const keys = new GivenKeys(null)
    keys.trouble = 'the issuer does not answer'
    expect(await verifier({ keys }).verify(token())).toEqual({
      kind: 'unavailable',
      trouble: 'the issuer does not answer',
    })
  })
})

describe('what is remembered', () => {
  it('is given again without verifying, until it expires', () => {
    let now = nowMs
    let reads = 0
    const checks = verifier({ now: () => now, read: (claims) => ({ ...claims, reads: ++reads }) })
    const text = token()
    expect(checks.verify(text)).toBe(checks.verify(text))
    expect(reads).toBe(1)
    now += 89_999
    expect(checks.verify(text)).toMatchObject({ kind: 'verified' })
    now += 1
    expect(checks.verify(text)).toEqual({ kind: 'refused', refusal: 'The token has expired.' })
  })

  it('is forgotten when the keys change: a key that was taken back lets nobody in', () => {
    const keys = new GivenKeys(goodKeys)
    const checks = verifier({ keys })
    expect(checks.verify(token())).toMatchObject({ kind: 'verified' })
    keys.keys = keySet(jwk(given.rsa.publicKey, { kid: 'two' }))
    expect(checks.verify(token())).toMatchObject({ kind: 'refused' })
  })

  it('has an end: more tokens than fit, and none that was refused', async () => {
    const checks = verifier({ remembered: 8 })
    for (let index = 0; index < 50; index++) {
      await checks.verify(token({ claims: { ...goodClaims, jti: String(index) } }))
      expect(checks.remembered).toBeLessThanOrEqual(8)
    }
    const fresh = verifier()
    await fresh.verify(token({ claims: { ...goodClaims, exp: 1 } }))
    expect(fresh.remembered).toBe(0)
  })
})
