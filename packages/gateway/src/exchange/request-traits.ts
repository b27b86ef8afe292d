import type { Head } from '../http1/head.js'
import { isHead, isIdempotent } from '../http1/methods.js'
import { takesTrailers } from '../http1/trailer-fields.js'
import { wantsUpgrade } from '../http1/upgrade.js'

/** What matters of a request's head until its answer is whole. An exchange has one and uses it for one request after the other. */
export class RequestTraits {
  isHead = false
  /** Whoever does it twice has done it once: it may be sent again. */
  isIdempotent = false
  /** HTTP/1.0: it knows neither chunks nor interim responses. */
  isOldClient = false
  /** As the service is asked for it. */
  wantsUpgrade = false
  /** The client may hold the body back until it is told to go on. */
  expectsContinue = false
  /** The client has said that it takes trailers. One of HTTP/2 gets them also when it has not. */
  takesTrailers = false
  /** The client connection can serve another request after this one. */
  keepsClient = true

  begin(parser: Head, hasBody: boolean): void {
    this.isHead = isHead(parser.bytes, parser.methodStart, parser.methodEnd)
    this.isIdempotent = isIdempotent(parser.bytes, parser.methodStart, parser.methodEnd)
    this.isOldClient = parser.minorVersion === 0
    this.keepsClient = this.isOldClient ? parser.hasKeepAlive && !parser.hasClose : !parser.hasClose
    this.expectsContinue = parser.expectsContinue && hasBody
    this.takesTrailers = parser.teIndex !== -1 && !this.isOldClient && takesTrailers(parser)
    this.wantsUpgrade = !hasBody && wantsUpgrade(parser)
  }
}
