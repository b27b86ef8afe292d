/** A reply of the Redis protocol, RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/). Errors are replies too. */
export type Reply = string | number | null | RespError | readonly Reply[]

export class RespError {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

/** Replies here are numbers and short texts; anything larger is not what we asked for. */
const mostBytes = 64 * 1024
const mostDepth = 4

/** Cuts replies out of a stream of bytes. Throws on what is no RESP2, or too large; then the stream is of no use any more. */
export class RespParser {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0

  /** The replies that are whole now. */
  push(chunk: Uint8Array): Reply[] {
    this.#bytes = this.#bytes.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#bytes, chunk])
    const replies: Reply[] = []
    for (;;) {
      this.#at = 0
      const reply = this.#read(0)
      if (reply === undefined) break
      replies.push(reply)
      this.#bytes = this.#bytes.subarray(this.#at)
    }
    if (this.#bytes.length > mostBytes) throw new Error('a reply is too large')
    return replies
  }

  /** Undefined: not all of it has come. */
  #read(depth: number): Reply | undefined {
    const line = this.#line()
    if (line === undefined) return undefined
    const rest = line.slice(1)
    switch (line[0]) {
      case '+':
        return rest
      case '-':
        return new RespError(rest)
      case ':':
        return whole(rest)
      case '$':
        return this.#bulk(whole(rest))
      case '*': {
        const length = whole(rest)
        if (length === -1) return null
        if (length > 1024 || depth >= mostDepth) throw new Error('a reply is too large')
        const items: Reply[] = []
        while (items.length < length) {
          const item = this.#read(depth + 1)
          if (item === undefined) return undefined
          items.push(item)
        }
        return items
      }
      default:
        throw new Error('what came is not the Redis protocol')
    }
  }

  #line(): string | undefined {
    const end = this.#bytes.indexOf('\r\n', this.#at, 'latin1')
    if (end === -1) return undefined
    const line = this.#bytes.toString('utf8', this.#at, end)
    this.#at = end + 2
    return line
  }

  #bulk(length: number): Reply | undefined {
    if (length === -1) return null
    if (length > mostBytes) throw new Error('a reply is too large')
    const end = this.#at + length
    if (this.#bytes.length < end + 2) return undefined
    const text = this.#bytes.toString('utf8', this.#at, end)
    this.#at = end + 2
    return text
  }
}

function whole(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new Error('what came is not the Redis protocol')
  return Number(text)
}

/** A command as an array of bulk strings. */
export function encodeCommand(words: readonly string[]): Buffer {
  return Buffer.from(
    `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`,
  )
}
