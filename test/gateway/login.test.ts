import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { type IncomingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoginAuthenticatorSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { Issuer } from '../support/issuer.js'
import { answering, cleanUp, endpoint, rawServer, route, serve } from './plane.js'

interface Answer {
  readonly status: number
  readonly challenge: string
  readonly headers: IncomingHttpHeaders
  readonly location: string
  readonly body: string
}

/** As much of a browser as a login needs: it keeps cookies, and follows redirects when told to. */
class Browser {
  readonly cookies = new Map<string, string>()
  /** What was set last, with its attributes. */
  readonly set: string[] = []
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  get(path: string, headers: Record<string, string> = { accept: 'text/html' }): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const url = new URL(path.startsWith('http') ? path : `http://127.0.0.1:${this.#port}`)
    const isOurs = url.port === String(this.#port)
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          host: url.hostname,
          port: url.port,
          path: path.startsWith('http') ? url.pathname + url.search : path,
          headers: { ...(isOurs && cookie !== '' ? { cookie } : {}), ...headers },
          agent: false,
        },
        (response) => {
          for (const line of response.headers['set-cookie'] ?? []) this.#keep(line)
          let body = ''
          response.setEncoding('utf8').on('data', (text: string) => (body += text))
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              location: response.headers.location ?? '',
              headers: response.headers,
              challenge: response.headers['www-authenticate'] ?? '',
              body,
            }),
          )
        },
      )
      outgoing.on('error', reject)
      outgoing.end()
    })
  }

  /** To the provider and back, up to the page that was wanted. */
  async follow(path: string): Promise<Answer> {
    let answer = await this.get(path)
    for (let hop = 0; hop < 4 && answer.location !== ''; hop++) answer = await this.get(answer.location)
    return answer
  }

  #keep(line: string): void {
    this.set.push(line)
    const [pair = ''] = line.split(';', 1)
    const [name = '', value = ''] = pair.split('=')
    if (line.includes('Max-Age=0;')) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}

