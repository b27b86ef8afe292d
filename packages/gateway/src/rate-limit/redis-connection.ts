import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectSecure } from 'node:tls'
import type { RedisAddress } from './redis-address.js'
import { encodeCommand, RespError, type Reply, RespParser } from './resp-parser.js'

/** Commands without an answer yet; a store that is this far behind does not get more. */
const mostWaiting = 1_024
const firstPauseMs = 100
const longestPauseMs = 5_000

export interface RedisConnectionOptions {
  /** Asked before each connection, so that a changed file takes effect. May throw. */
  readonly address: () => Promise<RedisAddress>
  /** For a connection, and for each answer: one that takes longer is none. */
  readonly timeoutMs: number
  /** Called when it begins to fail, when it fails for another reason, and with null when it works again. */
  readonly onState: (failure: string | null) => void
}

interface Waiting {
  readonly resolve: (reply: Reply | null) => void
  readonly sentAt: number
}

/**
 * One pipelined connection to a Redis-compatible store, opened again when it ends. States: away (a timer leads on) → opening → ready → away.
 *
 * Invariant: `#waiting` are the commands that were sent on the present socket and not answered, in their order; all of them are settled before
 * the socket is let go. A command that is late is settled as failed and the socket ends with it: a store that stalls is not waited for by the next.
 */
export class RedisConnection {
  readonly #options: RedisConnectionOptions
  #socket: Socket | null = null
  #isReady = false
  #isClosed = false
  #waiting: Waiting[] = []
  #watch: NodeJS.Timeout | null = null
  #again: NodeJS.Timeout | null = null
  #pauseMs = firstPauseMs
  #failure: string | null = null

  constructor(options: RedisConnectionOptions) {
    this.#options = options
    void this.#open()
  }

  /** The answer, an error of the store included; null when there is none in time, or no connection. */
  command(words: readonly string[]): Promise<Reply | null> {
    const socket = this.#socket
    if (socket === null || !this.#isReady || this.#waiting.length >= mostWaiting) return Promise.resolve(null)
    return this.#send(socket, words)
  }

  close(): void {
    this.#isClosed = true
    if (this.#again !== null) clearTimeout(this.#again)
    if (this.#watch !== null) clearTimeout(this.#watch)
    this.#drop()
  }

  #send(socket: Socket, words: readonly string[]): Promise<Reply | null> {
    return new Promise((resolve) => {
      this.#waiting.push({ resolve, sentAt: performance.now() })
      socket.write(encodeCommand(words))
      this.#watch ??= this.#look(this.#options.timeoutMs)
    })
  }

  /** One timer for all that wait: it looks at the eldest. */
  #look(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#watch = null
      const [eldest] = this.#waiting
      if (eldest === undefined) return
      const leftMs = eldest.sentAt + this.#options.timeoutMs - performance.now()
      if (leftMs > 0) this.#watch = this.#look(Math.ceil(leftMs))
      else this.#lost(`no answer in ${this.#options.timeoutMs} ms`)
    }, ms).unref()
  }

  async #open(): Promise<void> {
    this.#again = null
    let address: RedisAddress
    try {
      address = await this.#options.address()
    } catch (error) {
      this.#lost((error as Error).message)
      return
    }
    if (this.#isClosed) return
    const { host, port, isSecure } = address
    const socket = isSecure
      ? connectSecure({ host, port, servername: host })
      : connectPlain({ host, port, noDelay: true })
    this.#socket = socket
    const parser = new RespParser()
    const lost = (reason: string): void => {
      if (this.#socket === socket) this.#lost(reason)
    }
    // Nothing waits for it meanwhile, so it may take a little longer than an answer.
    socket.setTimeout(Math.max(1_000, this.#options.timeoutMs), () => {
      if (!this.#isReady) lost('the connection could not be opened in time')
    })
    socket.unref()
    socket.on('error', (error: NodeJS.ErrnoException) => lost(error.code ?? error.message))
    socket.on('close', () => lost('it closed the connection'))
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const reply of parser.push(chunk)) this.#waiting.shift()?.resolve(reply)
      } catch (error) {
        lost((error as Error).message)
      }
    })
    socket.on(isSecure ? 'secureConnect' : 'connect', () => void this.#greet(socket, address))
  }

  async #greet(socket: Socket, { user, password, database }: RedisAddress): Promise<void> {
    const greetings = [
      ...(password === '' ? [] : [user === '' ? ['AUTH', password] : ['AUTH', user, password]]),
      ...(database === 0 ? [] : [['SELECT', String(database)]]),
      ['PING'],
    ]
    const replies = await Promise.all(greetings.map((words) => this.#send(socket, words)))
    if (this.#socket !== socket) return
    const wrong = replies.find((reply) => reply instanceof RespError)
    if (wrong instanceof RespError) {
      this.#lost(wrong.message)
    } else if (replies.at(-1) === 'PONG') {
      this.#isReady = true
      this.#pauseMs = firstPauseMs
      this.#say(null)
    } else {
      this.#lost('it does not answer PING')
    }
  }

  #lost(reason: string): void {
    if (this.#isClosed) return
    this.#drop()
    this.#say(reason)
    this.#again ??= setTimeout(() => void this.#open(), this.#pauseMs).unref()
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2)
  }

  #drop(): void {
    const socket = this.#socket
    this.#socket = null
    this.#isReady = false
    socket?.destroy()
    for (const { resolve } of this.#waiting.splice(0)) resolve(null)
  }

  /** Once a failure, however often it comes. */
  #say(failure: string | null): void {
    if (failure === this.#failure) return
    this.#failure = failure
    this.#options.onState(failure)
  }
}
