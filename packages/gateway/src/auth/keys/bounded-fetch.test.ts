import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { fetchDocument, type FetchLimits, whyNotFetched } from './bounded-fetch.js'
import { discover } from './discovery.js'

const limits: FetchLimits = { timeoutMs: 5_000, maxBytes: 1_000, isInsecure: false }
const servers: Server[] = []

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

describe('a small document', () => {
  it('comes whole', async () => {
    const origin = await serve((_request, response) => response.end('hello'))
    expect((await fetchDocument(origin, limits)).toString()).toBe('hello')
  })

  it('is not taken from where somebody is sent on to', async () => {
    let visits = 0
    const other = await serve((_request, response) => {
      visits++
      response.end('{}')
    })
    const origin = await serve((_request, response) => response.writeHead(302, { location: other }).end())
    await expect(fetchDocument(origin, limits)).rejects.toThrow('it answered 302, and redirects are not followed')
    expect(visits).toBe(0)
  })

  it('has a size', async () => {
    const origin = await serve((_request, response) => response.end('x'.repeat(1_001)))
    await expect(fetchDocument(origin, limits)).rejects.toThrow('more than 1000 bytes')
  })

  it('has a time', async () => {
    const origin = await serve((_request, response) => void response.write('x'))
    await expect(fetchDocument(origin, { ...limits, timeoutMs: 50 })).rejects.toThrow(/50 ms|aborted/)
  })

  it('that breaks off is none', async () => {
    const origin = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('x')
      setImmediate(() => response.destroy())
    })
    await expect(fetchDocument(origin, limits)).rejects.toThrow(origin)
  })

  it.each([
    ['https://issuer.test/keys', 'yes'],
    ['http://127.0.0.1:1/keys', 'yes'],
    ['http://[::1]:1/keys', 'yes'],
    ['http://localhost/keys', 'yes'],
    ['http://issuer.test/keys', 'plain http'],
    ['http://127.0.0.1.evil.test/keys', 'plain http'],
    ['http://127evil.test/keys', 'plain http'],
    ['file:///etc/passwd', 'only https'],
    ['https://user:pass@issuer.test/', 'password'],
    ['keys', 'no address'],
  ])('may be asked for at %s: %s', (address, reason) => {
    expect(whyNotFetched(address, false) ?? 'yes').toContain(reason)
  })

  it('may be asked for by plain http where that is wished', () => {
    expect(whyNotFetched('http://issuer.test/keys', true)).toBeNull()
    expect(whyNotFetched('ftp://issuer.test/keys', true)).not.toBeNull()
  })
})

const answer = (document: object) => (): Promise<Buffer> => Promise.resolve(Buffer.from(JSON.stringify(document)))

describe('what an issuer says of itself', () => {
  it('is asked for below its own name', async () => {
    const asked: string[] = []
    const metadata = await discover('https://issuer.test/realm/', (address) => {
      asked.push(address)
      return Promise.resolve(
        Buffer.from(JSON.stringify({ issuer: 'https://issuer.test/realm/', jwks_uri: 'https://keys.test/' })),
      )
    })
    expect(asked).toEqual(['https://issuer.test/realm/.well-known/openid-configuration'])
    expect(metadata.jwksUri).toBe('https://keys.test/')
  })

  it('is believed of itself alone', async () => {
    const document = { issuer: 'https://evil.test', jwks_uri: 'https://evil.test/keys' }
    await expect(discover('https://issuer.test', answer(document))).rejects.toThrow('calls itself "https://evil.test"')
    await expect(discover('https://issuer.test', answer({ issuer: 'https://issuer.test' }))).rejects.toThrow('jwks_uri')
    await expect(discover('https://issuer.test', answer([]))).rejects.toThrow('JSON object')
  })
})
