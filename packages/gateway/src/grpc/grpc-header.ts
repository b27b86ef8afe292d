import { equalsName } from '../http1/chars.js'
import type { FieldsView } from '../http1/request-view.js'

/** Index of the first header of that name, which is in lower case; -1 when there is none. */
export function headerIndex({ bytes, headers, headerCount }: FieldsView, name: Uint8Array): number {
  for (let index = 0; index < headerCount; index++) {
    if (equalsName(bytes, headers[index * 4], headers[index * 4 + 1], name)) return index
  }
  return -1
}

/** The first value of a header; null when there is none of that name. */
export function headerText(view: FieldsView, name: Uint8Array): string | null {
  const index = headerIndex(view, name)
  if (index === -1) return null
  const value = view.bytes.subarray(view.headers[index * 4 + 2], view.headers[index * 4 + 3])
  return Buffer.from(value).toString('latin1')
}
