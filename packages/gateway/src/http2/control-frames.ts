import type { FrameOutput } from './frame-output.js'
import { frameHeadBytes } from './frame-types.js'
import * as put from './frame-writer.js'

const mostBytes = 256

/** Writes the frames of one connection that carry neither fields nor data. */
export class ControlFrames {
  readonly #output: FrameOutput

  constructor(output: FrameOutput) {
    this.#output = output
  }

  settings(values: readonly put.Setting[]): void {
    const output = this.#output
    output.reserve(frameHeadBytes + values.length * 6)
    output.length = put.putSettings(output.bytes, output.length, values)
  }

  acknowledge(): void {
    const output = this.#output
    output.reserve(frameHeadBytes)
    output.length = put.putSettingsAck(output.bytes, output.length)
  }

  /** Answers a PING with its own eight bytes. */
  pong(bytes: Uint8Array, start: number): void {
    const output = this.#output
    output.reserve(frameHeadBytes + 8)
    output.length = put.putPing(output.bytes, output.length, true, bytes, start)
  }

  /** Asks whether anybody is there, with eight bytes that come back. */
  ping(payload: Uint8Array): void {
    const output = this.#output
    output.reserve(frameHeadBytes + 8)
    output.length = put.putPing(output.bytes, output.length, false, payload, 0)
  }

  reset(stream: number, errorCode: number): void {
    const output = this.#output
    output.reserve(frameHeadBytes + 4)
    output.length = put.putReset(output.bytes, output.length, stream, errorCode)
  }

  updateWindow(stream: number, increment: number): void {
    const output = this.#output
    output.reserve(frameHeadBytes + 4)
    output.length = put.putWindowUpdate(output.bytes, output.length, stream, increment)
  }

  goaway(lastStream: number, errorCode: number, detail: string): void {
    const output = this.#output
    output.reserve(mostBytes)
    output.length = put.putGoaway(output.bytes, output.length, lastStream, errorCode, detail)
  }
}
