/** What an edit adds to a head, replaces in it and takes out of it; names in whatever case. */
export interface HeaderEdit {
  readonly set: Readonly<Record<string, string>>
  readonly add: Readonly<Record<string, string>>
  readonly remove: readonly string[]
}

const ofConnection = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * Why an edit may not touch the header, as the end of a sentence; null when it may. What frames the message or belongs to one connection
 * stays as the gateway writes it: an edit of that would change where the message ends (request smuggling).
 */
export function whyFixed(name: string, side: 'request' | 'response'): string | null {
  const lower = name.toLowerCase()
  if (ofConnection.has(lower)) return 'it belongs to the connection'
  if (lower === 'host') return 'a rewrite sets the host'
  if (side === 'request' && lower === 'x-request-id') return 'the gateway names each request by it'
  return null
}
