import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import type { Answer, Sent, Transport } from '../support/numbered-load.js'
import type { ConversationEnd, Open } from './conversation.js'

const deadlineMs = 30_000
const methods = { GET: 'Look', POST: 'Take' } as const
const ends = new Map<status, ConversationEnd>([
  [status.OK, 'leave'],
  [status.UNAVAILABLE, 'break'],
])
const toBytes = (text: string): Buffer => Buffer.from(text)

/**
 * A client of the soak's gRPC service. It sends nothing again by itself: what is mended is the gateway's doing. As a transport it makes a call of
 * Look of a GET, which may be made twice, and one of Take of a POST.
 */
export class NumbersClient implements Transport {
  readonly #client: Client

  constructor(target: string) {
    this.#client = new Client(target, credentials.createInsecure(), {
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
    })
  }

  send({ method, headers, body = '' }: Sent): Promise<Answer> {
    const metadata = new Metadata()
    metadata.set('x-number', headers['x-number'] as string)
    const path = `/pando.soak.Numbers/${methods[method as keyof typeof methods]}`
    return new Promise((resolve) => {
      const options = { deadline: Date.now() + deadlineMs }
      this.#client.makeUnaryRequest(path, toBytes, String, body, metadata, options, (error, text) =>
        resolve(error === null ? { status: 200, text: text ?? '' } : { status: error.code, text: error.details }),
      )
    })
  }

  /** A service that goes ends its streams with OK; one that dies cannot, and is unavailable. */
  readonly converse: Open = ({ heard, ended }) => {
    const call = this.#client.makeBidiStreamRequest('/pando.soak.Numbers/Converse', toBytes, String)
    let isOpen = true
    call.on('data', heard)
    call.on('error', () => {})
    call.on('status', ({ code, details }) => {
      isOpen = false
      ended(ends.get(code) ?? 'fault', `${code} ${details}`)
    })
    return {
      get isOpen() {
        return isOpen
      },
      send: (text) => call.write(text),
      end: () => call.end(),
      breakOff: () => call.cancel(),
    }
  }

  close(): void {
    this.#client.close()
  }
}
