import type { Path } from '../source.js'
import { putBuild } from './build.js'
import { escaped, putDeploy, putHealthCheck } from './deploy.js'
import type { Draft } from './draft.js'
import { serviceKeys } from './keys.js'
import { readMounts } from './mounts.js'
import { firstExposed, readPorts, type ComposePort } from './ports.js'
import type { Problems } from './problems.js'
import { serviceName } from './service-name.js'
import { shellWords } from './shell-words.js'
import type { Written } from './written.js'

/** What a service is told of the file around it. */
export interface AroundService {
  readonly draft: Draft
  readonly problems: Problems
  /** Files of `configs` and of `secrets` by name. */
  readonly configs: ReadonlyMap<string, string>
  readonly secrets: ReadonlyMap<string, string>
  /** Other names of a service, which are links of others to it. */
  readonly linkNames: readonly string[]
  /** Called at a port that is opened on loopback where Compose opens it on every address. */
  readonly onLoopback: (at: Written) => void
}

/** Words that mean the same to both, and are checked by our own schema. */
const sameWords = [
  'read_only',
  'pids_limit',
  'mem_limit',
  'cpus',
  'stop_grace_period',
  'profiles',
  'hostname',
  'cap_add',
  'cap_drop',
  'dns',
  'extra_hosts',
  'init',
  'labels',
  'shm_size',
  'sysctls',
  'ulimits',
] as const
const textWords = ['user', 'working_dir', 'stop_signal'] as const

/** One service of a Compose file in our words; `extends` has been followed. What Compose promises its containers they get. */
export function putService(name: string, service: Written, around: AroundService): void {
  const { draft, problems } = around
  const base: Path = ['services', serviceName(name)]
  draft.put(base, {}, service)
  problems.checkKeys(service, serviceKeys)
  const put = (key: string, value: unknown, from: Written): void => draft.put([...base, key], value, from)

  put('engine_defaults', true, service)
  put('read_only', false, service)
  // Some images insist on being the first process.
  put('init', false, service)
  put('restart', 'no', service)
  for (const key of sameWords) {
    const value = service.get(key)
    if (value !== undefined) put(key, value.value, value)
  }
  for (const key of textWords) {
    const value = service.get(key)
    if (value !== undefined) put(key, value.isScalar ? value.text : value.value, value)
  }
  putProgram(service, base, around)
  putBuild(service, base, around)
  putEnvironment(service, base, around)
  putMounts(service, base, around)
  putDependencies(service, base, around)
  putRestart(service, base, around)
  putDeploy(service, base, draft, problems)
  putHealthCheck(service, base, draft, problems)
  putNetwork(name, service, base, around)
  putLogging(service, base, around)
  putOddities(service, base, around)
  for (const [key, value] of service.get('x-pando')?.entries() ?? []) put(key, value.value, value)
}

function putProgram(service: Written, base: Path, around: AroundService): void {
  const entrypoint = service.get('entrypoint')
  // Variables have been replaced, and what is left of them is taken as it is.
  if (entrypoint !== undefined) around.draft.put([...base, 'entrypoint'], entrypoint.value, entrypoint)
  const command = service.get('command')
  if (command !== undefined) putWords('command', command, base, around)
}

