import { type Address, parseAddress } from './address.js'

/**
 * A set of networks, asked by address: one look-up for each length of prefix that occurs, however many networks there are. It remembers
 * its last answer, as the requests of a connection come from one address.
 */
export class Networks {
  /** By family, then by length of prefix. */
  readonly #v4 = new Map<number, Set<string>>()
  readonly #v6 = new Map<number, Set<string>>()
  #lastAddress = ''
  #lastAnswer = false

  /** `10.0.0.0/8`, `2001:db8::/32`, or an address. Throws on what is neither, since half of a list is another list. */
  constructor(networks: readonly string[]) {
    for (const network of networks) this.#add(network)
  }

  /** What is no address is in no network. */
  has(address: string): boolean {
    if (address === this.#lastAddress) return this.#lastAnswer
    const parsed = parseAddress(address)
    this.#lastAnswer = parsed !== null && this.#hasParsed(parsed)
    this.#lastAddress = address
    return this.#lastAnswer
  }

  #hasParsed(address: Address): boolean {
    for (const [length, prefixes] of address.isV4 ? this.#v4 : this.#v6) {
      if (prefixes.has(prefixOf(address, length))) return true
    }
    return false
  }

  #add(network: string): void {
    const slash = network.indexOf('/')
    const text = slash === -1 ? network : network.slice(0, slash)
    const address = parseAddress(text)
    if (address === null) throw new Error(`"${network}" is no network`)
    const most = address.isV4 ? 32 : 128
    let length = slash === -1 ? most : wholeNumber(network.slice(slash + 1))
    // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
    if (slash !== -1 && address.isV4 && text.includes(':')) length -= 96
    if (!(length >= 0 && length <= most)) throw new Error(`"${network}" is no network`)
    const family = address.isV4 ? this.#v4 : this.#v6
    const prefixes = family.get(length)
    if (prefixes === undefined) family.set(length, new Set([prefixOf(address, length)]))
    else prefixes.add(prefixOf(address, length))
  }
}

function wholeNumber(text: string): number {
  return /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN
}

/** The first `length` bits, as text. */
function prefixOf({ isV4, parts }: Address, length: number): string {
  const width = isV4 ? 8 : 16
  let text = ''
  for (let index = 0; index * width < length; index++) {
    const bits = Math.min(width, length - index * width)
    text += `${(parts[index] as number) >> (width - bits)}.`
  }
  return text
}
