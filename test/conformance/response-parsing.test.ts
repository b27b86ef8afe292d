import { describe, expect, it } from 'vitest'
import { readHead } from './heads.js'

interface ResponseCase {
  readonly name: string
  readonly head: string
  /** Empty when it is served. */
  readonly code: string
}

function served(name: string, head: string): ResponseCase {
  return { name, head, code: '' }
}

function refused(name: string, code: string, head: string): ResponseCase {
  return { name, head, code }
}

function withHeaders(lines: string): string {
  return `HTTP/1.1 200 OK\r\n${lines}\r\n`
}

const cases: readonly ResponseCase[] = [
  served('the least response', withHeaders('')),
  served('no reason', 'HTTP/1.1 200 \r\n\r\n'),
  served('no reason and no space before it', 'HTTP/1.1 200\r\n\r\n'),
  served('a long reason', 'HTTP/1.1 404 Not Found, Sorry\r\n\r\n'),
  served('bytes above ASCII in the reason', 'HTTP/1.1 200 \xe9\r\n\r\n'),
  served('HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\n'),
  served('an interim response', 'HTTP/1.1 100 Continue\r\n\r\n'),
  served('an unknown status', 'HTTP/1.1 599 What\r\n\r\n'),
  served('two hosts, which mean nothing here', withHeaders('Host: a\r\nHost: b\r\n')),
  served('a length', withHeaders('Content-Length: 12\r\n')),
  served('chunked', withHeaders('Transfer-Encoding: chunked\r\n')),
  refused('an empty line before it', 'bad_status_line', `\r\n${withHeaders('')}`),
  refused('another protocol', 'bad_status_line', 'ICY 200 OK\r\n\r\n'),
  refused('HTTP/2', 'bad_status_line', 'HTTP/2.0 200 OK\r\n\r\n'),
  refused('no version', 'bad_status_line', 'HTTP 200 OK\r\n\r\n'),
  refused('two spaces before the status', 'bad_status_line', 'HTTP/1.1  200 OK\r\n\r\n'),
  refused('a status of two digits', 'bad_status_line', 'HTTP/1.1 20 OK\r\n\r\n'),
  refused('a status of four digits', 'bad_status_line', 'HTTP/1.1 2000 OK\r\n\r\n'),
  refused('a status that is no number', 'bad_status_line', 'HTTP/1.1 2x0 OK\r\n\r\n'),
  refused('status 099', 'bad_status', 'HTTP/1.1 099 OK\r\n\r\n'),
  refused('status 600', 'bad_status', 'HTTP/1.1 600 OK\r\n\r\n'),
  refused('a control character in the reason', 'bad_status_line', 'HTTP/1.1 200 O\x07K\r\n\r\n'),
  refused('a bare LF behind the status line', 'bad_status_line', 'HTTP/1.1 200 OK\nA: b\r\n\r\n'),
  refused('a bare CR behind the status line', 'bare_carriage_return', 'HTTP/1.1 200 OK\rA: b\r\n\r\n'),
  refused('a folded line', 'folded_header', withHeaders('A: b\r\n c\r\n')),
  refused('a space before the colon', 'space_before_colon', withHeaders('Content-Length : 5\r\n')),
  refused('a line without a colon', 'bad_header_name', withHeaders('A\r\n')),
  refused('a bare LF behind a header', 'bare_line_feed', withHeaders('A: b\nC: d\r\n')),
  refused('a NUL in a value', 'bad_header_value', withHeaders('A: \0\r\n')),
  refused('both framings', 'ambiguous_length', withHeaders('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')),
  refused('two equal lengths', 'repeated_content_length', withHeaders('Content-Length: 5\r\nContent-Length: 5\r\n')),
  refused('a list of lengths', 'bad_content_length', withHeaders('Content-Length: 5,5\r\n')),
  refused('a signed length', 'bad_content_length', withHeaders('Content-Length: +5\r\n')),
  refused('another coding', 'unknown_transfer_coding', withHeaders('Transfer-Encoding: gzip\r\n')),
  refused('a list of codings', 'unknown_transfer_coding', withHeaders('Transfer-Encoding: gzip, chunked\r\n')),
  refused('chunked in HTTP/1.0', 'chunked_in_http10', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
  refused('too many headers', 'too_many_headers', withHeaders('A: b\r\n'.repeat(11))),
  refused('a head too large', 'head_too_large', withHeaders(`A: ${'b'.repeat(1000)}\r\n`)),
]

describe('response heads', () => {
  it.each(cases)('$name: $code', ({ head, code }) => {
    expect(readHead(head, [], false)).toMatchObject({ outcome: code === '' ? 'complete' : 'refused', code })
  })

  it.each(cases)('$name: the same wherever it is cut', ({ head }) => {
    const whole = readHead(head, [], false)
    for (let cut = 1; cut < head.length; cut++) expect(readHead(head, [cut], false)).toEqual(whole)
    expect(
      readHead(
        head,
        Array.from(head, (_, index) => index),
        false,
      ),
    ).toEqual(whole)
  })

  it('reads what a head says', () => {
    const read = readHead('HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc', [], false)
    expect(read).toMatchObject({ status: 404, first: 'Not Found', length: 3, rest: 'abc' })
  })
})