async function start(more: Partial<LoginAuthenticatorSpec> = {}, { isAway = false } = {}) {
  const issuer = await Issuer.start()
  issuer.isAway = isAway
  cleanUp(() => issuer.close())
  const folder = mkdtempSync(join(tmpdir(), 'pando-login-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  const cookieSecretPath = join(folder, 'cookie-secret')
  const clientSecretPath = join(folder, 'client-secret')
  writeFileSync(cookieSecretPath, `${'c'.repeat(40)}\n`)
  writeFileSync(clientSecretPath, 'client-secret\n')
  const heads: string[] = []
  const upstream = await rawServer(
    answering((head) => {
      heads.push(head)
      return 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    }),
  )
  const spec: LoginAuthenticatorSpec = {
    kind: 'login',
    name: 'web',
    issuer: issuer.url,
    isInsecure: false,
    clientId: 'shop',
    clientSecretPath,
    cookieSecretPath,
    scopes: ['openid', 'email'],
    sessionMs: 60_000,
    path: '/_pando/login/web',
    origin: null,
    claimHeaders: [
      { claim: 'sub', header: 'X-User' },
      { claim: 'email', header: 'X-Email' },
    ],
    forwardsCredential: false,
    ...more,
  }
  const auth = { anyOf: ['web'], scopes: [], claims: [] }
  const { port } = await serve({
    endpoints: [endpoint('web', upstream.port)],
    routes: [route('web/0', 'web', '/', { auth }), { ...route('login/web', 'web', spec.path, { auth }), backends: [] }],
    config: { authenticators: { web: spec } },
  })
  return { issuer, port, heads, cookieSecretPath, browser: new Browser(port) }
}

describe('login', () => {
  it('sends a page to the provider and back, and tells the service who it is', async () => {
    const { browser, heads } = await start()
    browser.cookies.set('theme', 'dark')
    const first = await browser.get('/orders?page=2')
    expect(first.status).toBe(303)
    const { searchParams } = new URL(first.location)
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'shop',
      scope: 'openid email',
      code_challenge_method: 'S256',
    })
    expect(browser.set[0]).toMatch(/^pando-web-[\w-]{12}=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/)
    // Nobody can read in the cookie what is sealed in it.
    expect(Buffer.from(browser.set[0]?.split(/[=;]/)[1] ?? '', 'base64url').toString('latin1')).not.toContain('orders')
    const back = await browser.get(first.location)
    const done = await browser.get(back.location)
    expect(done.location).toBe('/orders?page=2')
    expect([...browser.cookies.keys()]).toEqual(['theme', 'pando-web'])
    expect((await browser.get(done.location)).body).toBe('ok')
    expect(heads).toHaveLength(1)
    expect(heads[0]).toContain('\r\nX-User: alice\r\nX-Email: alice@shop.test\r\n')
    expect(heads[0]).toMatch(/\r\nCookie: theme=dark\r\n/)
    expect(heads[0]).not.toContain('pando-web')
  })

  it('is nothing for programs: they get 401, with a challenge as every 401 (RFC 9110 section 15.5.2)', async () => {
    const { browser } = await start()
    for (const headers of [{ accept: 'application/json' }, {}, { accept: 'text/html', 'sec-fetch-mode': 'cors' }]) {
      const { status, challenge } = await browser.get('/', headers as Record<string, string>)
      expect([status, challenge]).toEqual([401, 'Cookie realm="test"'])
    }
    expect(browser.set).toEqual([])
  })

  it('leads nowhere while the provider is away, and goes on for who has a session', async () => {
    const { browser, issuer } = await start({}, { isAway: true })
    expect((await browser.get('/')).status).toBe(503)
    expect((await browser.get('/', { accept: 'application/json' })).status).toBe(401)
    issuer.isAway = false
    await expect.poll(async () => (await browser.get('/')).status, { timeout: 10_000 }).toBe(303)
    expect((await browser.follow('/')).body).toBe('ok')
    issuer.isAway = true
    expect((await browser.get('/')).body).toBe('ok')
  }, 20_000)

  it('ends with a logout, which no other site can ask for', async () => {
    const { browser } = await start()
    expect((await browser.follow('/')).body).toBe('ok')
    expect((await browser.get('/_pando/login/web/logout', { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await browser.get('/', {})).body).toBe('ok')
    expect(await browser.get('/_pando/login/web/logout')).toMatchObject({ status: 303, location: '/' })
    expect((await browser.get('/', {})).status).toBe(401)
  })

  it('goes on when the secret is turned over, and ends when the old one is gone', async () => {
    const { browser, cookieSecretPath } = await start()
    await browser.follow('/')
    const write = (...secrets: string[]): void => {
      writeFileSync(`${cookieSecretPath}.new`, secrets.map((one) => one.repeat(40)).join('\n'))
      renameSync(`${cookieSecretPath}.new`, cookieSecretPath)
    }
    write('d', 'c')
    const other = new Map(browser.cookies)
    await expect
      .poll(
        async () => {
          // A login that begins now is sealed by the new one: seen by what remains when the old one goes.
          browser.cookies.clear()
          return (await browser.follow('/')).body
        },
        { timeout: 5_000 },
      )
      .toBe('ok')
    browser.cookies.clear()
    for (const [name, value] of other) browser.cookies.set(name, value)
    expect((await browser.get('/', {})).body).toBe('ok')
    write('d')
    await expect.poll(async () => (await browser.get('/', {})).status, { timeout: 5_000 }).toBe(401)
  }, 20_000)

  it('lasts as long as it may', async () => {
    const { browser } = await start({ sessionMs: 1 })
    await browser.get((await browser.get((await browser.get('/')).location)).location)
    expect((await browser.get('/', {})).status).toBe(401)
  })

  it('over TLS, has cookies that only this very host gets', async () => {
    const { browser } = await start({ origin: 'https://shop.test' })
    const { location } = await browser.get('/')
    expect(new URL(location).searchParams.get('redirect_uri')).toBe('https://shop.test/_pando/login/web/callback')
    expect(browser.set[0]).toMatch(/^__Host-pando-web-[\w-]+=[\w-]+; Path=\/; .*; Secure$/)
  })
})

const text = ({ body }: Answer): string => body.replaceAll(/<style>.*<\/style>|<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ')
const linkOf = ({ body }: Answer): string | undefined => /<a href="([^"]*)">/.exec(body)?.[1]

describe('what goes wrong with a login', () => {
  const callback = '/_pando/login/web/callback'
  /** As a browser asks for a page. */
  const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
  /** A login up to the way back from the provider. */
  async function back(browser: Browser, change: (url: URL) => void, path = '/orders?page=2'): Promise<Answer> {
    const url = new URL((await browser.get((await browser.get(path, { accept })).location)).location)
    change(url)
    return browser.get(url.href, { accept, 'x-request-id': 'the-id' })
  }

  it('is a page that stands by itself: what happened, what next, and the request id', async () => {
    const { browser } = await start()
    const answer = await back(browser, (url) => url.searchParams.set('error', 'access_denied'))
    expect(answer.status).toBe(403)
    const { headers, body } = answer
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      vary: 'Accept',
    })
    const [, style = ''] = /<style>(.*)<\/style>/.exec(body) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src '/)
    expect(headers['content-security-policy']).toContain(`style-src 'sha256-${hash}';`)
    expect(body).not.toMatch(/<script|javascript:|\ssrc=|\son\w+=|<link|<form|https?:\/\/|@import|url\(/i)
    expect(text(answer)).toContain('You were not signed in The provider did not let you in: access_denied Begin again')
    expect(text(answer)).toContain(`Request id: ${String(headers['x-request-id'])}`)
    expect(body).toContain('>Try to sign in again</a>')
  })

  it('leads back to the page that was wanted, where a login begins anew', async () => {
    const { browser } = await start()
    const denied = await back(browser, (url) => url.searchParams.set('error', 'access_denied'))
    expect(linkOf(denied)).toBe('/orders?page=2')
    expect(browser.cookies.size).toBe(0)
    const wrong = await back(browser, (url) => url.searchParams.delete('code'))
    expect([wrong.status, linkOf(wrong)]).toEqual([400, '/orders?page=2'])
    const spent = await back(browser, (url) => url.searchParams.set('code', 'spent'))
    expect([spent.status, linkOf(spent), spent.headers['retry-after']]).toEqual([503, '/orders?page=2', '1'])
    expect(text(spent)).toContain('Signing in is not possible at present')
    const foreign = await browser.get(`${callback}?state=x&code=y`, { accept })
    expect([foreign.status, linkOf(foreign)]).toEqual([400, '/'])
    expect((await browser.follow('/orders?page=2')).body).toBe('ok')
  })

  it('offers no way on where there is none: no such page, and a logout that another site asked for', async () => {
    const { browser } = await start()
    const nothing = await browser.get('/_pando/login/web/other', { accept })
    expect([nothing.status, linkOf(nothing)]).toEqual([404, undefined])
    const elsewhere = await browser.get('/_pando/login/web/logout', { accept, 'sec-fetch-site': 'cross-site' })
    expect([elsewhere.status, linkOf(elsewhere)]).toEqual([403, undefined])
    expect(text(elsewhere)).toContain('You were not signed out')
  })

  it('says so while the provider is away, without its address', async () => {
    const { browser, issuer } = await start({}, { isAway: true })
    const answer = await browser.get('/orders?page=2', { accept })
    expect([answer.status, linkOf(answer)]).toEqual([503, '/orders?page=2'])
    expect(answer.body).not.toContain(new URL(issuer.url).host)
  })

  it('holds nothing of the request that is not escaped', async () => {
    const { browser } = await start()
    const away = await start({}, { isAway: true })
    /** The elements of a page, without their texts and where they lead. */
    const shapeOf = ({ body }: Answer): string =>
      body
        .replaceAll(/>[^<]*/g, '>')
        .replaceAll(/href="[^"]*"/g, 'href')
        .replace('<p><a href></a></p>', '')
    const harmless = shapeOf(await back(browser, (url) => url.searchParams.set('error', 'access_denied')))
    const evil = `"><script>alert(1)</script><img src=x onerror='a'>&\``
    const query = encodeURIComponent(evil)
    const id = `"<b>'`
    const wanted = `/orders?q='x'&a=b`
    const answers = [
      await back(browser, (url) => url.searchParams.set('error', evil)),
      await back(browser, (url) => url.searchParams.set('error', 'x'), wanted),
      await browser.get(`${callback}?state=${query}&code=${query}&error=${query}`, { accept, 'x-request-id': id }),
      await browser.get(`/_pando/login/web/it's?q='&${query}`, { accept, 'x-request-id': id }),
      await away.browser.get(wanted, { accept, 'x-request-id': id }),
    ]
    for (const answer of answers) {
      expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
      expect(shapeOf(answer)).toBe(harmless)
      expect(answer.body).not.toContain(id)
    }
    expect(answers[0]?.body).toContain('did not let you in: ?&#62;&#60;script&#62;alert(1)')
    const link = '/orders?q=&#39;x&#39;&#38;a=b'
    expect([linkOf(answers[1] as Answer), linkOf(answers[4] as Answer)]).toEqual([link, link])
  })

  it.each([
    ['application/json', 'application/problem+json'],
    ['*/*', 'application/problem+json'],
    ['text/html;q=0', 'application/problem+json'],
    ['application/json, text/html;q=0.9', 'application/problem+json'],
    ['application/json, text/html', 'application/problem+json'],
    ['application/problem+json, text/html;q=0.5, */*;q=0.1', 'application/problem+json'],
    ['text/html;q=0.2, */*', 'application/problem+json'],
    ['text/html;q=x', 'application/problem+json'],
    ['text/html', 'text/html; charset=utf-8'],
    ['TEXT/HTML; Q=0.5, application/json;q=0.4', 'text/html; charset=utf-8'],
    ['text/html, */*', 'text/html; charset=utf-8'],
    [accept, 'text/html; charset=utf-8'],
  ])('is a problem document for who does not ask for HTML rather: %s', async (wanted, type) => {
    const { browser } = await start()
    const { status, headers } = await browser.get(`${callback}?state=x&code=y`, { accept: wanted })
    expect([status, headers['content-type']]).toEqual([400, type])
  })

  it('is the same problem document as ever for programs', async () => {
    const { browser } = await start()
    const { body } = await browser.get(`${callback}?state=x&code=y`, { accept: 'application/json' })
    expect(JSON.parse(body)).toMatchObject({ reason: 'bad_request', status: 400, title: 'The request is malformed' })
  })
})

