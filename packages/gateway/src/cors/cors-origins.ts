/** Which origins a route allows. */
export class CorsOrigins {
  /** Every origin, told as `*`: never with credentials. */
  readonly isAny: boolean
  readonly #exact = new Set<string>()
  readonly #suffixes: { readonly scheme: string; readonly suffix: string }[] = []

  /** Each `*` (alone), `https://a.example`, or `https://*.a.example`: any number of labels before it, but not none. */
  constructor(origins: readonly string[]) {
    this.isAny = origins.includes('*')
    for (const origin of origins) {
      const star = origin.indexOf('://*.')
      if (star === -1) this.#exact.add(origin.toLowerCase())
      else
        this.#suffixes.push({
          scheme: origin.slice(0, star + 3).toLowerCase(),
          suffix: origin.slice(star + 4).toLowerCase(),
        })
    }
  }

  /** `origin` as the browser wrote it: scheme, host and, where it is not the scheme's own, port. */
  allow(origin: string): boolean {
    if (this.isAny || this.#exact.has(origin)) return true
    for (const { scheme, suffix } of this.#suffixes) {
      if (!origin.startsWith(scheme) || !origin.endsWith(suffix)) continue
      const labels = origin.slice(scheme.length, origin.length - suffix.length)
      // Nothing that could end the host before the suffix: `https://evil.example/.a.example` is no origin.
      if (/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(labels)) return true
    }
    return false
  }
}
