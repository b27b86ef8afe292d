import { connect } from 'node:net'
import type { Address } from '@pando/model'
import { describeConnectionFailure, noAnswer } from './connection-failure.js'
import type { ProbeResult } from './prober.js'

/** In front of a container stands a proxy, which accepts for it, and closes at once when nobody listens behind it. */
const heldForMs = 50

/** Healthy when it accepts a connection and holds it for a moment. */
export function probeTcp({ host, port }: Address, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (ok: boolean, detail: string): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ ok, detail })
    }
    const timer = setTimeout(() => end(false, noAnswer(timeoutMs)), timeoutMs)
    socket.once('connect', () => {
      const held = setTimeout(() => end(true, 'accepts connections'), Math.min(heldForMs, timeoutMs / 2))
      socket.once('close', () => clearTimeout(held))
      socket.once('end', () => end(false, 'closed the connection at once'))
      socket.resume()
    })
    socket.on('error', (error) => end(false, describeConnectionFailure(error)))
  })
}
