/** One call to another service, as the page shows it: what came back, who served it, or what went wrong. */
export interface Call {
  readonly service: string
  readonly path: string
  readonly ok: boolean
  /** Null when no answer came. */
  readonly status: number | null
  readonly tookMs: number
  /** Empty when the answer does not say. */
  readonly instance: string
  readonly version: string
  readonly body: unknown
  /** Empty when the call went well. */
  readonly error: string
}

/** What the page shows: who serves it, and what became of each call. */
export interface Overview {
  readonly instance: string
  readonly version: string
  readonly calls: readonly Call[]
}

export interface Upstream {
  readonly service: string
  readonly url: string
  readonly path: string
}

const timeoutMs = 2_000

/** Where the others are: the platform says so in the environment; by hand they are on their own ports. */
export function upstreamsOf(env: NodeJS.ProcessEnv): readonly Upstream[] {
  return [
    { service: 'users', url: env['USERS_URL'] ?? 'http://127.0.0.1:5001', path: '/users/1' },
    { service: 'orders', url: env['ORDERS_URL'] ?? 'http://127.0.0.1:5002', path: '/orders/1' },
    { service: 'catalog', url: env['CATALOG_URL'] ?? 'http://127.0.0.1:5003', path: '/catalog' },
  ]
}

/** Never rejects: a failure is an answer that the page shows. Ends within two seconds. */
export async function call(upstream: Upstream): Promise<Call> {
  const { service, path } = upstream
  const began = performance.now()
  const tookMs = (): number => Math.round((performance.now() - began) * 10) / 10
  try {
    const response = await fetch(new URL(path, upstream.url), { signal: AbortSignal.timeout(timeoutMs) })
    const text = await response.text()
    return {
      service,
      path,
      ok: response.ok,
      status: response.status,
      tookMs: tookMs(),
      instance: response.headers.get('x-served-by') ?? '',
      version: response.headers.get('x-served-version') ?? '',
      body: parsed(text),
      error: response.ok ? '' : `answered ${response.status}: ${text.slice(0, 200)}`,
    }
  } catch (error) {
    return {
      service,
      path,
      ok: false,
      status: null,
      tookMs: tookMs(),
      instance: '',
      version: '',
      body: null,
      error: reasonOf(error),
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text.slice(0, 200)
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`
  // fetch says only "fetch failed"; the reason is its cause.
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
}
