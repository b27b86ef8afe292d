import { type ClientRequest, request } from 'node:http'
import type { RoutingTable } from '@pando/model'
import { LineSplitter } from './line-splitter.js'
import { applyMessage } from './table-state.js'
import { parseMessage } from './wire-shape.js'

const firstRetryMs = 100
const longestRetryMs = 2_000
/** The control plane sends a heartbeat every few seconds: without a byte for so long it is taken for gone. */
const silenceMs = 15_000
/** Ten thousand endpoints are about 3 MB. */
const maxLineBytes = 64 * 1024 * 1024

export interface DiscoveryOptions {
  /** The control plane's unix socket. */
  readonly controlSocket: string
  /** Name of this gateway. */
  readonly gateway: string
  /** The table that is served already, so that the watch can resume behind it. */
  readonly table: RoutingTable | null
  readonly onTable: (table: RoutingTable) => void
  /** The watch has ended or could not be opened, with the reason; it is tried again by itself. */
  readonly onLost: (reason: string) => void
  readonly random?: () => number
  readonly silenceMs?: number
}

/**
 * Follows the control plane's watch and keeps the table. While the control plane is away the last table stays, and the watch is
 * opened again after 100 ms, doubling to 2 s, each with jitter so that many gateways do not come back at once.
 *
 * Invariants: one request at a time; what an ended request still delivers is not heard (`#turn`); after a gap the next request asks for a snapshot.
 */
export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #random: () => number
  #table: RoutingTable | null
  #mustStartOver = false
  #failures = 0
  #turn = 0
  #request: ClientRequest | null = null
  #retry: NodeJS.Timeout | null = null
  #isStopped = false

  constructor(options: DiscoveryOptions) {
    this.#options = options
    this.#random = options.random ?? Math.random
    this.#table = options.table
  }

  start(): void {
    this.#open()
  }

  /** The table was read from elsewhere (the file of the last life): the watch resumes behind it. Only while none has come. */
  seed(table: RoutingTable): void {
    this.#table ??= table
  }

  stop(): void {
    this.#isStopped = true
    this.#turn++
    this.#request?.destroy()
    if (this.#retry !== null) clearTimeout(this.#retry)
  }

  #open(): void {
    const turn = ++this.#turn
    const query = new URLSearchParams({ gateway: this.#options.gateway })
    if (this.#table !== null && !this.#mustStartOver) query.set('since', `${this.#table.epoch}:${this.#table.version}`)
    const call = request({
      socketPath: this.#options.controlSocket,
      path: `/v1/gateway/watch?${query}`,
      headers: { host: 'pando', accept: 'application/x-ndjson' },
      agent: false,
      timeout: this.#options.silenceMs ?? silenceMs,
    })
    this.#request = call
    call.on('timeout', () => this.#lose(turn, 'nothing was heard, not even a heartbeat'))
    call.on('error', (error) => this.#lose(turn, error.message))
    call.on('response', (response) => {
      if (response.statusCode !== 200) {
        this.#lose(turn, `the watch was answered with status ${response.statusCode}`)
        return
      }
      const lines = new LineSplitter(maxLineBytes, (line) => this.#hear(turn, line))
      response.on('data', (chunk: Buffer) => {
        if (turn === this.#turn && !lines.push(chunk)) this.#lose(turn, `a line is longer than ${maxLineBytes} bytes`)
      })
      response.on('error', (error) => this.#lose(turn, error.message))
      response.on('close', () => this.#lose(turn, 'the control plane closed the watch'))
    })
    call.end()
  }

  #hear(turn: number, line: string): void {
    if (turn !== this.#turn) return
    const message = parseMessage(line)
    if (message === null) {
      this.#startOver(turn, 'a line is no watch message')
      return
    }
    // Until the snapshot that was asked for is here, nothing can be built on.
    const outcome = applyMessage(this.#mustStartOver ? null : this.#table, message)
    if (outcome.kind === 'start_over') {
      this.#startOver(turn, outcome.reason)
      return
    }
    this.#failures = 0
    if (outcome.kind === 'same') return
    this.#mustStartOver = false
    this.#table = outcome.table
    this.#options.onTable(outcome.table)
  }

  #startOver(turn: number, reason: string): void {
    this.#mustStartOver = true
    this.#lose(turn, `${reason}: starting over`)
  }

  #lose(turn: number, reason: string): void {
    if (turn !== this.#turn || this.#isStopped) return
    this.#turn++
    this.#request?.destroy()
    this.#request = null
    const wait = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(this.#failures, 10))
    this.#failures++
    this.#options.onLost(reason)
    this.#retry = setTimeout(() => this.#open(), wait * (0.5 + this.#random() / 2))
  }
}
