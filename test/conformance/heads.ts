import { deepStrictEqual } from 'node:assert'
import { complete, incomplete } from '../../packages/gateway/src/http1/head-parser.js'
import { HeadReader, Parsers } from '../../packages/gateway/src/http1/head-reader.js'
import { wordBuffer } from '../../packages/gateway/src/http1/words.js'

export const headLimits = { maxTargetBytes: 200, maxHeadBytes: 1000, maxHeaders: 10 }

/** All that a parser says of a head, as plain values. */
export interface ReadHead {
  readonly outcome: 'complete' | 'incomplete' | 'refused'
  readonly status: number
  readonly code: string
  readonly first: string
  readonly path: string
  readonly query: string
  readonly host: string
  readonly authority: string
  readonly headers: readonly (readonly [string, string])[]
  /** What each header means to the gateway: the constants of `field-kinds.ts`. */
  readonly kinds: readonly number[]
  readonly length: number
  readonly isChunked: boolean
  /** Bytes behind the head. */
  readonly rest: string
}

/**
 * Reads one head given in the pieces that `cuts` make (offsets, ascending). Each piece comes in the same buffer, which is overwritten
 * after it has been read, as it is on a socket: a parser that kept a reference would be found out. It is read four bytes at a time, as off a
 * socket; one at a time, as where it lies elsewhere; and as on a connection that has brought the same one before. All must say the same.
 */
export function readHead(text: string, cuts: readonly number[] = [], isRequest = true, limits = headLimits): ReadHead {
  const bytes = Buffer.from(text, 'latin1')
  const size = Math.max(1, bytes.length) + 8
  const byWords = readFrom(wordBuffer(size), bytes, cuts, new HeadReader(new Parsers(isRequest, limits)))
  deepStrictEqual(byWords, readFrom(Buffer.alloc(size), bytes, cuts, new HeadReader(new Parsers(isRequest, limits))))
  deepStrictEqual(byWords, readNext([text, text, text, text], cuts, isRequest, limits))
  return byWords
}

/** Reads heads that come over one connection one after the other, all but the last one whole, and says what is read of that. */
export function readNext(
  texts: readonly string[],
  cuts: readonly number[] = [],
  isRequest = true,
  limits = headLimits,
): ReadHead {
  const reader = new HeadReader(new Parsers(isRequest, limits), 1)
  const size = Math.max(...texts.map((text) => text.length)) + 8
  const shared = wordBuffer(size)
  for (const text of texts.slice(0, -1)) {
    // What a client sends ahead of its turn is kept elsewhere.
    readFrom(Buffer.alloc(size), Buffer.from(text, 'latin1'), [], reader)
    reader.reset()
    readFrom(shared, Buffer.from(text, 'latin1'), [], reader)
    reader.reset()
  }
  return readFrom(shared, Buffer.from(texts[texts.length - 1], 'latin1'), cuts, reader)
}

function readFrom(shared: Buffer, bytes: Buffer, cuts: readonly number[], reader: HeadReader): ReadHead {
  let from = 0
  for (const to of [...cuts, bytes.length]) {
    if (to <= from) continue
    // Not always at the start of the buffer, and the first piece never: offsets must be right wherever it lies.
    const at = 1 + (from % 7)
    bytes.copy(shared, at, from, to)
    const outcome = reader.read(shared, at, at + to - from)
    from = to
    if (outcome === incomplete) {
      shared.fill(0x21)
      continue
    }
    return outcome === complete ? describeHead(reader, bytes.subarray(to)) : refusedHead(reader)
  }
  return { ...nothing, outcome: 'incomplete' }
}

const nothing: ReadHead = {
  outcome: 'incomplete',
  status: 0,
  code: '',
  first: '',
  path: '',
  query: '',
  host: '',
  authority: '',
  headers: [],
  kinds: [],
  length: -1,
  isChunked: false,
  rest: '',
}

function refusedHead(reader: HeadReader): ReadHead {
  const { status, code } = reader.parser.refusal
  return { ...nothing, outcome: 'refused', status, code }
}

function describeHead(reader: HeadReader, unread: Buffer): ReadHead {
  const { parser } = reader
  const part = (start: number, end: number): string => Buffer.from(parser.bytes.slice(start, end)).toString('latin1')
  const headers: [string, string][] = []
  for (let index = 0; index < parser.headerCount; index++) {
    const [nameStart, nameEnd, valueStart, valueEnd] = parser.headers.subarray(index * 4, index * 4 + 4)
    headers.push([part(nameStart, nameEnd), part(valueStart, valueEnd)])
  }
  return {
    outcome: 'complete',
    status: parser.status,
    code: '',
    first:
      parser.status === 0 ? part(parser.methodStart, parser.methodEnd) : part(parser.reasonStart, parser.reasonEnd),
    path: Buffer.from(parser.path.slice(0, parser.pathLength)).toString('latin1'),
    query: part(parser.queryStart, parser.queryEnd),
    host: part(parser.hostStart, parser.hostEnd),
    authority: part(parser.authorityStart, parser.authorityEnd),
    headers,
    kinds: [...parser.kinds.subarray(0, parser.headerCount)],
    length: parser.contentLength,
    isChunked: parser.isChunked,
    rest:
      Buffer.from(reader.bytes.slice(reader.restStart, reader.restEnd)).toString('latin1') + unread.toString('latin1'),
  }
}
