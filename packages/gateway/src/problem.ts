import type { ErrorCode } from '@pando/model'
import { pageLines, pageText, type ProblemPage } from './problem-page.js'

interface ReasonText {
  readonly status: number
  readonly code: ErrorCode
  /** What happened, for people. */
  readonly title: string
  /** What next. */
  readonly hint: string
}

/** Why the gateway answers by itself: every reason once. The status is the usual one; `ProblemOptions.status` may replace it. */
export const reasons = {
  bad_request: {
    status: 400,
    code: 'usage',
    title: 'The request is malformed',
    hint: 'Send a request that follows RFC 9112; the detail says what was wrong with this one.',
  },
  unauthenticated: {
    status: 401,
    code: 'unauthorized',
    title: 'The route needs a credential',
    hint: 'Send one of those that the WWW-Authenticate header names; the detail says what was wrong with this one.',
  },
  forbidden: {
    status: 403,
    code: 'forbidden',
    title: 'The credential is not enough for this route',
    hint: 'Use one that has what the detail names.',
  },
  cors_denied: {
    status: 403,
    code: 'forbidden',
    title: 'This origin may not ask this',
    hint: 'Add what the detail names to the `cors` of the route, if pages of that origin are to use it.',
  },
  ip_denied: {
    status: 403,
    code: 'forbidden',
    title: 'This address may not use the route',
    hint: 'Ask whoever runs the gateway: the `ip` of the route says which addresses may. Behind a load balancer, `gateway.trusted_proxies` must name it.',
  },
  no_route: {
    status: 404,
    code: 'not_found',
    title: 'No route matches',
    hint: 'Run "pando routes" to see which hosts and paths lead where.',
  },
  method_not_allowed: {
    status: 405,
    code: 'usage',
    title: 'The route does not take this method',
    hint: 'Use one of the methods in the Allow header.',
  },
  request_timeout: {
    status: 408,
    code: 'timeout',
    title: 'The request took too long to arrive',
    hint: 'Send the whole request without pauses.',
  },
  body_too_large: {
    status: 413,
    code: 'too_large',
    title: 'The body is too large',
    hint: 'Send less, or raise `max_body` in the limits of the route or of the gateway.',
  },
  target_too_long: {
    status: 414,
    code: 'too_large',
    title: 'The request target is too long',
    hint: 'Shorten path and query, or raise `max_target` in the limits of the gateway.',
  },
  rate_limited: {
    status: 429,
    code: 'limit_reached',
    title: 'Too many requests',
    hint: 'Wait for as long as Retry-After says; RateLimit tells what is left of each limit.',
  },
  head_too_large: {
    status: 431,
    code: 'too_large',
    title: 'The head of the request is too large',
    hint: 'Send fewer or shorter headers (cookies are the usual cause), or raise `max_head` or `max_headers` in the limits of the gateway.',
  },
  not_implemented: {
    status: 501,
    code: 'unsupported',
    title: 'The gateway does not support this',
    hint: 'The detail says what.',
  },
  upstream_closed: {
    status: 502,
    code: 'unavailable',
    title: 'The service closed the connection before its answer was whole',
    hint: 'Run "pando logs SERVICE" to see why, or "pando why REQUEST-ID" for the instance; a request that may have been processed is not sent again.',
  },
  response_too_large: {
    status: 502,
    code: 'too_large',
    title: 'The answer of the service is too large',
    hint: 'Let the service answer with less, or raise `limits` of the route.',
  },
  upstream_invalid: {
    status: 502,
    code: 'unavailable',
    title: 'The service answered with something that is not HTTP',
    hint: 'Check the protocol of the service in the manifest.',
  },
  connect_failed: {
    status: 503,
    code: 'unavailable',
    title: 'No connection to the service could be opened',
    hint: 'Run "pando ps" to see whether its instances listen on the $PORT that they were given.',
  },
  no_healthy_endpoint: {
    status: 503,
    code: 'unavailable',
    title: 'No instance of the service is healthy',
    hint: 'Run "pando ps" to see its instances and "pando logs SERVICE" to see what keeps them down.',
  },
  activation_timeout: {
    status: 503,
    code: 'unavailable',
    title: 'The service did not wake up in time',
    hint: 'Run "pando logs SERVICE" to see what keeps its first instance, or raise `hold` of its autoscale.',
  },
  rate_limit_unavailable: {
    status: 503,
    code: 'unavailable',
    title: 'The store of the rate limits does not answer',
    hint: 'Check the store of `gateway.rate_limit_store`, or choose `on_failure: local` there.',
  },
  fault_injected: {
    status: 503,
    code: 'unavailable',
    title: 'The route answers with a fault on purpose',
    hint: 'Take `fault` out of the route when the test is over.',
  },
  policy_failed: {
    status: 503,
    code: 'unavailable',
    title: 'A policy of the route could not be evaluated',
    hint: 'Nothing is let through meanwhile. The log of the gateway says why; check what the policy asks (its keys, its authorizer).',
  },
  circuit_open: {
    status: 503,
    code: 'unavailable',
    title: 'The service fails too often',
    hint: 'Run "pando logs SERVICE" to see why; the gateway lets some requests through soon to see whether it is well again.',
  },
  plain_http: {
    status: 400,
    code: 'usage',
    title: 'The port speaks https',
    hint: 'Ask it by https://.',
  },
  client_certificate: {
    status: 403,
    code: 'forbidden',
    title: 'The listener asks for another client certificate',
    hint: 'Show one that is signed by the authorities in gateway.tls.client_auth.ca; the detail says what was wrong.',
  },
  too_many_connections: {
    status: 503,
    code: 'limit_reached',
    title: 'The gateway has too many connections',
    hint: 'Try again later, or raise `max_connections` in the limits of the gateway.',
  },
  too_many_connections_of_client: {
    status: 503,
    code: 'limit_reached',
    title: 'This address has too many connections to the gateway',
    hint: 'Close some, or raise `max_connections_per_client` in the limits of the gateway; name proxies that many come through in `gateway.trusted_proxies`.',
  },
  overloaded: {
    status: 503,
    code: 'limit_reached',
    title: 'Too many requests wait for the service',
    hint: 'Try again later, or give the service more replicas.',
  },
  upstream_timeout: {
    status: 504,
    code: 'timeout',
    title: 'The service took too long to answer',
    hint: 'Run "pando logs SERVICE", or raise the timeout of the route.',
  },
  not_cached: {
    status: 504,
    code: 'not_found',
    title: 'No fresh answer is kept',
    hint: 'Leave "only-if-cached" out to let the service be asked.',
  },
  version_unsupported: {
    status: 505,
    code: 'unsupported',
    title: 'This version of HTTP is not supported',
    hint: 'Use HTTP/1.1.',
  },
} as const satisfies Record<string, ReasonText>

