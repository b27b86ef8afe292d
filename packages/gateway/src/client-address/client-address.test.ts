import fc from 'fast-check'
import type { GatewayConfig } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { addedLines, requestOf } from '../policy/policy-request.suite.js'
import type { Verdict } from '../policy/route-policy.js'
import { canonicalAddress, parseAddress, subscriberOf } from './address.js'
import { readForwardedFor } from './forwarded-for.js'
import { ipRule } from './ip-access.js'
import { Networks } from './networks.js'
import { TrustedProxies } from './trusted-proxies.js'

describe('addresses', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::FFFF:0a01:0203', '10.1.2.3'],
    ['2001:DB8:0:0::1', '2001:db8:0:0:0:0:0:1'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0:0:0:c000:201'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'],
    ['::', '0:0:0:0:0:0:0:0'],
  ])('reads %s as %s', (text, expected) => {
    const address = parseAddress(text)
    expect(address === null ? null : canonicalAddress(address)).toBe(expected)
  })

  it.each([
    '',
    'localhost',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '::g',
    '1::2::3',
    '[::1]',
    '127.0.0.1:80',
    'unknown',
  ])('takes %j for no address', (text) => {
    expect(parseAddress(text)).toBeNull()
  })

  it('counts an IPv6 subscriber by its /64 and an IPv4 one by its address', () => {
    expect(subscriberOf('2001:db8:1:2:aaaa::1')).toBe(subscriberOf('2001:db8:1:2::ffff'))
    expect(subscriberOf('2001:db8:1:3::1')).not.toBe(subscriberOf('2001:db8:1:2::1'))
    expect(subscriberOf('::ffff:192.0.2.7')).toBe('192.0.2.7')
    expect(subscriberOf('192.0.2.7')).toBe('192.0.2.7')
  })
})

const networkOf = (address: fc.Arbitrary<string>, most: number) =>
  fc.tuple(address, fc.integer({ min: 0, max: most })).map(([text, length]) => `${text}/${length}`)

/** The slow way: all bits as text. */
const bitsOf = (text: string): string => {
  const address = parseAddress(text)
  const width = address?.isV4 === true ? 8 : 16
  return `${width}:${address?.parts.map((part) => part.toString(2).padStart(width, '0')).join('')}`
}

describe('networks', () => {
  const v4 = fc.ipV4()
  const v6 = fc.ipV6().filter((text) => parseAddress(text)?.isV4 === false)
  it('hold what begins with their bits', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(networkOf(v4, 32), networkOf(v6, 128)), { maxLength: 8 }),
        fc.array(fc.oneof(v4, v6), { minLength: 1, maxLength: 8 }),
        (texts, asked) => {
          const networks = new Networks(texts)
          const prefixes = texts.map((text) => {
            const [network = '', length] = text.split('/')
            const [family = '', bits = ''] = bitsOf(network).split(':')
            return `${family}:${bits.slice(0, Number(length))}`
          })
          for (const address of [...asked, ...texts.map((text) => text.split('/')[0] as string)]) {
            expect(networks.has(address)).toBe(prefixes.some((prefix) => bitsOf(address).startsWith(prefix)))
          }
        },
      ),
    )
  })

  it('take a mapped address for the IPv4 that it is', () => {
    expect(new Networks(['10.0.0.0/8']).has('::ffff:10.1.1.1')).toBe(true)
    expect(new Networks(['::ffff:10.0.0.0/104']).has('10.1.1.1')).toBe(true)
    expect(new Networks(['::/0']).has('10.1.1.1')).toBe(false)
  })

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0/8', '::/129', '::/-1', 'example.org', '10.0.0.0/8/8', '10.0.0.0/0x8'])(
    'refuse %j',
    (text) => {
      expect(() => new Networks([text])).toThrow('is no network')
    },
  )
})

