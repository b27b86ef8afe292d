import * as grpc from '@grpc/grpc-js'
import { cleanUp } from './plane.js'

const same = (bytes: Buffer): Buffer => bytes
const noop = (): void => {}
const method = (
  name: string,
  requestStream: boolean,
  responseStream: boolean,
): grpc.MethodDefinition<Buffer, Buffer> => ({
  path: `/pando.test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
})

/** The same service as `test/support/programs/grpc/echo.py`; messages are bare bytes. */
export const echoMethods = {
  Unary: method('Unary', false, false),
  Collect: method('Collect', true, false),
  Repeat: method('Repeat', false, true),
  Both: method('Both', true, true),
}

export interface EchoServer {
  readonly port: number
  /** Calls of Unary so far. */
  calls(): number
  /** Calls that the client gave up. */
  cancelled(): number
}

/** How a call of Unary fails. */
export interface Failure {
  readonly code: grpc.status
  readonly metadata?: Readonly<Record<string, string>>
  /** Its head goes out first, so that its status comes behind it; otherwise the status is in the head. */
  readonly hasHead?: boolean
}

/** A server of grpc-js until the end of the test. Calls of Unary that `failure` gives something for fail so; `count` is 1 for the first. */
export async function echoServer(
  failure: (text: string, count: number) => Failure | null = () => null,
): Promise<EchoServer> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 })
  let calls = 0
  let cancelled = 0
  server.addService(echoMethods, {
    Unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
      calls++
      call.on('cancelled', () => cancelled++)
      const text = call.request.toString('latin1')
      const trailers = new grpc.Metadata()
      if (text === 'wait') return
      const failed = failure(text, calls)
      if (failed !== null) {
        for (const [name, value] of Object.entries(failed.metadata ?? {})) trailers.set(name, value)
        if (failed.hasHead === true) call.sendMetadata(new grpc.Metadata())
        callback({ code: failed.code, details: 'as asked', metadata: trailers })
        return
      }
      if (text === 'fail') {
        trailers.set('x-why', 'asked')
        callback({ code: grpc.status.FAILED_PRECONDITION, details: 'as asked: äöü', metadata: trailers })
        return
      }
      trailers.set('x-length', String(call.request.length))
      callback(null, call.request, trailers)
    },
    Collect: (call: grpc.ServerReadableStream<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => {
      const all: Buffer[] = []
      call.on('data', (message: Buffer) => all.push(message))
      call.on('end', () => callback(null, Buffer.from(all.map(String).join(','))))
    },
    Repeat: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      for (let index = 0; index < Number(call.request); index++) call.write(Buffer.from(String(index)))
      call.end()
    },
    Both: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      call.on('cancelled', () => cancelled++)
      call.on('data', (message: Buffer) => call.write(Buffer.concat([Buffer.from('got '), message])))
      call.on('end', () => call.end())
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  cleanUp(() => server.forceShutdown())
  return { port, calls: () => calls, cancelled: () => cancelled }
}

/** A client of grpc-js until the end of the test. */
export class EchoClient {
  readonly #client: grpc.Client

  constructor(
    target: string,
    credentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
    options: grpc.ChannelOptions = {},
  ) {
    this.#client = new grpc.Client(target, credentials, { 'grpc.max_receive_message_length': -1, ...options })
    cleanUp(() => this.#client.close())
  }

  /** The answer and its trailers, or the error's status. */
  unary(
    message: Buffer,
    timeoutMs = 10_000,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ answer: Buffer; trailers: grpc.Metadata }> {
    return new Promise((resolve, reject) => {
      let answer: Buffer = Buffer.alloc(0)
      const metadata = new grpc.Metadata()
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
      const call = this.#client.makeUnaryRequest(
        echoMethods.Unary.path,
        same,
        same,
        message,
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          if (error !== null) reject(error)
          answer = response ?? answer
        },
      )
      call.on('status', (status) => {
        if (status.code === grpc.status.OK) resolve({ answer, trailers: status.metadata })
      })
    })
  }

  /** Begins a call that is given up by `cancel`. */
  begin(message: Buffer): { cancel(): void; ended: Promise<number> } {
    let end: (code: number) => void = noop
    const ended = new Promise<number>((resolve) => (end = resolve))
    const call = this.#client.makeUnaryRequest(echoMethods.Unary.path, same, same, message, (error) =>
      end(error?.code ?? 0),
    )
    return { cancel: () => call.cancel(), ended }
  }

  /** A call to a method that no service has. */
  unknown(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest('/pando.test.Echo/Nothing', same, same, Buffer.alloc(0), (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }

  collect(messages: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeClientStreamRequest(echoMethods.Collect.path, same, same, (error, response) => {
        if (error === null) resolve(String(response))
        else reject(error)
      })
      for (const message of messages) call.write(Buffer.from(message))
      call.end()
    })
  }

  repeat(count: number, heard: (message: string) => void = noop): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const all: string[] = []
      const call = this.#client.makeServerStreamRequest(echoMethods.Repeat.path, same, same, Buffer.from(String(count)))
      call.on('data', (message: Buffer) => {
        all.push(String(message))
        heard(String(message))
      })
      call.on('error', reject)
      call.on('end', () => resolve(all))
    })
  }

  /** Sends a message, and waits for the end of the call, which is not its own doing. */
  listen(message: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeBidiStreamRequest(echoMethods.Both.path, same, same)
      call.on('data', noop)
      call.on('error', reject)
      call.on('end', resolve)
      call.write(Buffer.from(message))
    })
  }

  /** Sends each message when the answer to the one before it has come. */
  converse(messages: readonly string[]): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const all: string[] = []
      const call = this.#client.makeBidiStreamRequest(echoMethods.Both.path, same, same)
      call.on('data', (message: Buffer) => {
        all.push(String(message))
        const next = messages[all.length]
        if (next === undefined) call.end()
        else call.write(Buffer.from(next))
      })
      call.on('error', reject)
      call.on('end', () => resolve(all))
      call.write(Buffer.from(messages[0] ?? ''))
    })
  }
}
