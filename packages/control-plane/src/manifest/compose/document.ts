import { resolve } from 'node:path'
import type { Source } from '../source.js'
import { toLabel } from '../names.js'
import { Draft } from './draft.js'
import { extended } from './extension.js'
import { topKeys } from './keys.js'
import { laidOver } from './merging.js'
import { checkNetworks } from './networks.js'
import { Problems } from './problems.js'
import { putService } from './service.js'
import { serviceName } from './service-name.js'
import { Written } from './written.js'

export interface ComposeOptions {
  /** False for one that another includes. */
  readonly isMain: boolean
  readonly report: Problems['report']
  readonly warn: Problems['warn']
  /** Files that are laid over this one, in order. */
  readonly over: readonly Source[]
  /** Another Compose file; null when it is not known yet or cannot be read, which is then reported at `at`. */
  readonly open: (path: string, at: Written) => Source | null
}

const mostPorts = 100

/** A Compose file in Pando's own words: what the manifest's reader takes, with the places of the original. */
export function translateCompose(file: Source, options: ComposeOptions): Source {
  const problems = new Problems(options.report, options.warn)
  const draft = new Draft()
  const layers = [file, ...options.over].map((each) =>
    withExtensions(new Written(each.value, each, []), options, problems),
  )
  const top = layers.slice(1).reduce(laidOver, layers[0]!)
  problems.checkKeys(top, topKeys)

  putName(top, draft, problems)
  putIncludes(top, draft, problems)
  putVolumes(top, draft, problems)
  const secrets = filesOf('secrets', top, problems)
  const configs = filesOf('configs', top, problems)
  if (secrets.size > 0) {
    const written = top.get('secrets') ?? top
    draft.put(['secrets'], Object.fromEntries([...secrets].map(([name, path]) => [name, { file: path }])), written)
  }
  const settings = top.get('x-pando')
  for (const key of ['gateway', 'api'] as const) {
    const value = settings?.get(key)
    if (value !== undefined) draft.put([key], value.value, value)
  }
  // Its edge has no routes, and the usual port of it is often one that is published.
  if (options.isMain && !draft.has(['gateway', 'port'])) draft.put(['gateway', 'port'], 0, settings ?? top)

  const services = top.get('services')
  if (services === undefined) return draft.asSource(file)
  if (!services.isMap) {
    problems.refuse(services, `expected a map of services, got ${services.description}`)
    return draft.asSource(file)
  }
  draft.put(['services'], {}, services)
  const whole = services.entries().flatMap(([name, service]): [string, Written][] => {
    if (name.startsWith('x-')) return []
    if (!service.isMap) {
      problems.refuse(service, `expected a map, got ${service.description}`)
      return []
    }
    return [[name, service]]
  })
  checkNames(whole, problems)
  checkNetworks(top, whole, problems)
  const links = linkNames(whole)
  let isLoopbackSaid = false
  for (const [name, service] of whole) {
    putService(name, service, {
      draft,
      problems,
      configs,
      secrets,
      linkNames: links.get(name) ?? [],
      onLoopback: (at) => {
        if (!isLoopbackSaid) {
          const hint = 'write for example "0.0.0.0:8080:80" to be reached from other machines'
          problems.note(at, 'ports without an address are opened on 127.0.0.1 alone', hint)
        }
        isLoopbackSaid = true
      },
    })
  }
  checkSamePorts(whole, draft, problems)
  return draft.asSource(file)
}

/** `extends` means the services of its own file, before other files are laid over it. */
function withExtensions(top: Written, options: ComposeOptions, problems: Problems): Written {
  const services = top.get('services')
  if (services?.isMap !== true) return top
  const servicesOf = (at: Written, path: string): Written | null => {
    const other = options.open(path, at)
    const inside = other === null ? undefined : new Written(other.value, other, []).get('services')
    if (other !== null && inside === undefined) problems.refuse(at, 'there are no services in this file')
    return inside ?? null
  }
  const whole = services.entries().map(([name, service]): [string, Written] => {
    const isService = service.isMap && !name.startsWith('x-')
    return [name, isService ? extended(service, { problems, servicesOf, services }) : service]
  })
  const parts = new Map(top.entries())
  return Written.of(parts.set('services', Written.of(new Map(whole), services)), top)
}

function putName(top: Written, draft: Draft, problems: Problems): void {
  const name = top.get('name')
  if (name !== undefined) {
    const label = toLabel(name.text, 63) ?? name.text
    if (label !== name.text)
      problems.note(name, `the app is called "${label}"`, 'names have letters, digits and hyphens')
    draft.put(['name'], label, name)
  }
}

