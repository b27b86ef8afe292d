import { expect, test } from 'vitest'
import { pageText } from './problem-page.js'
import { problemResponse } from './problem.js'

const page = { heading: 'You were not signed in', next: 'Begin again.', link: { path: '/orders', text: 'Try again' } }

/** Its elements, without their texts and where they lead. */
const shapeOf = (text: string): string => text.replaceAll(/>[^<]*/g, '>').replaceAll(/href="[^"]*"/g, 'href')

test('whatever a text holds, a page has the same elements', () => {
  const evil = `</title></style></p>"><script>alert(1)</script><!-- '\`&amp;`
  const plain = pageText(page, { detail: 'x', requestId: 'x' })
  const hostile = { heading: evil, next: evil, link: { path: evil, text: evil } }
  const text = pageText(hostile, { detail: evil, requestId: evil })
  expect(shapeOf(text)).toBe(shapeOf(plain))
  expect(text.split('&#60;script&#62;alert(1)&#60;/script&#62;&#60;!-- &#39;&#96;&#38;amp;')).toHaveLength(8)
})

test('a page takes the place of the problem document, with a length in bytes, and HEAD gets its head only', () => {
  const options = { reason: 'forbidden', detail: 'Ünter', requestId: 'abc', keepAlive: true, page } as const
  const [head = '', body = ''] = Buffer.from(problemResponse(options)).toString('utf8').split('\r\n\r\n')
  expect(head).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
  expect(head.match(/^content-type:.*/gim)).toEqual(['Content-Type: text/html; charset=utf-8'])
  expect(head).toContain(`\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`)
  expect(head).toContain('\r\nX-Request-Id: abc\r\n')
  expect(body).toContain('<p>Ünter</p>')
  expect(Buffer.from(problemResponse({ ...options, isHead: true })).toString('utf8')).toBe(`${head}\r\n\r\n`)
})

test('a page without a link or an id has none', () => {
  const text = pageText({ ...page, link: null }, {})
  expect(text).not.toContain('<a ')
  expect(text).not.toContain('Request id')
})