describe('X-Forwarded-For', () => {
  const trusted = new Networks(['10.0.0.0/8', 'fd00::/8'])
  it.each([
    // [peer, header, client, believed]
    ['198.51.100.1', '203.0.113.9', '198.51.100.1', '198.51.100.1'],
    ['10.0.0.1', null, '10.0.0.1', '10.0.0.1'],
    ['10.0.0.1', '203.0.113.9', '203.0.113.9', '203.0.113.9, 10.0.0.1'],
    ['10.0.0.1', '203.0.113.9, 10.0.0.2', '203.0.113.9', '203.0.113.9, 10.0.0.2, 10.0.0.1'],
    // Whoever is not trusted is not believed what it says of others.
    ['10.0.0.1', '1.1.1.1, 203.0.113.9, 10.0.0.2', '203.0.113.9', '203.0.113.9, 10.0.0.2, 10.0.0.1'],
    ['10.0.0.1', '10.9.9.9, 10.0.0.2', '10.9.9.9', '10.9.9.9, 10.0.0.2, 10.0.0.1'],
    ['10.0.0.1', '203.0.113.9, unknown', '10.0.0.1', '10.0.0.1'],
    ['10.0.0.1', '203.0.113.9:4711', '203.0.113.9', '203.0.113.9, 10.0.0.1'],
    ['10.0.0.1', '[2001:db8::7]:443', '2001:db8:0:0:0:0:0:7', '2001:db8:0:0:0:0:0:7, 10.0.0.1'],
    ['10.0.0.1', '"203.0.113.9"', '10.0.0.1', '10.0.0.1'],
    ['10.0.0.1', '', '10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', 'fd00::5', 'fd00:0:0:0:0:0:0:5', 'fd00:0:0:0:0:0:0:5, ::ffff:10.0.0.1'],
  ])('from %s saying %j: the client is %s', (peer, header, client, believed) => {
    expect(readForwardedFor(peer, header, trusted)).toEqual({ client, believed })
  })

  it('follows no chain without end', () => {
    const header = Array.from({ length: 1_000 }, () => '10.1.1.1').join(',')
    expect(readForwardedFor('10.0.0.1', header, trusted).believed.split(',')).toHaveLength(32)
  })
})

describe('who may come', () => {
  it.each([
    [{ allow: ['10.0.0.0/8'], deny: [] }, '10.1.1.1', true],
    [{ allow: ['10.0.0.0/8'], deny: [] }, '11.1.1.1', false],
    [{ allow: ['10.0.0.0/8'], deny: [] }, '::1', false],
    [{ allow: [], deny: ['10.0.0.0/8'] }, '10.1.1.1', false],
    [{ allow: [], deny: ['10.0.0.0/8'] }, '11.1.1.1', true],
    [{ allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.1.1.1', false],
    [{ allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.2.1.1', true],
    [{ allow: ['10.0.0.0/8'], deny: [] }, '', false],
  ])('%j: %s %s', (rules, address, isWelcome) => {
    expect(ipRule(rules)(address)).toBe(isWelcome)
  })
})

describe('trusted proxies', () => {
  const kind = new TrustedProxies()
  kind.configure({ trustedProxies: ['10.0.0.0/8'] } as unknown as GatewayConfig)
  const [policy] = kind.of()

  it('say who the client is, and the service is told what may be believed', () => {
    const request = requestOf({
      clientAddress: '10.0.0.1',
      headers: {
        'x-forwarded-for': ['6.6.6.6', '203.0.113.9'],
        'x-forwarded-proto': 'https',
        'x-forwarded-port': '8443',
      },
    })
    const verdict = policy?.check(request) as Verdict
    expect(request.clientAddress).toBe('203.0.113.9')
    expect(addedLines(verdict, 'request')).toEqual([
      'X-Forwarded-For: 203.0.113.9, 10.0.0.1',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Port: 8443',
    ])
  })

  it('are asked nothing when they are not there, nor on mesh listeners', () => {
    for (const asked of [{ clientAddress: '11.0.0.1' }, { clientAddress: '10.0.0.1', isMesh: true }]) {
      const request = requestOf({ ...asked, headers: { 'x-forwarded-for': '6.6.6.6' } })
      expect(policy?.check(request)).toBeNull()
      expect(request.clientAddress).toBe(asked.clientAddress)
    }
  })

  it('are read anew where any of their headers differs', () => {
    const forwarded = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https', 'x-forwarded-port': '8443' }
    const asked = [
      { clientAddress: '10.0.0.1', headers: forwarded },
      { clientAddress: '10.0.0.2', headers: forwarded },
      { clientAddress: '10.0.0.1', headers: { ...forwarded, 'x-forwarded-for': '203.0.113.10' } },
      { clientAddress: '10.0.0.1', headers: { ...forwarded, 'x-forwarded-proto': 'http' } },
      { clientAddress: '10.0.0.1', headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' } },
    ]
    const read = () =>
      asked.map((each) => {
        const request = requestOf(each)
        const lines = addedLines(policy?.check(request) as Verdict, 'request')
        return [request.clientAddress, ...lines].join('; ')
      })
    const first = read()
    expect(new Set(first).size).toBe(asked.length)
    expect(read()).toEqual(first)
  })

  it('cannot put anything else into the head', () => {
    const headers = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'ftp',
      'x-forwarded-port': '1\r\nX-Evil: 1',
    }
    const verdict = policy?.check(requestOf({ clientAddress: '10.0.0.1', headers })) as Verdict
    expect(addedLines(verdict, 'request')).toEqual(['X-Forwarded-For: 203.0.113.9, 10.0.0.1'])
  })
})
