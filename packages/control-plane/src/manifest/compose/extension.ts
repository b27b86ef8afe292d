import type { Problems } from './problems.js'
import { Written } from './written.js'

/** Longer chains are a mistake. */
const longestChain = 20

/** Lists of NAME=value that are joined name by name. */
const pairs = new Map([
  ['environment', '='],
  ['labels', '='],
  ['annotations', '='],
  ['args', '='],
  ['sysctls', '='],
  ['extra_hosts', ''],
])
/** The extending service's own takes the place of the other. */
const replaced = new Set(['command', 'entrypoint', 'test'])

/** Follows `extends` (https://docs.docker.com/reference/compose-file/services/#extends): the service with all that it inherits. */
export function extended(
  service: Written,
  options: {
    readonly problems: Problems
    /** The services of a file, as it is named there; null when it is not known yet or cannot be read (which is then reported). */
    readonly servicesOf: (file: Written, path: string) => Written | null
    readonly services: Written
  },
  trail: readonly string[] = [],
): Written {
  const written = service.get('extends')
  if (written === undefined) return service
  const { problems } = options
  const name = written.isScalar ? written : written.get('service')
  const file = written.get('file')
  if (name === undefined || !name.isScalar) {
    problems.refuse(written, 'expected the name of a service, or a map with service and file')
    return service
  }
  const services = file === undefined ? options.services : options.servicesOf(file, file.pathOf(file.text))
  if (services === null) return service
  const base = services.get(name.text)
  const step = `${services.source.file}\0${name.text}`
  if (base === undefined || !base.isMap) {
    problems.refuse(name, `there is no service "${name.text}" to extend`)
    return service
  }
  if (base === service || trail.includes(step) || trail.length >= longestChain) {
    problems.refuse(written, 'services extend each other', undefined, 'key')
    return service
  }
  const whole = extended(base, { ...options, services }, [...trail, step])
  return joined('', whole, service)
}

/** `own` over `base`. */
function joined(key: string, base: Written, own: Written): Written {
  const separator = pairs.get(key)
  if (separator !== undefined && (base.isMap !== own.isMap || base.isList)) {
    const entries = [...named(base, separator), ...named(own, separator)]
    return Written.of(new Map(entries), own)
  }
  if (base.isMap && own.isMap) {
    const children = new Map<string, Written>()
    for (const [name, value] of base.entries()) if (!(key === '' && name === 'extends')) children.set(name, value)
    for (const [name, value] of own.entries()) {
      const before = children.get(name)
      children.set(name, before === undefined || replaced.has(name) ? value : joined(name, before, value))
    }
    return Written.of(children, own)
  }
  if (base.isList && own.isList) {
    const items = new Map<string, Written>()
    for (const item of [...base.items(), ...own.items()]) items.set(identity(key, item), item)
    return Written.of(new Map([...items.values()].entries()), own)
  }
  return own
}

/** Two entries for one place inside are one: the later. */
function identity(key: string, item: Written): string {
  if (key !== 'volumes') return JSON.stringify(item.value)
  if (item.isMap) return item.get('target')?.text ?? ''
  const [first = '', second] = item.text.split(':')
  return second ?? first
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
