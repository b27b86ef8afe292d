import { randomBytes } from 'node:crypto'
import { ticketKeyBytes } from '../tls/ticket-key-bytes.js'

/** Whoever learns a key can open what was sealed with it, so none lives long; a client with an older ticket makes a whole handshake. */
const rotationMs = 12 * 3_600_000

/** The key that all workers seal sessions of encrypted connections with, so that a client may come back to any of them. Never on disk. */
export class TicketKeys {
  #key = randomBytes(ticketKeyBytes)
  readonly #rotation: NodeJS.Timeout

  /** `onRotated`: there is another key now. */
  constructor(onRotated: () => void) {
    this.#rotation = setInterval(() => {
      this.#key = randomBytes(ticketKeyBytes)
      onRotated()
    }, rotationMs).unref()
  }

  /** In base64, as messages between processes carry it. */
  get text(): string {
    return this.#key.toString('base64')
  }

  stop(): void {
    clearInterval(this.#rotation)
  }
}
