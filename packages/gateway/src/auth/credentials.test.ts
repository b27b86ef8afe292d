import { describe, expect, it } from 'vitest'
import { cookieLineWithout, cookiesOf, credentialsOf, quoted, type RequestHeaders } from './credentials.js'

const request = (headers: Record<string, string>, more: [string, string][] = []): RequestHeaders => ({
  header: (name) => headers[name] ?? null,
  headerCount: (name) => [...Object.entries(headers), ...more].filter(([one]) => one === name).length,
  headers: () => [...Object.entries(headers), ...more],
})

describe('credentials', () => {
  it('stand behind the name of their scheme', () => {
    const of = (authorization: string): string | null => credentialsOf(request({ authorization }), 'bearer')
    expect(of('Bearer abc')).toBe('abc')
    expect(of('bEARER   abc')).toBe('abc')
    for (const other of ['', 'Bearer', 'Bearerabc', 'Bearer\tabc', 'Basic abc', ' Bearer abc', 'abc']) {
      expect(of(other)).toBeNull()
    }
    expect(credentialsOf(request({}), 'bearer')).toBeNull()
  })

  it('are found among cookies, all of one name', () => {
    const cookie = 'a=1; token=x.y; tokens=no; b; token=z=; =e, token=w'
    expect(cookiesOf(request({ cookie }), 'token')).toEqual(['x.y', 'z='])
    expect(cookiesOf(request({}), 'token')).toEqual([])
    expect(cookieLineWithout(request({ cookie }), (name) => name === 'token')).toBe(
      'Cookie: a=1; tokens=no; b; =e, token=w\r\n',
    )
    expect(cookieLineWithout(request({ cookie: 'token=x' }), () => true)).toBe('')
    // A comma is part of a value; HTTP/2 sends several lines.
    const lines = request({ cookie: 'a=1,token=2; b="x,y"' }, [['cookie', 'token=3']])
    expect(cookiesOf(lines, 'token')).toEqual(['3'])
    expect(cookieLineWithout(lines, (name) => name === 'token')).toBe('Cookie: a=1,token=2; b="x,y"\r\n')
  })

  it('are described in challenges without breaking out of the quotes', () => {
    expect(quoted('a "b" \\ c\r\nX: é')).toBe(String.raw`"a \"b\" \\ c??X: ?"`)
  })
})
