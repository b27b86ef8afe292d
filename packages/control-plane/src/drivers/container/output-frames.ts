/** What a container wrote at once: a line with its end, or a piece of a longer one without. */
export interface OutputEntry {
  /** As the engine writes it: RFC 3339, nanoseconds. Empty when none was asked for. */
  readonly at: string
  readonly bytes: Buffer
}

const headerBytes = 8
const maxFrameBytes = 16 * 1_048_576

/**
 * Takes the engine's multiplexed output apart. A frame is a byte for the stream, three zeros, the length (big endian) and the
 * payload. Source: Docker Engine API, ContainerAttach, "Stream format".
 */
export class OutputFrames {
  #rest: Buffer = Buffer.alloc(0)

  /** The payloads that are whole by now. */
  push(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const payloads: Buffer[] = []
    let offset = 0
    while (this.#rest.length - offset >= headerBytes) {
      const length = this.#rest.readUInt32BE(offset + 4)
      if (length > maxFrameBytes) throw new RangeError(`a frame of ${length} bytes`)
      const end = offset + headerBytes + length
      if (this.#rest.length < end) break
      payloads.push(this.#rest.subarray(offset + headerBytes, end))
      offset = end
    }
    this.#rest = this.#rest.subarray(offset)
    return payloads
  }
}

/** A payload of a log that was asked for with timestamps. */
export function parseEntry(payload: Buffer): OutputEntry {
  const space = payload.indexOf(0x20)
  const at = payload.toString('latin1', 0, Math.max(space, 0))
  return isTimestamp(at) ? { at, bytes: payload.subarray(space + 1) } : { at: '', bytes: payload }
}

/** As the API's `since` takes it: seconds, a point, nanoseconds. */
export function sinceOf(at: string): string {
  const [whole = '', fraction = ''] = at.replace(/Z$|[+-]\d\d:\d\d$/, '').split('.')
  const zone = /(Z|[+-]\d\d:\d\d)$/.exec(at)?.[1] ?? 'Z'
  const seconds = Math.floor(Date.parse(`${whole}${zone}`) / 1000)
  return `${seconds}.${fraction.padEnd(9, '0').slice(0, 9)}`
}

function isTimestamp(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)
}
