/** A request head and what must become of it: the status that it is refused with, or 200 when it is served. */
export interface RequestCase {
  readonly name: string
  readonly head: string
  readonly status: number
  readonly code?: string
}

const host = 'Host: example.org\r\n'

function served(name: string, head: string): RequestCase {
  return { name, head, status: 200 }
}

function refused(name: string, status: number, code: string, head: string): RequestCase {
  return { name, head, status, code }
}

/** A request whose line is right and whose header section is this. */
function withHeaders(lines: string): string {
  return `GET / HTTP/1.1\r\n${host}${lines}\r\n`
}

function withLine(line: string): string {
  return `${line}\r\n${host}\r\n`
}

function post(lines: string): string {
  return `POST / HTTP/1.1\r\n${host}${lines}\r\n`
}

export const requestCases: readonly RequestCase[] = [
  // Request line: RFC 9112 section 3.
  served('the least request', withHeaders('')),
  served('one empty line before it (2.2)', `\r\n${withHeaders('')}`),
  served('an unknown method', withLine('FROBNICATE / HTTP/1.1')),
  served('every byte a method may hold', withLine("!#$%&'*+-.^_`|~AZ09az / HTTP/1.1")),
  served('a query', withLine('GET /a?b=c&d=%20e?f HTTP/1.1')),
  served('an empty query', withLine('GET /a? HTTP/1.1')),
  served('what browsers leave raw in a query', withLine('GET /a?b=[c]|{d}^`\\ HTTP/1.1')),
  served('absolute form (3.2.2)', withLine('GET http://example.org/a?b HTTP/1.1')),
  served('absolute form, host in other case', withLine('GET HTTP://EXAMPLE.org/a HTTP/1.1')),
  served('absolute form without path', withLine('GET http://example.org HTTP/1.1')),
  served('absolute form with query and no path', withLine('GET http://example.org?q HTTP/1.1')),
  served('asterisk form (3.2.4)', withLine('OPTIONS * HTTP/1.1')),
  served('HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n'),
  served('HTTP/1.0 with Host', `GET / HTTP/1.0\r\n${host}\r\n`),
  served('a minor version above ours', withLine('GET / HTTP/1.7')),
  refused('two empty lines before it', 400, 'bad_request_line', `\r\n\r\n${withHeaders('')}`),
  refused('a bare LF before it', 400, 'bare_line_feed', `\n${withHeaders('')}`),
  refused('a CR without LF before it', 400, 'bare_carriage_return', `\r${withHeaders('')}`),
  refused('a space before it', 400, 'bad_request_line', ` ${withHeaders('')}`),
  refused('no method', 400, 'bad_request_line', withLine(' / HTTP/1.1')),
  refused('a method with a bad byte', 400, 'bad_method', withLine('G(T / HTTP/1.1')),
  refused('a method with a NUL', 400, 'bad_method', withLine('GE\0T / HTTP/1.1')),
  refused('a method that never ends', 501, 'unknown_method', withLine(`${'A'.repeat(25)} / HTTP/1.1`)),
  refused('a TLS greeting', 400, 'bad_request_line', '\x16\x03\x01\x02\x00\x01\x00\x01'),
  refused('a TAB for a space', 400, 'bad_method', withLine('GET\t/ HTTP/1.1')),
  refused('two spaces before the target', 400, 'bad_target', withLine('GET  / HTTP/1.1')),
  refused('two spaces behind the target', 400, 'bad_version', withLine('GET /  HTTP/1.1')),
  refused('a space in the target', 400, 'bad_version', withLine('GET /a b HTTP/1.1')),
  refused('a space behind the version', 400, 'bad_version', withLine('GET / HTTP/1.1 ')),
  refused('no version (HTTP/0.9)', 400, 'bad_target', 'GET /\r\n\r\n'),
  refused('the version in lower case', 400, 'bad_version', withLine('GET / http/1.1')),
  refused('another protocol', 400, 'bad_version', withLine('GET / HTTPS/1.1')),
  refused('a version of three digits', 400, 'bad_version', withLine('GET / HTTP/1.10')),
  refused('a version without a dot', 400, 'bad_version', withLine('GET / HTTP/11 ')),
  refused('a signed version', 400, 'bad_version', withLine('GET / HTTP/+1.1')),
  refused('HTTP/2.0', 505, 'version_not_supported', withLine('GET / HTTP/2.0')),
  refused('HTTP/0.9 said aloud', 505, 'version_not_supported', withLine('GET / HTTP/0.9')),
  refused('the HTTP/2 preface', 505, 'version_not_supported', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  refused('a bare LF behind the request line', 400, 'bad_version', `GET / HTTP/1.1\n${host}\r\n`),
  refused('a bare CR behind the request line', 400, 'bare_carriage_return', `GET / HTTP/1.1\r${host}\r\n`),
  refused('a control character in the target', 400, 'bad_target', withLine('GET /a\x01b HTTP/1.1')),
  refused('a byte above ASCII in the target', 400, 'bad_target', withLine('GET /caf\xe9 HTTP/1.1')),
  refused('a fragment', 400, 'bad_target', withLine('GET /a#b HTTP/1.1')),
  refused('a quote in the target', 400, 'bad_target', withLine('GET /"a" HTTP/1.1')),
  refused('a backslash in the path', 400, 'bad_target', withLine('GET /a\\b HTTP/1.1')),
  refused('an encoded slash in the path', 400, 'bad_target', withLine('GET /a%2fb HTTP/1.1')),
  refused('an encoded NUL in the path', 400, 'bad_target', withLine('GET /a%00 HTTP/1.1')),
  refused('half an escape in the path', 400, 'bad_target', withLine('GET /a%2 HTTP/1.1')),
  refused('a climb above the root', 400, 'bad_target', withLine('GET /../etc/passwd HTTP/1.1')),
  refused('a target without a slash', 400, 'bad_target', withLine('GET index.html HTTP/1.1')),
  refused('another scheme', 400, 'bad_target', withLine('GET ftp://example.org/ HTTP/1.1')),
  refused('an asterisk for another method', 400, 'bad_target', withLine('GET * HTTP/1.1')),
  refused('CONNECT', 501, 'connect_not_supported', withLine('CONNECT example.org:443 HTTP/1.1')),
  refused('authority form for another method', 400, 'bad_target', withLine('GET example.org:80 HTTP/1.1')),
  refused('a target too long', 414, 'target_too_long', withLine(`GET /${'a'.repeat(200)} HTTP/1.1`)),
  served('a target just short enough', withLine(`GET /${'a'.repeat(199)} HTTP/1.1`)),

  // Host: RFC 9112 section 3.2, RFC 9110 section 7.2.
  served('a host with a port', 'GET / HTTP/1.1\r\nHost: example.org:8080\r\n\r\n'),
  served('an IPv4 host', 'GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n'),
  served('an IPv6 host', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n'),
  served('an empty host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'),
  served('an empty port', 'GET / HTTP/1.1\r\nHost: example.org:\r\n\r\n'),
  refused('no Host in HTTP/1.1', 400, 'missing_host', 'GET / HTTP/1.1\r\n\r\n'),
  refused('two Hosts', 400, 'repeated_host', withHeaders('Host: example.org\r\n')),
  refused('two Hosts in HTTP/1.0', 400, 'repeated_host', `GET / HTTP/1.0\r\n${host}hOST: b\r\n\r\n`),
  refused('user information in Host', 400, 'bad_host', 'GET / HTTP/1.1\r\nHost: user@example.org\r\n\r\n'),
  refused('a path in Host', 400, 'bad_host', 'GET / HTTP/1.1\r\nHost: example.org/a\r\n\r\n'),
  refused('a list in Host', 400, 'bad_host', 'GET / HTTP/1.1\r\nHost: a.org, b.org\r\n\r\n'),
  refused('white space in Host', 400, 'bad_host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'),
  refused('a port that is no number', 400, 'bad_host', 'GET / HTTP/1.1\r\nHost: a:b\r\n\r\n'),
  refused('a port too high', 400, 'bad_host', 'GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n'),
  refused('a port alone', 400, 'bad_host', 'GET / HTTP/1.1\r\nHost: :80\r\n\r\n'),
  refused('an IPv6 host that does not close', 400, 'bad_host', 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n'),
  refused('Host in disagreement with the target', 400, 'host_mismatch', withLine('GET http://other.org/ HTTP/1.1')),
  refused('a port that only the target has', 400, 'host_mismatch', withLine('GET http://example.org:80/ HTTP/1.1')),
  refused('user information in the target', 400, 'bad_host', withLine('GET http://me@example.org/ HTTP/1.1')),
  refused('no host in the target', 400, 'bad_host', withLine('GET http:///a HTTP/1.1')),
  refused('absolute form without Host', 400, 'missing_host', 'GET http://example.org/ HTTP/1.1\r\n\r\n'),

  // Header lines: RFC 9112 section 5, RFC 9110 section 5.5.
  served('a value with white space around it', withHeaders('A: \t b c \t \r\n')),
  served('an empty value', withHeaders('A:\r\nB:  \r\n')),
  served('no white space behind the colon', withHeaders('A:b\r\n')),
  served('bytes above ASCII in a value', withHeaders('A: caf\xe9 \x80\xff\r\n')),
  served('a TAB in a value', withHeaders('A: b\tc\r\n')),
  served('the same header twice', withHeaders('A: b\r\nA: c\r\n')),
  served('as many headers as allowed', withHeaders('A: b\r\n'.repeat(9))),
  refused('one header more', 431, 'too_many_headers', withHeaders('A: b\r\n'.repeat(10))),
  refused('a head too large', 431, 'head_too_large', withHeaders(`A: ${'b'.repeat(1000)}\r\n`)),
  refused('a folded line (5.2)', 400, 'folded_header', withHeaders('A: b\r\n c\r\n')),
  refused('a line folded with TAB', 400, 'folded_header', withHeaders('A: b\r\n\tc\r\n')),
  refused('white space before the first header (2.2)', 400, 'folded_header', `GET / HTTP/1.1\r\n ${host}\r\n`),
  refused('a space before the colon (5.1)', 400, 'space_before_colon', withHeaders('A : b\r\n')),
  refused('a TAB before the colon', 400, 'space_before_colon', withHeaders('A\t: b\r\n')),
  refused('a space in a name', 400, 'space_before_colon', withHeaders('A B: c\r\n')),
  refused('a line without a colon', 400, 'bad_header_name', withHeaders('A\r\n')),
  refused('an empty name', 400, 'bad_header_name', withHeaders(': b\r\n')),
  refused('a control character in a name', 400, 'bad_header_name', withHeaders('A\x01: b\r\n')),
  refused('a byte above ASCII in a name', 400, 'bad_header_name', withHeaders('\xc0: b\r\n')),
  refused('a NUL in a value', 400, 'bad_header_value', withHeaders('A: b\0c\r\n')),
  refused('DEL in a value', 400, 'bad_header_value', withHeaders('A: b\x7f\r\n')),
  refused('an escape character in a value', 400, 'bad_header_value', withHeaders('A: \x1b[0m\r\n')),
  refused('a bare LF behind a header', 400, 'bare_line_feed', withHeaders('A: b\nC: d\r\n')),
  refused('a bare LF behind a name', 400, 'bare_line_feed', withHeaders('A\nB: c\r\n')),
  refused('a bare CR in a value', 400, 'bare_carriage_return', withHeaders('A: b\rc\r\n')),
  refused('a bare CR behind a name', 400, 'bad_header_name', withHeaders('A\r: b\r\n')),
  refused('an empty line that ends in a bare LF', 400, 'bare_line_feed', `GET / HTTP/1.1\r\n${host}\n`),
  refused('an empty line that ends in a bare CR', 400, 'bare_carriage_return', `GET / HTTP/1.1\r\n${host}\rX`),

  // Framing: RFC 9112 section 6.
  served('a Content-Length of 0', post('Content-Length: 0\r\n')),
  served('leading zeros in Content-Length', post('Content-Length: 000\r\n')),
  served('chunked', post('Transfer-Encoding: chunked\r\n')),
  served('chunked in other case', post('transfer-encoding: ChunKed\r\n')),
  refused('both framings', 400, 'ambiguous_length', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')),
  refused(
    'both framings, the other way round',
    400,
    'ambiguous_length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n'),
  ),
  refused('two equal lengths', 400, 'repeated_content_length', post('Content-Length: 5\r\nContent-Length: 5\r\n')),
  refused('two lengths', 400, 'repeated_content_length', post('Content-Length: 5\r\nContent-Length: 6\r\n')),
  refused('a list of lengths', 400, 'bad_content_length', post('Content-Length: 5, 5\r\n')),
  refused('a signed length', 400, 'bad_content_length', post('Content-Length: +5\r\n')),
  refused('a negative length', 400, 'bad_content_length', post('Content-Length: -5\r\n')),
  refused('a hexadecimal length', 400, 'bad_content_length', post('Content-Length: 0x5\r\n')),
  refused('an empty length', 400, 'bad_content_length', post('Content-Length:\r\n')),
  refused('a length with a point', 400, 'bad_content_length', post('Content-Length: 5.0\r\n')),
  refused('a length with an exponent', 400, 'bad_content_length', post('Content-Length: 1e3\r\n')),
  refused('a length with a space inside', 400, 'bad_content_length', post('Content-Length: 5 5\r\n')),
  refused('a length with an underscore', 400, 'bad_content_length', post('Content-Length: 1_000\r\n')),
  refused('a length beyond counting', 400, 'bad_content_length', post('Content-Length: 18446744073709551617\r\n')),
  refused('a list of codings', 501, 'unknown_transfer_coding', post('Transfer-Encoding: gzip, chunked\r\n')),
  refused('chunked twice in a line', 501, 'unknown_transfer_coding', post('Transfer-Encoding: chunked, chunked\r\n')),
  refused(
    'chunked in two lines',
    400,
    'repeated_transfer_encoding',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'),
  ),
  refused('identity', 501, 'unknown_transfer_coding', post('Transfer-Encoding: identity\r\n')),
  refused('an empty coding', 501, 'unknown_transfer_coding', post('Transfer-Encoding:\r\n')),
  refused('chunked with a parameter', 501, 'unknown_transfer_coding', post('Transfer-Encoding: chunked;q=1\r\n')),
  refused('chunked behind a comma', 501, 'unknown_transfer_coding', post('Transfer-Encoding: ,chunked\r\n')),
  refused('chunked behind a vertical tab', 400, 'bad_header_value', post('Transfer-Encoding: \x0bchunked\r\n')),
  refused('xchunked', 501, 'unknown_transfer_coding', post('Transfer-Encoding: xchunked\r\n')),
  refused(
    'chunked in HTTP/1.0',
    400,
    'chunked_in_http10',
    `POST / HTTP/1.0\r\n${host}Transfer-Encoding: chunked\r\n\r\n`,
  ),
]
