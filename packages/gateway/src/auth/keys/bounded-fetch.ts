import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { isIP } from 'node:net'

export interface FetchLimits {
  /** For all of it. */
  readonly timeoutMs: number
  readonly maxBytes: number
  /** Plain http to another machine is allowed. */
  readonly isInsecure: boolean
}

export interface Posted {
  /** Form-encoded. */
  readonly form: string
  readonly authorization: string | null
}

/**
 * Gets a small document, or what a form is answered with: one request on a connection of its own, and 200 is the only answer that counts. Redirects are not followed, as
 * who may redirect may choose the keys. Rejects with a sentence.
 */
export function fetchDocument(address: string, limits: FetchLimits, posted: Posted | null = null): Promise<Buffer> {
  const wrong = whyNotFetched(address, limits.isInsecure)
  if (wrong !== null) return Promise.reject(new Error(wrong))
  const url = new URL(address)
  const send = url.protocol === 'https:' ? tlsRequest : plainRequest
  return new Promise((resolve, reject) => {
    const request = send(url, {
      agent: false,
      method: posted === null ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        connection: 'close',
        ...(posted === null
          ? {}
          : {
              'content-type': 'application/x-www-form-urlencoded',
              'content-length': Buffer.byteLength(posted.form),
              ...(posted.authorization === null ? {} : { authorization: posted.authorization }),
            }),
      },
      signal: AbortSignal.timeout(limits.timeoutMs),
    })
    const fail = (reason: string): void => {
      reject(new Error(`${address}: ${reason}`))
      request.destroy()
    }
    request.on('error', (error: NodeJS.ErrnoException) => {
      fail(error.name === 'AbortError' ? `no answer in ${limits.timeoutMs} ms` : error.message)
    })
    request.on('response', (response) => {
      const { statusCode } = response
      if (statusCode !== 200) {
        fail(`it answered ${statusCode}${isRedirect(statusCode) ? ', and redirects are not followed' : ''}`)
        return
      }
      const chunks: Buffer[] = []
      let length = 0
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > limits.maxBytes) fail(`the answer has more than ${limits.maxBytes} bytes`)
        else chunks.push(chunk)
      })
      response.on('error', (error: Error) => fail(error.message))
      response.on('end', () => {
        if (response.complete) resolve(Buffer.concat(chunks))
        else fail('the answer ended too early')
      })
    })
    request.end(posted?.form)
  })
}

/** Why this address is not asked, null when it may be. What comes from it decides who gets in, so nobody may change it on its way. */
export function whyNotFetched(address: string, isInsecure: boolean): string | null {
  let url: URL
  try {
    url = new URL(address)
  } catch {
    return `${JSON.stringify(address)} is no address`
  }
  if (url.username !== '' || url.password !== '') return 'an address with a password in it is not asked'
  if (url.protocol === 'https:') return null
  if (url.protocol !== 'http:') return `${address}: only https is asked`
  if (isInsecure || isLoopback(url.hostname)) return null
  return `${address}: plain http is asked on this machine only`
}

export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function isRedirect(status: number | undefined): boolean {
  return status !== undefined && status >= 300 && status < 400
}
