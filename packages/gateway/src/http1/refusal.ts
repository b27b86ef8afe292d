/** Why a message is not served. `code` is for programs, `detail` one sentence for people. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly detail: string
}

function refusal(status: number, code: string, detail: string): Refusal {
  return { status, code, detail }
}

/** Every way in which the head or the framing of a message can be wrong (RFC 9112, RFC 9110). What is ambiguous is refused, never repaired. */
export const refusals = {
  badStart: refusal(400, 'bad_request_line', 'The request does not begin with a method.'),
  badMethod: refusal(400, 'bad_method', 'The method holds a byte that no method may hold.'),
  longMethod: refusal(501, 'unknown_method', 'The method is longer than any that the gateway knows.'),
  badTarget: refusal(400, 'bad_target', 'The request target is not a valid path or absolute URL.'),
  longTarget: refusal(414, 'target_too_long', 'The request target is longer than the gateway allows.'),
  badVersion: refusal(400, 'bad_version', 'The request line does not end in HTTP/1.1 and CR LF.'),
  otherVersion: refusal(505, 'version_not_supported', 'The gateway speaks HTTP/1.0 and HTTP/1.1 here.'),
  badStatusLine: refusal(502, 'bad_status_line', 'The status line is not valid HTTP/1.1.'),
  badStatus: refusal(502, 'bad_status', 'The status code is not between 100 and 599.'),
  bareLineFeed: refusal(400, 'bare_line_feed', 'A line ends in LF without CR.'),
  bareReturn: refusal(400, 'bare_carriage_return', 'A CR is not followed by LF.'),
  foldedLine: refusal(400, 'folded_header', 'A header line begins with white space.'),
  badName: refusal(400, 'bad_header_name', 'A header name is empty or holds a byte that no name may hold.'),
  spaceBeforeColon: refusal(400, 'space_before_colon', 'White space stands between a header name and its colon.'),
  badValue: refusal(400, 'bad_header_value', 'A header value holds a control character.'),
  longHead: refusal(431, 'head_too_large', 'The header section is larger than the gateway allows.'),
  manyHeaders: refusal(431, 'too_many_headers', 'The request has more headers than the gateway allows.'),
  badLength: refusal(400, 'bad_content_length', 'Content-Length is not one plain decimal number.'),
  twoLengths: refusal(400, 'repeated_content_length', 'Content-Length occurs more than once.'),
  unknownCoding: refusal(501, 'unknown_transfer_coding', 'Transfer-Encoding is something other than "chunked".'),
  twoCodings: refusal(400, 'repeated_transfer_encoding', 'Transfer-Encoding occurs more than once.'),
  bothFramings: refusal(400, 'ambiguous_length', 'Both Content-Length and Transfer-Encoding are present.'),
  oldChunked: refusal(400, 'chunked_in_http10', 'Transfer-Encoding does not exist in HTTP/1.0.'),
  noHost: refusal(400, 'missing_host', 'HTTP/1.1 requires a Host header.'),
  twoHosts: refusal(400, 'repeated_host', 'Host occurs more than once.'),
  badHost: refusal(400, 'bad_host', 'The host is not a valid name or address with an optional port.'),
  otherHost: refusal(400, 'host_mismatch', 'The Host header differs from the host in the request target.'),
  connect: refusal(501, 'connect_not_supported', 'The gateway is not a forward proxy: CONNECT is not served.'),
  badChunk: refusal(400, 'bad_chunk', 'The chunked body is not valid.'),
  longChunk: refusal(400, 'chunk_too_large', 'A chunk size is larger than any that can be served.'),
  longExtensions: refusal(
    400,
    'chunk_extensions_too_large',
    'The chunk extensions are larger than the gateway allows.',
  ),
  longTrailers: refusal(431, 'trailers_too_large', 'The trailer section is larger than the gateway allows.'),
  badTrailer: refusal(400, 'bad_trailer', 'The trailer section is not valid.'),
} as const satisfies Record<string, Refusal>
