import { createHash, timingSafeEqual } from 'node:crypto'
import { PandoError } from '@pando/model'

/** Who may call the control API over TCP. On the unix socket the file's mode decides instead. */
export interface AccessRules {
  /** What `Authorization: Bearer …` must say. */
  readonly token: string
  /** The host it listens on: a name for it that is always allowed. */
  readonly host: string
}

const localNames = ['localhost', '127.0.0.1', '[::1]']
/** What a load balancer or a script may ask without a token: it says nothing of the app. */
const openPaths = ['/healthz']

/**
 * Null when the request may pass. The Host header must be one of ours, as a page whose name was rebound to 127.0.0.1 still sends its
 * own; a browser's Origin must be too, as any page may send requests here; then the token must be right.
 */
export function refusal(request: Request, rules: AccessRules): PandoError | null {
  const names = [...localNames, bracket(rules.host.toLowerCase())]
  const host = request.headers.get('host')
  if (host === null || !names.includes(hostName(host))) {
    return new PandoError(
      'forbidden',
      `the control API does not answer to the host name ${JSON.stringify(host ?? '')}`,
      {
        hint: `Call it by one of: ${names.join(', ')}.`,
      },
    )
  }
  const origin = request.headers.get('origin')
  if (origin !== null && !isOwnOrigin(origin, names)) {
    return new PandoError('forbidden', `the control API is not for pages of ${JSON.stringify(origin)}`)
  }
  if (openPaths.includes(new URL(request.url).pathname)) return null
  const given = /^Bearer +([^ ]+) *$/i.exec(request.headers.get('authorization') ?? '')?.[1]
  if (given !== undefined && isSameSecret(given, rules.token)) return null
  return new PandoError('unauthorized', given === undefined ? 'the control API needs a token' : 'the token is wrong', {
    hint: 'Send Authorization: Bearer TOKEN, or use the unix socket, which needs none.',
  })
}

/** Hashed first, so that neither the length nor the place of the first difference shows in the time it takes. */
function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(digest(a), digest(b))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function isOwnOrigin(origin: string, names: readonly string[]): boolean {
  const host = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]
  return host !== undefined && names.includes(hostName(host))
}

/** Lower case, without the port; an IPv6 address keeps its brackets. */
function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d{1,5}$/, '')
}

function bracket(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
}
