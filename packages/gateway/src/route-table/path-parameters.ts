import type { RequestView } from '../http1/request-view.js'

const slash = 0x2f
const semicolon = 0x3b

/** Whether a segment of the path has parameters (RFC 3986 section 3.3): `/users;v=2/1`. */
export function hasPathParameters({ path, pathLength }: Pick<RequestView, 'path' | 'pathLength'>): boolean {
  for (let at = 1; at < pathLength; at++) if (path[at] === semicolon) return true
  return false
}

/** The request as servers see it that cut parameters off before they look where a path leads (Jakarta Servlet 6.0, section 3.5.2). */
export function withoutPathParameters(view: RequestView): RequestView {
  const path = new Uint8Array(view.pathLength)
  let length = 0
  let isParameter = false
  for (let at = 0; at < view.pathLength; at++) {
    const byte = view.path[at] as number
    if (byte === slash) isParameter = false
    else if (byte === semicolon) isParameter = true
    // A segment of parameters only leaves two slashes, which are one.
    if (isParameter || (byte === slash && length > 0 && path[length - 1] === slash)) continue
    path[length++] = byte
  }
  const { bytes, headerCount, headers, methodStart, methodEnd, queryStart, queryEnd, hostStart, hostEnd } = view
  const rest = { bytes, headerCount, headers, methodStart, methodEnd, queryStart, queryEnd, hostStart, hostEnd }
  return { ...rest, path, pathLength: length }
}
