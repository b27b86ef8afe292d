/**
 * What belongs to the names that clients ask for before anything is encrypted (RFC 6066 section 3). A name is looked up whole first,
 * then with its first label replaced by `*`: a wildcard stands for one label, no more and no less (RFC 9525 section 6.3).
 */
export class ServerNames<Value> {
  readonly #values = new Map<string, Value>()

  /** The first value of a name stays: of two certificates for one name, the one that is written first is shown. */
  add(name: string, value: Value): void {
    const key = normal(name)
    if (!this.#values.has(key)) this.#values.set(key, value)
  }

  find(name: string): Value | null {
    const asked = normal(name)
    const exact = this.#values.get(asked)
    if (exact !== undefined) return exact
    const dot = asked.indexOf('.')
    return dot <= 0 ? null : (this.#values.get(`*${asked.slice(dot)}`) ?? null)
  }
}

function normal(name: string): string {
  const lower = name.toLowerCase()
  return lower.endsWith('.') ? lower.slice(0, -1) : lower
}