describe('attacks on a login', () => {
  const callback = '/_pando/login/web/callback'

  it('somebody else’s answer of the provider (login CSRF): nothing was begun in this browser', async () => {
    const { browser, port } = await start()
    const attacker = new Browser(port)
    const { location } = await attacker.get((await attacker.get('/')).location)
    const answer = await browser.get(location)
    expect(answer.status).toBe(400)
    expect(browser.set).toEqual([])
  })

  it('another state than the one that was begun with', async () => {
    const { browser } = await start()
    const { location } = await browser.get((await browser.get('/')).location)
    const url = new URL(location)
    const state = url.searchParams.get('state') ?? ''
    for (const wrong of [
      '',
      state.slice(0, 12),
      `${state}x`,
      `${state.slice(0, -1)}${state.endsWith('A') ? 'B' : 'A'}`,
    ]) {
      url.searchParams.set('state', wrong)
      expect((await browser.get(url.href)).status).toBe(400)
    }
  })

  it('a code a second time, or one of somebody else’s', async () => {
    const { browser, port } = await start()
    const { location } = await browser.get((await browser.get('/')).location)
    const attempt = new Map(browser.cookies)
    expect((await browser.get(location)).status).toBe(303)
    for (const [name, value] of attempt) browser.cookies.set(name, value)
    expect((await browser.get(location)).status).toBe(503)
    // The verifier does not go with a code that another browser was given.
    const other = new Browser(port)
    const stolen = new URL((await other.get((await other.get('/')).location)).location)
    const mine = new URL(
      (await browser.get((await browser.get('/', { accept: 'text/html', cookie: '' })).location)).location,
    )
    mine.searchParams.set('code', stolen.searchParams.get('code') ?? '')
    expect((await browser.get(mine.href)).status).not.toBe(303)
  })

  it.each([
    ['another nonce', { nonce: 'x' }],
    ['another audience', { aud: 'other' }],
    ['another party', { azp: 'other' }],
    ['nobody', { sub: '' }],
  ])('an ID token with %s', async (_name, claims) => {
    const { browser, issuer } = await start()
    issuer.idToken = { ...claims }
    const { location } = await browser.get((await browser.get('/')).location)
    const answer = await browser.get(location)
    expect([503, 400]).toContain(answer.status)
    expect(browser.cookies.has('pando-web')).toBe(false)
  })

  it('an answer of another provider, an error, and one without a code', async () => {
    const { browser, issuer } = await start()
    for (const [change, status] of [
      [(url: URL) => url.searchParams.set('iss', 'https://evil.test'), 400],
      [(url: URL) => url.searchParams.set('error', 'access_denied'), 403],
      [(url: URL) => url.searchParams.delete('code'), 400],
    ] as const) {
      browser.cookies.clear()
      const url = new URL((await browser.get((await browser.get('/')).location)).location)
      change(url)
      expect((await browser.get(url.href)).status).toBe(status)
      // It is over: it cannot be tried again.
      expect(browser.cookies.size).toBe(0)
    }
    expect(issuer.url).toMatch(/^http/)
  })

  it.each(['//evil.test/', String.raw`/\evil.test/`, '/%2fevil.test'])(
    'a way back to another site: %s',
    async (path) => {
      const { browser } = await start()
      const first = await browser.get(path)
      if (first.location === '') return
      const { location } = await browser.get((await browser.get(first.location)).location)
      expect(location).toMatch(/^\/(?![/\\])/)
    },
  )

  it('a cookie that was changed, is of another name, or comes twice', async () => {
    const { browser } = await start()
    await browser.follow('/')
    const session = browser.cookies.get('pando-web') ?? ''
    const changed = `${session.slice(0, 30)}${session[30] === 'A' ? 'B' : 'A'}${session.slice(31)}`
    for (const cookie of [
      `pando-web=${changed}`,
      `pando-web=${session.slice(0, 20)}`,
      'pando-web=',
      `__Host-pando-web=${session}`,
      `pando-other=${session}`,
      `pando-web=${session}; pando-web=${session}`,
    ]) {
      expect((await browser.get('/', { cookie })).status).toBe(401)
    }
    await browser.get('/', { accept: 'text/html' })
    expect((await browser.get(callback)).status).toBe(400)
    expect((await browser.get('/_pando/login/web/other')).status).toBe(404)
  })

  it('logins begun and never ended leave only a few cookies', async () => {
    const { browser } = await start()
    for (let index = 0; index < 20; index++) await browser.get('/')
    expect(browser.cookies.size).toBeLessThanOrEqual(6)
  })
})
