import { isIP } from 'node:net'
import type { ContainerExtras, Ulimit } from '@pando/model'
import { shellWords } from './compose/shell-words.js'
import type { ServiceInput } from './schema.js'
import { mistake, servicePath, type ServiceContext } from './service-context.js'
import { isMistake, parseSize, quote } from './units.js'

/** Our own labels say whose a container is: one that lies about it would be stopped as another's. */
const ownLabels = /^pando\./

/** Undefined where nothing is said. */
export function readExtras(input: ServiceInput, context: ServiceContext): ContainerExtras | undefined {
  const shmBytes = input.shm_size === undefined ? 0 : parseSize(input.shm_size)
  const extras: ContainerExtras = {
    ...(input.entrypoint === undefined ? {} : { entrypoint: readEntrypoint(input.entrypoint, context) }),
    ...(input.cap_drop === undefined ? {} : { capDrop: input.cap_drop.map(capability) }),
    ...(input.init === undefined ? {} : { hasInit: String(input.init) === 'true' }),
    ...(input.extra_hosts === undefined ? {} : { extraHosts: readHosts(input.extra_hosts, context) }),
    ...(input.labels === undefined ? {} : { labels: readLabels(input.labels, context) }),
    ...(input.shm_size === undefined || isMistake(shmBytes) ? {} : { shmBytes }),
    ...(input.ulimits === undefined ? {} : { ulimits: readUlimits(input.ulimits, context) }),
    ...(input.sysctls === undefined ? {} : { sysctls: readPairs('sysctls', input.sysctls, /=/, context) }),
    ...(input.dns === undefined ? {} : { dns: readDns(input.dns, context) }),
  }
  return Object.keys(extras).length === 0 ? undefined : extras
}

/** As the engine calls it. */
export function capability(name: string): string {
  return name.toUpperCase().replace(/^CAP_/, '')
}

function readEntrypoint(written: string | readonly string[], context: ServiceContext): readonly string[] {
  if (typeof written !== 'string') return written
  const words = shellWords(written)
  if (words === null) mistake(context, ['entrypoint'], 'value', 'a quote is never closed')
  return words ?? []
}

type Pairs = NonNullable<ServiceInput['labels']>

/** A list of `name=value` or a map; what has no value has an empty one. */
function readPairs(key: string, written: Pairs, between: RegExp, context: ServiceContext): Record<string, string> {
  if (!Array.isArray(written)) {
    // As it is written, since a value such as 1.10 is no number to its reader.
    return Object.fromEntries(
      Object.entries(written).map(([name, value]) => {
        const text = typeof value === 'string' ? value : context.source.written(servicePath(context.name, [key, name]))
        return [name, text ?? String(value ?? '')]
      }),
    )
  }
  return Object.fromEntries(
    written.map((entry) => {
      const at = entry.search(between)
      return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
    }),
  )
}

function readLabels(written: Pairs, context: ServiceContext): Record<string, string> {
  const labels = readPairs('labels', written, /=/, context)
  for (const name of Object.keys(labels)) {
    if (ownLabels.test(name)) mistake(context, ['labels'], 'value', `the label ${quote(name)} is Pando's own`)
  }
  return labels
}

function readHosts(written: Pairs, context: ServiceContext): Record<string, string> {
  const hosts: Record<string, string> = {}
  for (const [name, address] of Object.entries(readPairs('extra_hosts', written, /[=:]/, context))) {
    const bare = address.replace(/^\[(.*)\]$/, '$1')
    if (isIP(bare) === 0 && bare !== 'host-gateway') {
      const message = `${quote(name)} is to lead to ${quote(address)}, which is no address`
      mistake(context, ['extra_hosts'], 'value', message, 'write name=192.0.2.1')
    }
    hosts[name] = bare
  }
  return hosts
}

function readUlimits(written: NonNullable<ServiceInput['ulimits']>, context: ServiceContext): Ulimit[] {
  return Object.entries(written).map(([name, value]) => {
    const { soft, hard } = typeof value === 'object' ? value : { soft: value, hard: value }
    const limit: Ulimit = { name, soft: Number(soft), hard: Number(hard) }
    if (limit.hard !== -1 && (limit.soft > limit.hard || limit.soft === -1)) {
      mistake(context, ['ulimits', name], 'value', 'what is allowed at first is more than what is allowed at most')
    }
    return limit
  })
}

function readDns(written: string | readonly string[], context: ServiceContext): readonly string[] {
  const servers = typeof written === 'string' ? [written] : written
  for (const server of servers) {
    if (isIP(server) === 0) mistake(context, ['dns'], 'value', `${quote(server)} is no address of a name server`)
  }
  return servers
}
