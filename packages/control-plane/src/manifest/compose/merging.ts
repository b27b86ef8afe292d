import { Written } from './written.js'

/** Lists of NAME=value that are joined name by name. */
const pairs = new Map([
  ['environment', '='],
  ['labels', '='],
  ['annotations', '='],
  ['args', '='],
  ['sysctls', '='],
  ['extra_hosts', ''],
])
/** The later one takes the place of the other. */
const replaced = new Set(['command', 'entrypoint', 'test'])
/** One text there is a list of one. */
const lists = new Set(['env_file', 'dns', 'dns_search', 'dns_opt', 'tmpfs'])

/**
 * A service, or one of its parts, with what a later file or the service that extends it says: maps are joined, lists are put one behind the
 * other, all else is replaced; short forms are joined as what they are short for.
 * Source: https://docs.docker.com/reference/compose-file/merge/
 */
export function joined(key: string, base: Written, own: Written): Written {
  if (own.value === null) return base
  if (base.value === null) return own
  const separator = pairs.get(key)
  if (separator !== undefined && (base.isMap !== own.isMap || base.isList)) {
    const entries = [...named(base, separator), ...named(own, separator)]
    return Written.of(new Map(entries), own)
  }
  const [before, after] = [whole(key, base, own), whole(key, own, base)]
  if (before.isMap && after.isMap) {
    return key === 'logging' && isOtherDriver(before, after) ? after : joinedMaps(key, before, after)
  }
  if (before.isList && after.isList) {
    const items = new Map<string, Written>()
    for (const item of [...before.items(), ...after.items()]) items.set(identity(key, item), item)
    return Written.of(new Map([...items.values()].entries()), after)
  }
  return after
}

/** A whole file with what a later one says. */
export function laidOver(base: Written, own: Written): Written {
  const merged = joinedMaps('services', base, own)
  const [before, after] = [base.get('services'), own.get('services')]
  if (before === undefined || after === undefined || !before.isMap || !after.isMap) return merged
  const services = new Map(before.entries())
  for (const [name, service] of after.entries()) {
    const known = services.get(name)
    services.set(name, known === undefined ? service : joined('', known, service))
  }
  const parts = new Map(merged.entries())
  return Written.of(parts.set('services', Written.of(services, before)), base)
}

function joinedMaps(key: string, base: Written, own: Written): Written {
  const children = new Map<string, Written>()
  for (const [name, value] of base.entries()) if (!(key === '' && name === 'extends')) children.set(name, value)
  for (const [name, value] of own.entries()) {
    const before = children.get(name)
    children.set(name, before === undefined || replaced.has(name) ? value : joined(name, before, value))
  }
  return Written.of(children, own)
}

/** What a short form is short for, where the other side is written longer or is a list to be joined. */
function whole(key: string, written: Written, other: Written): Written {
  if (key === 'build' && written.isScalar && other.isMap) return Written.of(new Map([['context', written]]), written)
  if ((key === 'depends_on' || key === 'networks') && written.isList && other.isMap) {
    const absent = key === 'networks' ? null : {}
    const names = written
      .items()
      .map((item): [string, Written] => [item.text, new Written(absent, item.source, item.path)])
    return Written.of(new Map(names), written)
  }
  if (lists.has(key) && written.isScalar) return Written.of(new Map([[0, written]]), written)
  return written
}

function isOtherDriver(base: Written, own: Written): boolean {
  const driver = own.get('driver')
  return driver !== undefined && driver.text !== base.get('driver')?.text
}

/** Two entries for one place are one: the later. */
function identity(key: string, item: Written): string {
  const text = (name: string): string => item.get(name)?.text ?? ''
  switch (key) {
    case 'volumes': {
      if (item.isMap) return text('target')
      const [first = '', second] = item.text.split(':')
      return second ?? first
    }
    case 'secrets':
    case 'configs': {
      const source = item.isMap ? text('source') : item.text
      return text('target') || source
    }
    case 'ports':
      return item.isMap ? portOf(text) : item.text
    default:
      return JSON.stringify(item.value)
  }
}

/** In the short form where it has one, so that both are found to be the same. */
function portOf(text: (name: string) => string): string {
  const outside = [text('host_ip'), text('published')].filter((part) => part !== '')
  const transport = text('protocol') === 'udp' ? '/udp' : ''
  return `${[...outside, text('target')].join(':')}${transport}`
}

function named(written: Written, separator: string): [string, Written][] {
  if (written.isMap) return written.entries()
  return written.items().map((item) => {
    const [name = ''] = item.text.split(separator === '' ? /[:=]/ : separator)
    const rest = item.text.slice(name.length + 1)
    const isBare = item.text === name
    return [name, new Written(isBare ? null : rest, namedSource(item, isBare ? undefined : rest), item.path)]
  })
}

/** What is left of NAME=value is the value's text. */
function namedSource(item: Written, text: string | undefined): Written['source'] {
  return { ...item.source, written: () => text }
}
