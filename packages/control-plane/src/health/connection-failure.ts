/** A failed connection in a phrase for people. */
export function describeConnectionFailure(error: NodeJS.ErrnoException): string {
  // HTTP/2 says that the stream was cancelled, and keeps what happened to the connection as its cause.
  const { code, message } = error.cause instanceof Error ? (error.cause as NodeJS.ErrnoException) : error
  return phrases[code ?? ''] ?? message
}

export function noAnswer(timeoutMs: number): string {
  return `no answer in ${timeoutMs / 1000} s`
}

const phrases: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
  EHOSTUNREACH: 'host unreachable',
  ENOTFOUND: 'host unknown',
}
