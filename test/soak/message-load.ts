import { WebSocket } from 'ws'

/** What a service says when it goes: RFC 6455 section 7.4.1, and 1012 of the IANA registry. */
const properCodes = [1001, 1012]
const answerWithinMs = 20_000

export interface MessageResult {
  readonly acknowledged: readonly string[]
  /** Sent a second time on another connection, as the first ended before the answer: none may have been lost by that. */
  readonly sentAgain: number
  readonly connections: number
  readonly closedProperly: number
  /** Broken with an instance that was killed, or that ended by itself as a bad one does. */
  readonly brokenByKill: number
  /** What must not happen, one sentence each. */
  readonly wrong: readonly string[]
}

/** What an instance says of itself first; a doomed one will end without a word. */
interface Greeting {
  readonly instance?: string
  readonly isDoomed?: boolean
}

interface Ending {
  readonly code: number
  readonly instance: string | null
}

/**
 * WebSocket clients that number their messages, each sending the next one when the last is acknowledged. A connection may end by a
 * proper close, or with an instance that `expectDeath` has named; then the client connects again and goes on where it was.
 */
export class MessageLoad {
  readonly #url: string
  readonly #pauseMs: number
  readonly #killed = new Set<string>()
  readonly #acknowledged: string[] = []
  readonly #wrong: string[] = []
  readonly #clients: Promise<void>[]
  #sentAgain = 0
  #connections = 0
  #closedProperly = 0
  #brokenByKill = 0
  #isStopping = false

  constructor(options: { readonly url: string; readonly clients: number; readonly pauseMs: number }) {
    this.#url = options.url
    this.#pauseMs = options.pauseMs
    this.#clients = Array.from({ length: options.clients }, (_, index) => this.#run(index))
  }

  get wrong(): readonly string[] {
    return this.#wrong
  }

  get count(): number {
    return this.#acknowledged.length
  }

  expectDeath(instance: string): void {
    this.#killed.add(instance)
  }

  async stop(): Promise<MessageResult> {
    this.#isStopping = true
    await Promise.all(this.#clients)
    return {
      acknowledged: this.#acknowledged,
      sentAgain: this.#sentAgain,
      connections: this.#connections,
      closedProperly: this.#closedProperly,
      brokenByKill: this.#brokenByKill,
      wrong: this.#wrong,
    }
  }

  async #run(client: number): Promise<void> {
    let next = 1
    while (!this.#isStopping) {
      const ended = await new Promise<Ending>((resolve) => {
        const socket = new WebSocket(this.#url)
        let instance: string | null = null
        let isOurs = false
        let timer: NodeJS.Timeout | undefined
        const end = (): void => {
          isOurs = true
          socket.close(1000)
        }
        const watch = (): void => {
          clearTimeout(timer)
          timer = setTimeout(() => {
            this.#wrong.push(`message ${client}-${next} had no answer of ${instance} within ${answerWithinMs} ms`)
            socket.terminate()
          }, answerWithinMs)
        }
        watch()
        socket.on('error', () => {})
        socket.on('message', (data) => {
          const message = JSON.parse(String(data)) as Greeting & { number?: string }
          if (message.instance !== undefined) {
            instance = message.instance
            if (message.isDoomed === true) this.expectDeath(instance)
            this.#connections++
          } else if (message.number === `${client}-${next}`) {
            this.#acknowledged.push(message.number)
            next++
          } else this.#wrong.push(`message ${client}-${next} was answered with ${message.number}`)
          clearTimeout(timer)
          setTimeout(() => {
            if (this.#isStopping) return end()
            if (socket.readyState !== WebSocket.OPEN) return
            watch()
            socket.send(`${client}-${next}`)
          }, this.#pauseMs)
        })
        socket.on('close', (code) => {
          clearTimeout(timer)
          resolve({ code: isOurs ? 1000 : code, instance })
        })
      })
      this.#judge(ended)
      if (ended.instance !== null && ended.code !== 1000) this.#sentAgain++
      // A service that refuses is asked again, not at once.
      if (ended.instance === null) await new Promise((resolve) => setTimeout(resolve, this.#pauseMs))
    }
  }

  #judge({ code, instance }: Ending): void {
    if (instance === null || code === 1000) return
    if (properCodes.includes(code)) this.#closedProperly++
    else if (this.#killed.has(instance)) this.#brokenByKill++
    else this.#wrong.push(`the WebSocket to ${instance} ended with ${code}, and nobody had killed it`)
  }
}
