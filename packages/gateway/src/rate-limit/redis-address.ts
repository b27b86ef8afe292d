/** Where a store is and how one gets in. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly isSecure: boolean
  /** Empty when there is none. */
  readonly user: string
  readonly password: string
  readonly database: number
}

/** `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS. Throws, and never says what it was given: that may hold a password. */
export function parseRedisUrl(text: string): RedisAddress {
  let url: URL
  try {
    url = new URL(text.trim())
  } catch {
    throw new Error('the address of the store is not a URL')
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') {
    throw new Error('the address of the store begins with redis:// or rediss://')
  }
  const database = url.pathname === '' || url.pathname === '/' ? '0' : url.pathname.slice(1)
  if (url.hostname === '' || !/^\d{1,4}$/.test(database)) {
    throw new Error('the address of the store has a host and at most a port and the number of a database')
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    isSecure: url.protocol === 'rediss:',
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: Number(database),
  }
}
