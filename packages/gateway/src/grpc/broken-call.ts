import type { OwnAnswer } from '../http1/own-answer.js'
import { grpcAnswer } from './grpc-answer.js'

/**
 * The trailers, as lines, of a call whose answer has begun and will not be whole: its client is told why by the status that it would have had as
 * an answer. To a stream that is reset instead it would be INTERNAL, a fault of ours, where the end of a connection is UNAVAILABLE.
 */
export function brokenCallTrailers(answer: OwnAnswer): Buffer {
  const told = grpcAnswer(answer)
  const own = (told.kind === 'redirect' ? [] : (told.headers ?? [])).filter(([name]) => name.startsWith('grpc-'))
  return Buffer.from(own.map(([name, value]) => `${name}: ${value}\r\n`).join(''))
}
