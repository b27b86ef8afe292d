import { request } from 'node:http'
import type { Address } from '@pando/model'
import { describeConnectionFailure, noAnswer } from './connection-failure.js'
import type { ProbeResult } from './prober.js'

/** Bytes of an answer's body that are read, so that a well-behaved server sees its answer taken; more is cut off. */
const bodyLimit = 64 * 1024

/**
 * Healthy when the answer is 200 to 399. Redirects are not followed: that it answers is what was asked. Every probe has its own
 * connection, so that none fails for what happened on an earlier one.
 */
export function probeHttp({ host, port }: Address, path: string, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const headers = { 'user-agent': 'pando-health', accept: '*/*', connection: 'close' }
    const asked = request({ host, port, path, method: 'GET', headers, agent: false })
    const timer = setTimeout(() => {
      resolve({ ok: false, detail: `GET ${path}: ${noAnswer(timeoutMs)}` })
      asked.destroy()
    }, timeoutMs)
    // The timer runs on after the head, and so ends a body that does not.
    asked.once('close', () => {
      clearTimeout(timer)
      resolve({ ok: false, detail: `GET ${path}: connection closed without an answer` })
    })
    asked.on('error', (error) => resolve({ ok: false, detail: `GET ${path}: ${describeConnectionFailure(error)}` }))
    asked.once('response', (response) => {
      const status = response.statusCode ?? 0
      resolve({ ok: status >= 200 && status <= 399, detail: `GET ${path} answered ${status}` })
      let length = 0
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > bodyLimit) asked.destroy()
      })
      response.on('error', () => {})
    })
    asked.end()
  })
}
