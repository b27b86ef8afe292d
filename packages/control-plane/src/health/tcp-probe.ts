import { connect } from 'node:net'
import type { Address } from '@pando/model'
import { describeConnectionFailure, noAnswer } from './connection-failure.js'
import type { ProbeResult } from './prober.js'

/** Healthy when it accepts a connection. */
export function probeTcp({ host, port }: Address, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const end = (ok: boolean, detail: string): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ ok, detail })
    }
    const timer = setTimeout(() => end(false, noAnswer(timeoutMs)), timeoutMs)
    socket.once('connect', () => end(true, 'accepts connections'))
    socket.on('error', (error) => end(false, describeConnectionFailure(error)))
  })
}
