import { latin1 } from '../http1/chars.js'
import type { ListenerInfo } from '../http1/exchange-client.js'
import type { RequestView } from '../http1/request-view.js'
import type { ResponseTap } from '../http1/response-tap.js'
import type { Identity, PolicyRequest } from './route-policy.js'

/** A request whose head lies in a parser. Texts are made when they are asked for, as most policies want one or two of them. */
export class HeadRequest implements PolicyRequest {
  readonly listener: ListenerInfo
  clientAddress: string
  identity: Identity | null = null
  tap: ResponseTap | null = null
  #view: RequestView

  constructor(view: RequestView, listener: ListenerInfo, clientAddress: string) {
    this.#view = view
    this.listener = listener
    this.clientAddress = clientAddress
  }

  /** The head lies elsewhere from now on. */
  moveTo(view: RequestView): void {
    this.#view = view
  }

  get method(): string {
    return this.#text(this.#view.methodStart, this.#view.methodEnd)
  }

  get host(): string {
    return this.#text(this.#view.hostStart, this.#view.hostEnd).toLowerCase()
  }

  get path(): string {
    const { path, pathLength } = this.#view
    return latin1(path, 0, pathLength)
  }

  get query(): string {
    return this.#text(this.#view.queryStart, this.#view.queryEnd)
  }

  header(name: string): string | null {
    let value: string | null = null
    for (let index = 0; index < this.#view.headerCount; index++) {
      if (!this.#isNamed(index, name)) continue
      value = value === null ? this.#value(index) : `${value}, ${this.#value(index)}`
    }
    return value
  }

  headerCount(name: string): number {
    let count = 0
    for (let index = 0; index < this.#view.headerCount; index++) if (this.#isNamed(index, name)) count++
    return count
  }

  headers(): readonly (readonly [string, string])[] {
    const { headers, headerCount } = this.#view
    return Array.from({ length: headerCount }, (_, index) => [
      this.#text(headers[index * 4], headers[index * 4 + 1]).toLowerCase(),
      this.#value(index),
    ])
  }

  #isNamed(index: number, name: string): boolean {
    const { bytes, headers } = this.#view
    const start = headers[index * 4]
    if (headers[index * 4 + 1] - start !== name.length) return false
    for (let at = 0; at < name.length; at++) {
      const byte = bytes[start + at]
      if ((byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte) !== name.charCodeAt(at)) return false
    }
    return true
  }

  #value(index: number): string {
    const { headers } = this.#view
    return this.#text(headers[index * 4 + 2], headers[index * 4 + 3])
  }

  #text(start: number, end: number): string {
    return latin1(this.#view.bytes, start, end)
  }
}
