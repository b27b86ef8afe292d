import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import * as frame from '../../packages/gateway/src/http2/frame-types.js'
import { HpackDecoder } from '../../packages/gateway/src/http2/hpack/decoder.js'
import { LineBuffer } from '../../packages/gateway/src/http2/hpack/line-buffer.js'
import { cleanUp, rawServer } from './plane.js'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export type Field = readonly [name: string, value: string]

/** A frame as bytes; a payload that is text is hex. */
export function frameOf(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload.replaceAll(' ', ''), 'hex') : payload
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

/** A field section without any compression: literals that are not indexed. */
export function sectionOf(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), stringOf(name), stringOf(value)]))
}

function stringOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

export function requestFields(method: string, path: string, ...more: readonly Field[]): Field[] {
  return [[':method', method], [':scheme', 'http'], [':path', path], [':authority', 'localhost'], ...more]
}

/** One side of a connection, which writes any frames, right or wrong, and keeps all that comes back. */
export class FramePeer {
  readonly socket: Socket
  readonly frames: Frame[] = []
  isClosed = false
  hasEnded = false
  readonly #decoder = new HpackDecoder(4096)
  #bytes = Buffer.alloc(0)
  /** Bytes of the preface that are still to come. */
  #prefaceLeft: number
  readonly #waiting: (() => void)[] = []

  constructor(socket: Socket, { readsPreface = false } = {}) {
    this.socket = socket
    this.#prefaceLeft = readsPreface ? frame.preface.length : 0
    cleanUp(() => this.socket.destroy())
    this.socket.setNoDelay(true)
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.socket.on('error', () => {})
    this.socket.on('end', () => {
      this.hasEnded = true
      this.#notify()
    })
    this.socket.on('close', () => {
      this.isClosed = true
      this.#notify()
    })
  }

