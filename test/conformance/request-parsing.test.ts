import { describe, expect, it } from 'vitest'
import { connection, contentLength, host, plain } from '../../packages/gateway/src/http1/field-kinds.js'
import { readHead } from './heads.js'
import { requestCases } from './request-cases.js'

describe('request heads, by the parser', () => {
  it('are enough cases, each with a name of its own', () => {
    expect(requestCases.length).toBeGreaterThanOrEqual(80)
    expect(new Set(requestCases.map((one) => one.name)).size).toBe(requestCases.length)
  })

  it.each(requestCases)('$name: $status $code', ({ head, status, code }) => {
    const wanted = status === 200 ? { outcome: 'complete', rest: '' } : { outcome: 'refused', status, code }
    expect(readHead(head)).toMatchObject(wanted)
  })

  it.each(requestCases)('$name: the same wherever it is cut', ({ head }) => {
    const whole = readHead(head)
    for (let cut = 1; cut < head.length; cut++) expect(readHead(head, [cut])).toEqual(whole)
    expect(
      readHead(
        head,
        Array.from(head, (_, index) => index),
      ),
    ).toEqual(whole)
  })

  it('leaves alone what follows the head', () => {
    expect(readHead('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b').rest).toBe('GET /b')
  })

  it('waits for the rest of a head that is right so far', () => {
    expect(readHead('GET / HTTP/1.1\r\nHost: a\r\nB').outcome).toBe('incomplete')
  })

  it('reads what a head says', () => {
    const head =
      'POST /a/%7eb?c=d HTTP/1.1\r\nHost: Example.org:8080\r\nContent-Length: 12\r\nX-One:  1 \r\nConnection: close\r\n\r\n'
    expect(readHead(head)).toEqual({
      outcome: 'complete',
      status: 0,
      code: '',
      first: 'POST',
      path: '/a/~b',
      query: 'c=d',
      host: 'Example.org',
      authority: 'Example.org:8080',
      headers: [
        ['Host', 'Example.org:8080'],
        ['Content-Length', '12'],
        ['X-One', '1'],
        ['Connection', 'close'],
      ],
      kinds: [host, contentLength, plain, connection],
      length: 12,
      isChunked: false,
      rest: '',
    })
  })

  it('takes the authority from an absolute target', () => {
    const read = readHead('GET http://EXAMPLE.org:81/x?y HTTP/1.1\r\nHost: example.org:81\r\n\r\n')
    expect(read).toMatchObject({ path: '/x', query: 'y', host: 'EXAMPLE.org', authority: 'EXAMPLE.org:81' })
  })
})