function putIncludes(top: Written, draft: Draft, problems: Problems): void {
  const include = top.get('include')
  if (include === undefined) return
  if (!include.isList) return problems.refuse(include, `expected a list of files, got ${include.description}`)
  const paths: Written[] = []
  for (const item of include.items()) {
    const path = item.isMap ? item.get('path') : item
    for (const [key, value] of item.entries()) {
      if (key !== 'path') problems.refuse(value, `"${key}" of an included file is not honoured`, undefined, 'key')
    }
    if (path?.isList === true) {
      problems.refuse(path, 'several files that are laid over each other are not honoured')
    } else if (path !== undefined) paths.push(path)
  }
  draft.put(
    ['include'],
    paths.map((path) => path.pathOf(path.text)),
    include,
  )
  for (const [index, path] of paths.entries()) draft.place(['include', index], path)
}

function putVolumes(top: Written, draft: Draft, problems: Problems): void {
  const volumes = top.get('volumes')
  if (volumes === undefined) return
  const names: Record<string, null> = {}
  for (const [name, volume] of volumes.entries()) {
    if (name.startsWith('x-')) continue
    names[name] = null
    for (const [key, value] of volume.entries()) {
      if (key.startsWith('x-') || key === 'labels' || (key === 'driver' && value.text === 'local')) continue
      if (key === 'external' && (value.value === false || value.value === null)) continue
      if (key === 'driver_opts' && value.entries().length === 0) continue
      if (key === 'name')
        problems.note(value, 'the name has no effect: volumes are those of their app', undefined, 'key')
      else problems.refuse(value, `"${key}" of a volume is not honoured`, 'the data would be elsewhere', 'key')
    }
  }
  draft.put(['volumes'], names, volumes)
}

/** Absolute files by the name of the secret or config. */
function filesOf(kind: 'secrets' | 'configs', top: Written, problems: Problems): Map<string, string> {
  const files = new Map<string, string>()
  for (const [name, item] of top.get(kind)?.entries() ?? []) {
    if (name.startsWith('x-')) continue
    const file = item.get('file')
    if (file === undefined)
      problems.refuse(item, `only files are honoured under "${kind}"`, `write ${name}: { file: ./${name} }`)
    else files.set(name, resolve(file.pathOf(file.text)))
  }
  return files
}

function checkNames(services: readonly (readonly [string, Written])[], problems: Problems): void {
  const taken = new Map<string, string>()
  for (const [name, service] of services) {
    const before = taken.get(serviceName(name))
    if (before !== undefined)
      problems.refuse(service, `"${name}" and "${before}" are one name here`, 'rename one', 'key')
    taken.set(serviceName(name), name)
  }
}

function linkNames(services: readonly (readonly [string, Written])[]): Map<string, string[]> {
  const names = new Map<string, string[]>()
  for (const [, service] of services) {
    for (const link of service.get('links')?.items() ?? []) {
      const [target = '', alias] = link.isScalar ? link.text.split(':') : []
      if (alias !== undefined) names.set(target, [...(names.get(target) ?? []), alias])
    }
  }
  return names
}

/** One port of this machine leads to one place; and what the engine opens only one container can have. */
function checkSamePorts(services: readonly (readonly [string, Written])[], draft: Draft, problems: Problems): void {
  const owners = new Map<string, string>()
  let count = 0
  for (const [name, service] of services) {
    const made = (draft.content['services'] as Record<string, Record<string, unknown>>)[serviceName(name)] ?? {}
    const published = (made['published'] ?? []) as string[]
    const open = [...((made['listen'] ?? []) as string[]), ...published]
    for (const address of open) {
      const [, key = address] = /^(.*?:\d+)(?::\d+)?(?:\/udp)?$/.exec(address) ?? []
      const place = service.get('ports') ?? service
      const whole = address.endsWith('/udp') ? `${key}/udp` : key
      const owner = owners.get(whole)
      if (owner !== undefined) problems.refuse(place, `${whole} leads to the service "${owner}" already`)
      owners.set(whole, name)
      if (++count === mostPorts * 10) problems.refuse(place, 'too many ports are published')
    }
    if (published.length > 0 && Number(made['replicas'] ?? 1) > 1) {
      const place = service.get('ports') ?? service
      problems.refuse(
        place,
        `${made['replicas']} replicas cannot all have ${published[0]}`,
        'publish one TCP port alone',
      )
    }
  }
}
