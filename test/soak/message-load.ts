import type { ConversationEnd, Open } from './conversation.js'

const answerWithinMs = 20_000

export interface MessageResult {
  readonly acknowledged: readonly string[]
  /** Sent a second time in another conversation, as the first ended before the answer: none may have been lost by that. */
  readonly sentAgain: number
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
  readonly end: ConversationEnd | 'ours'
  readonly how: string
  readonly instance: string | null
}

interface MessageOptions {
  /** What the conversations are, in the words of what went wrong. */
  readonly kind: string
  /** Of every client one. */
  readonly clients: readonly Open[]
  readonly pauseMs: number
  /** Numbers begin with it, where several loads number theirs. */
  readonly prefix?: string
}

/**
 * Clients that number their messages, each sending the next one when the last is acknowledged. A conversation may be ended by the service, or
 * with an instance that `expectDeath` has named; then the client begins another one and goes on where it was.
 */
export class MessageLoad {
  readonly #options: MessageOptions
  readonly #killed = new Set<string>()
  readonly #acknowledged: string[] = []
  readonly #wrong: string[] = []
  readonly #refused: string[] = []
  readonly #clients: Promise<void>[]
  #sentAgain = 0
  #closedProperly = 0
  #brokenByKill = 0
  #isStopping = false

  constructor(options: MessageOptions) {
    this.#options = options
    this.#clients = options.clients.map((open, index) => this.#run(open, `${options.prefix ?? ''}${index}`))
  }

  get wrong(): readonly string[] {
    return this.#wrong
  }

  /** Conversations that ended before they had begun, as `number: how`; the caller judges them. */
  get refused(): readonly string[] {
    return this.#refused
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
      closedProperly: this.#closedProperly,
      brokenByKill: this.#brokenByKill,
      wrong: this.#wrong,
    }
  }

  async #run(open: Open, client: string): Promise<void> {
    let next = 1
    while (!this.#isStopping) {
      const ended = await new Promise<Ending>((resolve) => {
        let instance: string | null = null
        let isOurs = false
        let timer: NodeJS.Timeout | undefined
        const watch = (): void => {
          clearTimeout(timer)
          timer = setTimeout(() => {
            this.#wrong.push(`message ${client}-${next} had no answer of ${instance} within ${answerWithinMs} ms`)
            isOurs = true
            conversation.breakOff()
          }, answerWithinMs)
        }
        const speak = (): void => {
          if (!conversation.isOpen) return
          watch()
          isOurs = this.#isStopping
          if (isOurs) conversation.end()
          else conversation.send(`${client}-${next}`)
        }
        const conversation = open({
          heard: (text) => {
            const message = JSON.parse(text) as Greeting & { number?: string }
            if (message.instance !== undefined) {
              instance = message.instance
              if (message.isDoomed === true) this.expectDeath(instance)
            } else if (message.number === `${client}-${next}`) {
              this.#acknowledged.push(message.number)
              next++
            } else this.#wrong.push(`message ${client}-${next} was answered with ${message.number}`)
            clearTimeout(timer)
            setTimeout(speak, this.#options.pauseMs)
          },
          ended: (end, how) => {
            clearTimeout(timer)
            resolve({ end: isOurs ? 'ours' : end, how, instance })
          },
        })
        watch()
      })
      this.#judge(ended)
      if (ended.instance !== null && ended.end !== 'ours') this.#sentAgain++
      if (ended.instance !== null || ended.end === 'ours') continue
      this.#refused.push(`${client}-${next}: ${ended.how}`)
      // A service that refuses is asked again, not at once.
      await new Promise((resolve) => setTimeout(resolve, this.#options.pauseMs))
    }
  }

  #judge({ end, how, instance }: Ending): void {
    if (end === 'ours' || instance === null) return
    if (end === 'leave') this.#closedProperly++
    else if (end === 'break' && this.#killed.has(instance)) this.#brokenByKill++
    else {
      const killed = this.#killed.has(instance) ? 'that is no way to die' : 'nobody had killed it'
      this.#wrong.push(`the ${this.#options.kind} to ${instance} ended with ${how}, and ${killed}`)
    }
  }
}
