import type { Identity, PolicyRequest, RoutePolicy, Verdict } from './route-policy.js'

export interface AskedRequest {
  readonly method?: string
  readonly host?: string
  readonly clientAddress?: string
  /** Names in lower case; a list is several lines. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly identity?: Identity
  readonly isSecure?: boolean
  readonly isMesh?: boolean
}

/** A request as a policy sees it, of what a test says of it. */
export function requestOf(asked: AskedRequest = {}): PolicyRequest {
  const lines = new Map(
    Object.entries(asked.headers ?? {}).map(([name, value]) => [name, typeof value === 'string' ? [value] : value]),
  )
  return {
    method: asked.method ?? 'GET',
    host: asked.host ?? 'shop.example',
    path: '/',
    query: '',
    listener: {
      name: 'edge',
      port: 8080,
      isMesh: asked.isMesh ?? false,
      isSecure: asked.isSecure ?? false,
      redirectPort: null,
      forwardedLines: null,
    },
    clientAddress: asked.clientAddress ?? '203.0.113.7',
    identity: asked.identity ?? null,
    tap: null,
    header: (name) => lines.get(name)?.join(', ') ?? null,
    headerCount: (name) => lines.get(name)?.length ?? 0,
    headers: () => [...lines].flatMap(([name, values]) => values.map((value) => [name, value] as const)),
  }
}

/** What a policy that waits for nothing says. */
export function verdictOf(policy: RoutePolicy | undefined, asked: AskedRequest = {}): Verdict {
  const verdict = policy?.check(requestOf(asked)) ?? null
  if (verdict instanceof Promise) throw new Error('the policy waits')
  return verdict
}

/** The lines that a verdict adds to the answer, one string each. */
export function addedLines(verdict: Verdict, side: 'request' | 'response' = 'response'): string[] {
  const edit =
    verdict === null || side === 'response'
      ? verdict?.response
      : (verdict as { request?: { lines: Uint8Array } }).request
  return edit === undefined ? [] : Buffer.from(edit.lines).toString().split('\r\n').filter(Boolean)
}
