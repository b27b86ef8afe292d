import { readDeadline } from '../resilience/deadline.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import * as kind from './field-kinds.js'
import type { HeadParser } from './head-parser.js'

/** When the caller of a mesh listener stops waiting, milliseconds since the epoch; 0 when it does not say. */
export function callersDeadline({ bytes, headers, headerCount, kinds }: HeadParser): number {
  for (let index = 0; index < headerCount; index++) {
    if (kinds[index] === kind.deadline) return readDeadline(bytes, headers[index * 4 + 2], headers[index * 4 + 3])
  }
  return 0
}

/** Tells the service when nobody waits for its answer any more. */
export function deadlineEdit(unixMs: number): CompiledEdit {
  return new CompiledEdit([], Buffer.from(`X-Request-Deadline: ${unixMs}\r\n`))
}