  send(...bytes: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(bytes))
  }

  /** Sends HEADERS whose fields are all of the message, unless there is more to come. */
  headers(stream: number, fields: readonly Field[], isEnd = true): void {
    this.send(frameOf(frame.headersFrame, frame.endHeadersFlag | (isEnd ? 1 : 0), stream, sectionOf(fields)))
  }

  data(stream: number, bytes: Buffer | string, isEnd = false): void {
    this.send(frameOf(frame.dataFrame, isEnd ? 1 : 0, stream, Buffer.from(bytes as string)))
  }

  /** The first frame that it is true of; undefined when the connection ends before one comes. */
  async find(isWanted: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (;;) {
      const found = this.frames.find(isWanted)
      if (found !== undefined || this.hasEnded || this.isClosed) return found
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** The error code of the GOAWAY or, with a stream, of its RST_STREAM; undefined when there is none. */
  async goaway(): Promise<number | undefined> {
    return (await this.find(({ type }) => type === frame.goawayFrame))?.payload.readUInt32BE(4)
  }

  async reset(stream: number): Promise<number | undefined> {
    const found = await this.find((each) => each.type === frame.resetFrame && each.stream === stream)
    return found?.payload.readUInt32BE(0)
  }

  /** What may be sent on a stream, or on the connection (0), in all, when it began with so much. */
  window(stream: number, initial: number): number {
    let window = initial
    for (const each of this.frames) {
      if (each.type === frame.windowUpdateFrame && each.stream === stream) window += each.payload.readUInt32BE(0)
    }
    return window
  }

  /** Resolves when the connection answers a ping: it is alive, and has read all that was sent before. */
  async ping(): Promise<boolean> {
    const text = `ping${String(this.#pings++).padStart(4, '0')}`
    this.send(frameOf(frame.pingFrame, 0, 0, Buffer.from(text)))
    const found = await this.find(
      ({ type, flags, payload }) => type === frame.pingFrame && flags === 1 && payload.toString() === text,
    )
    return found !== undefined
  }
  #pings = 0

  /** The whole answer on a stream, once it has ended. */
  async response(stream: number): Promise<{ fields: string[]; body: string; trailers: string[] }> {
    await this.find((each) => each.stream === stream && each.type <= 1 && (each.flags & 1) !== 0)
    const body = this.body(stream).toString()
    const [fields = [], trailers = []] = this.sections
      .filter((each) => each.stream === stream)
      .map((each) => each.fields)
    return { fields, body, trailers }
  }

  /** Data that has come on a stream. */
  body(stream: number): Buffer {
    return Buffer.concat(
      this.frames.filter((each) => each.stream === stream && each.type === 0).map((each) => each.payload),
    )
  }

  readonly sections: { stream: number; fields: string[] }[] = []

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const preface = Math.min(this.#prefaceLeft, this.#bytes.length)
    this.#prefaceLeft -= preface
    this.#bytes = this.#bytes.subarray(preface)
    while (this.#bytes.length >= 9) {
      const length = this.#bytes.readUIntBE(0, 3)
      if (this.#bytes.length < 9 + length) break
      const payload = Buffer.from(this.#bytes.subarray(9, 9 + length))
      const read = { type: this.#bytes[3], flags: this.#bytes[4], stream: this.#bytes.readUInt32BE(5), payload }
      this.#bytes = this.#bytes.subarray(9 + length)
      this.frames.push(read)
      if (read.type === frame.headersFrame || read.type === frame.continuationFrame) this.#section(read)
    }
    this.#notify()
  }

  #fragments: Buffer[] = []

  #section({ stream, flags, payload }: Frame): void {
    this.#fragments.push(payload)
    if ((flags & frame.endHeadersFlag) === 0) return
    const block = Buffer.concat(this.#fragments.splice(0))
    const lines = new LineBuffer()
    const sink = { onField() {} }
    const outcome = this.#decoder.decode(block, 0, block.length, { lines, sink, maxListSize: 1_000_000 })
    const text = lines.bytes.toString('latin1', 0, lines.length)
    this.sections.push({ stream, fields: outcome === 0 ? text.split('\r\n').slice(0, -1) : [`invalid: ${outcome}`] })
  }

  #notify(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** A client. */
export class FrameClient extends FramePeer {
  /** Sends the preface and these settings at once, unless told not to. */
  constructor(port: number, { greets = true, settings = '' }: { greets?: boolean; settings?: string } = {}) {
    super(connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true }))
    if (greets) this.send(Buffer.from(frame.preface), frameOf(frame.settingsFrame, 0, 0, settings), frameOf(4, 1, 0))
  }

  /** Sends a request whose fields are all of it, unless there is more to come. */
  request(stream: number, fields: readonly Field[], isEnd = true): void {
    this.headers(stream, fields, isEnd)
  }
}

/** A service until the end of the test, and its connections so far, each of which it greets. */
export async function frameService(): Promise<{ port: number; peers: FramePeer[] }> {
  const peers: FramePeer[] = []
  const { port } = await rawServer((socket) => {
    const peer = new FramePeer(socket, { readsPreface: true })
    peer.send(frameOf(frame.settingsFrame, 0, 0), frameOf(frame.settingsFrame, frame.ackFlag, 0))
    peers.push(peer)
  })
  return { port, peers }
}

/** A service of node:http2 without TLS until the end of the test; `sessions` tells how many connections it has had. */
export async function http2Service(onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void) {
  const server = createServer()
  const sessions = new Set<{ destroy(): void }>()
  let sessionCount = 0
  server.on('session', (opened) => {
    sessionCount++
    sessions.add(opened)
    opened.on('error', () => {})
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    onStream(stream, headers)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(() => {
    for (const each of sessions) each.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, server, sessions: () => sessionCount }
}

/** A session of node:http2 until the end of the test. */
export function session(port: number): ClientHttp2Session {
  const client = connect(`http://127.0.0.1:${port}`)
  cleanUp(() => client.destroy())
  client.on('error', () => {})
  return client
}

export interface Answer {
  readonly head: IncomingHttpHeaders & { ':status'?: number }
  readonly body: Buffer
  readonly trailers: IncomingHttpHeaders
}

/** One request by node:http2. */
export function ask(client: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: Buffer | string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = client.request(headers, { endStream: body === undefined })
    let head: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders = {}
    const chunks: Buffer[] = []
    stream.on('response', (received) => (head = received))
    stream.on('trailers', (received) => (trailers = received))
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => resolve({ head, body: Buffer.concat(chunks), trailers }))
    stream.on('error', reject)
    if (body !== undefined) stream.end(body)
  })
}
