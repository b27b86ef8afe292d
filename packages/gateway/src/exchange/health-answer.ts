import type { ListenerInfo } from '../http1/exchange-client.js'
import type { Head } from '../http1/head.js'
import { isGetOrHead } from '../http1/methods.js'
import type { OwnAnswer } from '../http1/own-answer.js'
import type { Traffic } from '../http1/traffic.js'
import { isSame } from '../http1/words.js'

const headers = [
  ['Content-Type', 'text/plain; charset=utf-8'],
  ['Cache-Control', 'no-store'],
] as const
const serving: OwnAnswer = { kind: 'response', status: 200, headers, body: Buffer.from('ok\n') }
const ending: OwnAnswer = { kind: 'response', status: 503, headers, body: Buffer.from('draining\n') }

/** What a load balancer in front is told on `gateway.health_path`; null when the request is for something else. */
export function healthAnswer(parser: Head, { isMesh }: ListenerInfo, traffic: Traffic): OwnAnswer | null {
  const { healthPath } = traffic.table
  if (healthPath === null || isMesh || !isAt(healthPath, parser) || !isGetOrHead(parser)) return null
  return traffic.isEnding ? ending : serving
}

function isAt(wanted: Uint8Array, { path, pathLength }: Head): boolean {
  return wanted.length === pathLength && isSame(path, 0, wanted, 0, pathLength)
}