/** One text is taken apart as a shell would, and no shell runs it. */
function putWords(key: string, written: Written, base: Path, { draft, problems }: AroundService): void {
  if (!written.isScalar) {
    draft.put([...base, key], written.isList ? escaped(written) : written.value, written)
    return
  }
  const words = shellWords(written.text)
  if (words === null) problems.refuse(written, 'a quote is never closed')
  else {
    const quoted = words.map((word) => word.replaceAll(/\$(?=[{$])/g, '$$$$'))
    if (quoted.length > 0) draft.put([...base, key], quoted, written)
  }
}

function putEnvironment(service: Written, base: Path, { draft, problems }: AroundService): void {
  const environment = service.get('environment')
  if (environment !== undefined) draft.put([...base, 'environment'], environment.value, environment)
  const { isMap = false, isList = false } = environment ?? {}
  if (isMap || isList) {
    const children = isMap ? (environment?.entries() ?? []) : (environment?.items() ?? []).entries()
    for (const [key, value] of children) draft.place([...base, 'environment', key], value)
  }
  const files = service.get('env_file')
  if (files === undefined) return
  const entries = files.isList ? files.items() : [files]
  const made = entries.map((entry) => {
    const path = entry.isMap ? entry.get('path')?.text : entry.text
    const format = entry.get('format')
    if (format !== undefined)
      problems.refuse(format, '"format" of a file of variables is not honoured', undefined, 'key')
    return { path: entry.pathOf(path ?? ''), required: entry.get('required')?.value ?? true }
  })
  draft.put([...base, 'env_file'], made, files)
  for (const [index, entry] of entries.entries()) draft.place([...base, 'env_file', index], entry)
}

function putMounts(service: Written, base: Path, { draft, problems, configs, secrets }: AroundService): void {
  const mounts = [...readMounts(service, problems)]
  const plain: Written[] = []
  for (const [key, files, folder] of [
    ['configs', configs, '/'],
    ['secrets', secrets, '/run/secrets/'],
  ] as const) {
    for (const item of service.get(key)?.items() ?? []) {
      const source = item.isMap ? item.get('source') : item
      const name = source?.text ?? ''
      const file = files.get(name)
      if (file === undefined) {
        problems.refuse(item, `there is no "${name}" under "${key}" at the top of the file`)
        continue
      }
      for (const word of ['uid', 'gid', 'mode']) {
        const value = item.get(word)
        if (value !== undefined)
          problems.note(value, `"${word}" has no effect on what is a file of this machine`, undefined, 'key')
      }
      const written = item.get('target')?.text ?? name
      if (key === 'secrets' && written === name) {
        plain.push(item)
        continue
      }
      const target = written.startsWith('/') ? written : `${folder}${written}`
      mounts.push({ value: { type: 'bind', source: file, target, read_only: true }, at: item })
    }
  }
  const put = (key: string, values: readonly unknown[], places: readonly Written[]): void => {
    if (values.length === 0) return
    draft.put([...base, key], values, service)
    for (const [index, at] of places.entries()) draft.place([...base, key, index], at)
  }
  put(
    'volumes',
    mounts.map(({ value }) => value),
    mounts.map(({ at }) => at),
  )
  put(
    'secrets',
    plain.map((item) => item.get('source')?.text ?? item.text),
    plain,
  )
}

function putDependencies(service: Written, base: Path, { draft, problems }: AroundService): void {
  const written = service.get('depends_on')
  const links = problems.textsOf(service.get('links'), 'the name of a service')
  const at = [...base, 'depends_on']
  const put = (name: string, value: object, from: Written): void => draft.put([...at, serviceName(name)], value, from)
  for (const link of links) put(link.text.split(':')[0] ?? '', {}, link)
  if (written === undefined) return
  if (!written.isMap) {
    for (const item of problems.textsOf(written, 'the name of a service')) put(item.text, {}, item)
    return
  }
  for (const [name, more] of written.entries()) {
    const { restart, ...rest } = more.isMap ? (more.value as Record<string, unknown>) : {}
    if (restart === true) {
      const place = more.get('restart') ?? more
      problems.note(place, '"restart" has no effect: a new revision restarts no other service', undefined, 'key')
    }
    put(name, rest, more)
  }
}

function putRestart(service: Written, base: Path, { draft, problems }: AroundService): void {
  const restart = service.get('restart')
  if (restart === undefined) return
  const [, word, limit] = /^(on-failure)(?::(\d+))?$/.exec(restart.text) ?? []
  if (limit !== undefined) {
    problems.note(restart, `the limit of ${limit} has no effect: it is tried again, ever more slowly`)
  }
  // What YAML takes for false is written no.
  draft.put([...base, 'restart'], word ?? (restart.value === false ? 'no' : restart.value), restart)
}

function putNetwork(name: string, service: Written, base: Path, around: AroundService): void {
  const { draft, problems } = around
  const ports = readPorts(service.get('ports'), problems)
  const main = ports.find(({ transport }) => transport === 'tcp')
  const exposed = firstExposed(service.get('expose'), problems)
  const port = main?.target ?? exposed?.port ?? null
  const from = main?.at ?? exposed?.at ?? service
  draft.put([...base, 'protocol'], port === null ? 'none' : 'tcp', from)
  if (port !== null) draft.put([...base, 'port'], port, from)

  const open: { key: 'listen' | 'published'; text: string; at: Written }[] = []
  for (const each of ports) {
    const address = addressOf(each, port, around)
    if (address !== null) open.push({ ...address, at: each.at })
  }
  for (const key of ['listen', 'published'] as const) {
    const chosen = open.filter((each) => each.key === key)
    if (chosen.length === 0) continue
    draft.put(
      [...base, key],
      chosen.map(({ text }) => text),
      chosen[0]!.at,
    )
    for (const [index, { at }] of chosen.entries()) draft.place([...base, key, index], at)
  }
  const aliases = new Set([name, serviceName(name), ...around.linkNames])
  const container = service.get('container_name')
  if (container !== undefined) aliases.add(container.text)
  for (const [, network] of service.get('networks')?.entries() ?? []) {
    for (const alias of network.get('aliases')?.items() ?? []) aliases.add(alias.text)
  }
  draft.put([...base, 'aliases'], [...aliases], container ?? service)
}

/** The gateway opens what leads to the service's one port, so that it is never closed; the engine opens all others. */
function addressOf(
  { host, published, target, transport, at }: ComposePort,
  main: number | null,
  { problems, onLoopback }: AroundService,
): { key: 'listen' | 'published'; text: string } | null {
  const isMain = transport === 'tcp' && target === main
  if (published === null) {
    if (isMain)
      problems.note(at, `no port of this machine is named: pando ps shows the address that leads to ${target}`)
    else
      problems.refuse(at, `which port of this machine leads to ${target}?`, `write for example "${target}:${target}"`)
    return null
  }
  if (host === null) onLoopback(at)
  const shown = host ?? '127.0.0.1'
  const address = `${shown.includes(':') ? `[${shown}]` : shown}:${published}`
  if (isMain) return { key: 'listen', text: address }
  return { key: 'published', text: `${address}:${target}${transport === 'udp' ? '/udp' : ''}` }
}

function putLogging(service: Written, base: Path, { draft, problems }: AroundService): void {
  const logging = service.get('logging')
  if (logging === undefined) return
  const driver = logging.get('driver')
  if (driver !== undefined && !['json-file', 'local', 'none'].includes(driver.text)) {
    problems.note(driver, `the driver "${driver.text}" has no effect: the output is in files, which pando logs shows`)
  }
  for (const [key, value] of logging.get('options')?.entries() ?? []) {
    if (key === 'max-size') draft.put([...base, 'logs', 'max_size'], value.value, value)
    else if (key === 'max-file') draft.put([...base, 'logs', 'max_files'], value.value, value)
    else problems.note(value, `"${key}" has no effect`, undefined, 'key')
  }
}

function putOddities(service: Written, base: Path, { draft, problems }: AroundService): void {
  putDevelop(service, base, draft, problems)
  const mode = service.get('network_mode')
  if (mode !== undefined && mode.text !== 'bridge') {
    problems.refuse(
      mode,
      `the network mode "${mode.text}" is not honoured`,
      'every service is in the network of its app',
    )
  }
  for (const option of problems.textsOf(service.get('security_opt'), 'an option')) {
    if (!/^no-new-privileges(?:[:=](?:true|false))?$/.test(option.text)) {
      problems.refuse(option, `the option "${option.text}" is not honoured`)
    } else if (!option.text.endsWith('false')) draft.put([...base, 'no_new_privileges'], true, option)
  }
  const policy = service.get('pull_policy')
  if (policy !== undefined && !['missing', 'if_not_present'].includes(policy.text)) {
    problems.note(policy, `"${policy.text}" has no effect: an image is fetched when the engine does not have it`)
  }
}

/** With a rule that is not honoured nothing is watched. */
function putDevelop(service: Written, base: Path, draft: Draft, problems: Problems): void {
  const develop = service.get('develop')
  const rules = develop?.get('watch')?.items() ?? []
  const foreign = rules.find((rule) => !isHonoured(rule))
  if (foreign !== undefined) {
    problems.note(
      foreign,
      'this rule has no effect, nor has any of this service',
      'rebuild, restart, and sync or sync+restart with an absolute target are honoured',
    )
  } else if (develop !== undefined) draft.put([...base, 'develop'], develop.value, develop)
}

function isHonoured(rule: Written): boolean {
  const action = rule.get('action')?.text ?? ''
  if (action !== 'sync' && action !== 'sync+restart') return action === 'rebuild' || action === 'restart'
  return rule.get('target')?.text.startsWith('/') === true && rule.get('initial_sync')?.text !== 'true'
}