export type Reason = keyof typeof reasons

export interface ProblemOptions {
  readonly reason: Reason
  /** What was wrong with this very request, one sentence; may hold anything that the client sent. */
  readonly detail?: string
  readonly route?: string
  readonly service?: string
  readonly requestId?: string
  /** Instead of the reason's own. */
  readonly status?: number
  readonly retryAfterSeconds?: number
  /** For 405: `GET, HEAD`. */
  readonly allow?: string
  /** A page for people in place of the problem details. */
  readonly page?: ProblemPage
  /** Further lines of the head, `Name: value\r\n` each. */
  readonly lines?: Uint8Array
  /** False sends `Connection: close`. */
  readonly keepAlive: boolean
  /** The answer to HEAD has the headers only. */
  readonly isHead?: boolean
}

const statusTexts: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
}

/**
 * The whole HTTP/1.1 response, head and body, for an error of the gateway's own: RFC 9457 problem details that name the route
 * and the reason, or a page. Values from the request reach only the body (escaped), never a header.
 */
export function problemResponse(options: ProblemOptions): Uint8Array {
  const status = options.status ?? reasons[options.reason].status
  const { page } = options
  const body = Buffer.from(page === undefined ? documentText(options, status) : pageText(page, options))
  let head = `HTTP/1.1 ${status} ${statusTexts[status] ?? 'Error'}\r\n`
  head += `Date: ${new Date().toUTCString()}\r\n${page === undefined ? 'Content-Type: application/problem+json\r\n' : pageLines}`
  head += `Content-Length: ${body.length}\r\n`
  if (options.requestId !== undefined && isToken(options.requestId)) head += `X-Request-Id: ${options.requestId}\r\n`
  if (options.retryAfterSeconds !== undefined)
    head += `Retry-After: ${Math.max(1, Math.ceil(options.retryAfterSeconds))}\r\n`
  if (options.allow !== undefined) head += `Allow: ${options.allow}\r\n`
  if (options.lines !== undefined) head += Buffer.from(options.lines).toString('latin1')
  head += `Cache-Control: no-store\r\n${options.keepAlive ? '' : 'Connection: close\r\n'}\r\n`
  const headBytes = Buffer.from(head, 'latin1')
  return options.isHead === true ? headBytes : Buffer.concat([headBytes, body])
}

function documentText({ reason, detail, route, service, requestId }: ProblemOptions, status: number): string {
  const { title, code, hint }: ReasonText = reasons[reason]
  const type = `urn:pando:gateway:${reason}`
  // Lone surrogates cannot be sent as UTF-8; JSON.stringify escapes them, as it does all control characters.
  return `${JSON.stringify({ type, title, status, code, reason, detail, hint, route, service, requestId })}\n`
}

/** A request id may be the client's own: only one that is a token (RFC 9110 section 5.6.2) is fit for a header. */
function isToken(value: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/.test(value)
}
