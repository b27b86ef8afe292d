import type { Problems } from './problems.js'
import type { Written } from './written.js'

/** One port under `ports`. */
export interface ComposePort {
  /** Null: none was written. */
  readonly host: string | null
  /** Null: any that is free. */
  readonly published: number | null
  readonly target: number
  readonly transport: 'tcp' | 'udp'
  readonly at: Written
}

/** Ports of a range that is longer are a mistake sooner than a wish. */
const longestRange = 100

/** https://docs.docker.com/reference/compose-file/services/#ports: short and long syntax, ranges taken apart. */
export function readPorts(written: Written | undefined, problems: Problems): ComposePort[] {
  if (written === undefined) return []
  if (!written.isList) {
    problems.refuse(written, `expected a list of ports, got ${written.description}`)
    return []
  }
  return written.items().flatMap((item) => (item.isMap ? longPort(item, problems) : shortPort(item, problems)))
}

function shortPort(item: Written, problems: Problems): ComposePort[] {
  const pattern =
    /^(?:(?:(\[[0-9a-fA-F:]+\]|[\d.]+|[A-Za-z][\w.-]*):)?(?:(\d+)(?:-(\d+))?)?:)?(\d+)(?:-(\d+))?(?:\/(tcp|udp))?$/
  const match = item.isScalar ? pattern.exec(item.text) : null
  if (match === null) return wrong(item, problems)
  const [, host, from, to, inside, insideEnd, transport = 'tcp'] = match
  const targets = range(inside ?? '', insideEnd)
  const published = from === undefined ? targets.map(() => null) : range(from, to)
  // One port inside may be open at any one of several outside: the first of them is.
  const isChoice = targets.length === 1 && published.length > 1
  if (targets.length === 0 || (published.length !== targets.length && !isChoice)) return wrong(item, problems)
  return targets.map((target, index) => ({
    host: host === undefined ? null : host.replace(/^\[(.*)\]$/, '$1'),
    published: published[index] ?? null,
    target,
    transport: transport === 'udp' ? 'udp' : 'tcp',
    at: item,
  }))
}

const longKeys = new Set(['target', 'published', 'host_ip', 'protocol', 'mode', 'name', 'app_protocol'])

function longPort(item: Written, problems: Problems): ComposePort[] {
  for (const [key, value] of item.entries()) {
    if (!longKeys.has(key) && !key.startsWith('x-')) problems.refuse(value, `unknown key "${key}"`, undefined, 'key')
  }
  const target = item.get('target')
  const published = item.get('published')
  const transport = item.get('protocol')?.text ?? 'tcp'
  if (target === undefined || (transport !== 'tcp' && transport !== 'udp')) return wrong(item, problems)
  const [inside] = range(target.text, undefined)
  const [outside] = published === undefined || published.text === '' ? [null] : range(...edges(published.text))
  if (inside === undefined || outside === undefined) return wrong(item, problems)
  return [{ host: item.get('host_ip')?.text ?? null, published: outside, target: inside, transport, at: item }]
}

function wrong(item: Written, problems: Problems): [] {
  const shown = item.isScalar ? `"${item.text}"` : item.description
  problems.refuse(item, `${shown} publishes no port`, 'write for example "8080:80", "127.0.0.1:8080:80" or "53:53/udp"')
  return []
}

function edges(text: string): [string, string | undefined] {
  const [from = '', to] = text.split('-')
  return [from, to]
}

/** The ports from one to another, both included; none when that is no range. */
function range(from: string, to: string | undefined): number[] {
  const [first, last] = [Number(from), Number(to ?? from)]
  const isFine = Number.isInteger(first) && Number.isInteger(last) && first >= 1 && last >= first && last <= 65_535
  if (!isFine || last - first >= longestRange) return []
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

/** The first TCP port under `expose`, of which a range counts as its first. */
export function firstExposed(written: Written | undefined, problems: Problems): { port: number; at: Written } | null {
  for (const at of problems.textsOf(written, 'a port')) {
    const [, port, transport = 'tcp'] = /^(\d{1,5})(?:-\d{1,5})?(?:\/(tcp|udp))?$/.exec(at.text) ?? []
    if (port === undefined || range(port, undefined).length === 0) {
      problems.refuse(at, `"${at.text}" is no port`, 'write for example "3000"')
    } else if (transport === 'tcp') return { port: Number(port), at }
  }
  return null
}
