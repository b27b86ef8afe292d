import { resolve } from 'node:path'
import type {
  BuildSpec,
  DependencyCondition,
  Diagnostic,
  Protocol,
  RestartPolicy,
  RouteSpec,
  ServiceSpec,
} from '@pando/model'
import { defaultLogs, defaultService } from './defaults.js'
import { parseEnvironmentFile } from './environment-file.js'
import { isGivenTo, isReserved } from './environment.js'
import type { Facts } from './facts.js'
import { detectKind } from './folder.js'
import { readHealthCheck } from './healthcheck.js'
import { interpolate } from './interpolation.js'
import { readRoute } from './route.js'
import { variablePattern } from './schema-values.js'
import type { ServiceInput } from './schema.js'
import type { Path, Source } from './source.js'
import { isMistake, parseDuration, parseSize, quote } from './units.js'

export interface ServiceContext {
  readonly name: string
  /** False when fields with mistakes were taken out, so that what is missing may only have been mistyped. */
  readonly isWhole: boolean
  readonly source: Source
  /** Absolute folder of the file it is written in. */
  readonly folder: string
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Every service of the app. */
  readonly services: readonly string[]
  readonly facts: Facts
  readonly report: (diagnostic: Diagnostic) => void
  readonly warn: (diagnostic: Diagnostic) => void
  /** Called with every variable that was set and asked for. */
  readonly use: (name: string) => void
}

/** One service, written and checked by itself, made whole. Mistakes are reported; what is returned then has stand-ins in their place. */
export function readService(input: ServiceInput, context: ServiceContext): ServiceSpec {
  const { name } = context
  const protocol = input.protocol ?? defaultService.protocol
  const environment = readEnvironment(input, protocol, context)
  const readText = commandReader(context, environment)
  const build = readBuild(input, context)
  const command = input.command === undefined ? null : readCommand(input.command, ['command'], readText, context)
  checkProgram(input, build, context)
  if (protocol === 'none' && input.port !== undefined) {
    mistake(
      context,
      ['port'],
      'value',
      'a service of protocol none listens on no port',
      'take out "port" or "protocol: none"',
    )
  }
  if (input.mem_limit !== undefined && input.resources?.memory !== undefined) {
    mistake(context, ['mem_limit'], 'key', 'write either mem_limit or resources.memory')
  }
  if (input.cpus !== undefined && input.resources?.cpus !== undefined) {
    mistake(context, ['cpus'], 'key', 'write either cpus or resources.cpus')
  }
  const memory = input.resources?.memory ?? input.mem_limit
  const cpus = input.resources?.cpus ?? input.cpus
  return {
    name,
    revision: {
      service: name,
      build: build.spec,
      workdir: resolve(build.spec.context, input.working_dir ?? '.'),
      command,
      environment,
      protocol,
      port: input.port === undefined ? null : Number(input.port),
      healthcheck: readHealthCheck(input.healthcheck, protocol, {
        readCommand: (value, path) => readCommand(value, path, readText, context),
        report: (path, message, hint) => mistake(context, path, 'value', message, hint),
      }),
      resources: {
        memoryBytes: memory === undefined ? null : bytesOf(memory, 0),
        cpus: cpus === undefined ? null : Number(cpus),
      },
      stopSignal: input.stop_signal ?? defaultService.stopSignal,
      stopGracePeriodMs: millisecondsOf(input.stop_grace_period, defaultService.stopGracePeriodMs),
      logs: {
        maxBytes: bytesOf(input.logs?.max_size, defaultLogs.maxBytes),
        maxFiles: Number(input.logs?.max_files ?? defaultLogs.maxFiles),
      },
    },
    replicas: Number(input.replicas ?? defaultService.replicas),
    restart: readRestart(input.restart),
    dependsOn: readDependencies(input, context),
    drainTimeoutMs: millisecondsOf(input.drain_timeout, defaultService.drainTimeoutMs),
    balancer: input.balancer ?? defaultService.balancer,
    routes: readRoutes(input, context),
  }
}

export function servicePath(name: string, path: Path = []): Path {
  return ['services', name, ...path]
}

function mistake(
  context: ServiceContext,
  path: Path,
  part: 'key' | 'value',
  message: string,
  hint?: string,
  snippet?: string,
): void {
  context.report(context.source.mistake(servicePath(context.name, path), part, message, hint, snippet))
}

/** Compose tells `always` and `unless-stopped` apart by what a restart of its daemon does; `pando stop` outlives ours in both. */
function readRestart(restart: ServiceInput['restart']): RestartPolicy {
  return restart === undefined ? defaultService.restart : restart === 'unless-stopped' ? 'always' : restart
}

function readRoutes(input: ServiceInput, context: ServiceContext): RouteSpec[] {
  return (input.routes ?? []).map((route, index) =>
    readRoute(route, {
      service: context.name,
      index,
      source: context.source,
      path: servicePath(context.name, ['routes', index]),
      report: context.report,
    }),
  )
}

function readDependencies(input: ServiceInput, context: ServiceContext): Record<string, DependencyCondition> {
  const written = input.depends_on ?? []
  const dependencies: Record<string, DependencyCondition> = {}
  if (Array.isArray(written)) {
    for (const name of written) dependencies[name] = 'service_started'
    return dependencies
  }
  for (const [name, { condition, required }] of Object.entries(written)) {
    const isOptional = String(required) === 'false' && !context.services.includes(name)
    if (!isOptional) dependencies[name] = condition ?? 'service_started'
  }
  return dependencies
}

type TextReader = (text: string, path: Path) => string

/** Replaces in a command what is the manifest's and leaves the rest to the shell. */
function commandReader(context: ServiceContext, environment: Readonly<Record<string, string>>): TextReader {
  return (text, path) => {
    const result = interpolate(text, {
      variables: context.variables,
      mode: 'command',
      isGiven: (name) => Object.hasOwn(environment, name) || isGivenTo(name, context.services),
    })
    for (const name of result.used) context.use(name)
    for (const { snippet, message, hint } of result.mistakes) mistake(context, path, 'value', message, hint, snippet)
    return result.text
  }
}

function readCommand(
  written: string | readonly string[],
  path: Path,
  readText: TextReader,
  context: ServiceContext,
): string | readonly string[] {
  if (typeof written === 'string') return readText(written, path)
  return written.map((word, index) => {
    const text = readText(word, [...path, index])
    if (/\$\{?(PORT|HOST)\b/.test(text) && !written.slice(0, 2).some((word) => /^(\/bin\/)?(ba|da|z)?sh$/.test(word))) {
      const hint = 'write the command as one text, which a shell reads'
      const message = `a list is executed without a shell, so ${quote(text)} stays as it is`
      context.warn(context.source.mistake(servicePath(context.name, [...path, index]), 'value', message, hint))
    }
    return text
  })
}

interface Build {
  readonly spec: BuildSpec
  /** What kept the kind from being known, or null. */
  readonly unknown: { readonly message: string; readonly hint: string } | null
}

function readBuild(input: ServiceInput, context: ServiceContext): Build {
  const written = typeof input.build === 'string' ? { context: input.build } : (input.build ?? {})
  const folder = resolve(context.folder, written.context ?? '.')
  const contextPath = typeof input.build === 'string' ? ['build'] : ['build', 'context']
  const command =
    written.command === undefined ? null : commandReader(context, {})(written.command, ['build', 'command'])
  const facts = context.facts.folder(folder)
  if (facts === null) {
    const path = input.build === undefined ? [] : contextPath
    mistake(
      context,
      path,
      'value',
      `there is no folder ${quote(folder)}`,
      'paths are seen from the folder of the manifest',
    )
  }
  const kind = written.kind ?? null
  if (kind === 'dockerfile') {
    mistake(
      context,
      ['build', 'kind'],
      'value',
      'containers are not available in this version',
      'write how to start it under "command" with "kind: none"',
    )
  }
  if (kind !== null || input.build === undefined) {
    return { spec: { kind: kind ?? 'none', context: folder, command }, unknown: null }
  }
  const detected = facts === null || facts === undefined ? null : detectKind(facts)
  if (facts === null || facts === undefined || (detected !== null && detected.kind !== 'dockerfile')) {
    return {
      spec: { kind: detected?.kind ?? 'none', context: folder, command },
      unknown: facts ? null : { message: '', hint: '' },
    }
  }
  const found =
    facts.entries.length === 0
      ? 'it is empty'
      : `it holds ${facts.entries.slice(0, 6).join(', ')}${facts.entries.length > 6 ? ', ...' : ''}`
  return {
    spec: { kind: 'none', context: folder, command },
    unknown:
      detected === null
        ? {
            message: `what kind of program is in ${quote(folder)} cannot be told: ${found}`,
            hint: 'write how to start it under "command", or one of python, node, go, rust, java-maven under "build.kind"',
          }
        : {
            message: `${quote(folder)} holds a ${detected.evidence}, and containers are not available in this version`,
            hint: 'write how to start it under "command"',
          },
  }
}

/** A service needs something to run: a command, or a kind of program that says one. */
function checkProgram(input: ServiceInput, build: Build, context: ServiceContext): void {
  if (input.command !== undefined || !context.isWhole) return
  if (input.build === undefined) {
    mistake(
      context,
      [],
      'key',
      `the service ${quote(context.name)} says neither what to build nor what to run`,
      'write its folder under "build", or how to start it under "command"',
    )
  } else if (build.unknown !== null) {
    if (build.unknown.message !== '') mistake(context, ['build'], 'value', build.unknown.message, build.unknown.hint)
  } else if (build.spec.kind === 'none') {
    mistake(
      context,
      ['build', 'kind'],
      'value',
      'kind none says nothing of how to start it',
      'write it under "command"',
    )
  }
}

function readEnvironment(input: ServiceInput, protocol: Protocol, context: ServiceContext): Record<string, string> {
  const environment: Record<string, string> = {}
  readEnvironmentFiles(input, protocol, context, environment)
  const set = (name: string, value: string | null, path: Path): void => {
    if (isReserved(name, protocol)) {
      const hint =
        name === 'PORT' ? 'when the program insists on a port, write it under "port"' : 'every instance gets its own'
      mistake(context, path, 'key', `${name} is given by Pando`, hint)
      return
    }
    if (value !== null) {
      if (value.includes('\0')) mistake(context, path, 'value', 'a variable cannot hold a NUL character')
      environment[name] = value
      return
    }
    const handedOn = Object.hasOwn(context.variables, name) ? context.variables[name] : undefined
    if (handedOn === undefined) {
      const message = `${name} is to be handed on, and is not set`
      context.warn(
        context.source.mistake(servicePath(context.name, path), 'key', message, `set ${name}, or give it a value`),
      )
      return
    }
    context.use(name)
    environment[name] = handedOn
  }

  if (Array.isArray(input.environment)) {
    for (const [index, entry] of input.environment.entries()) {
      const equals = entry.indexOf('=')
      const name = equals === -1 ? entry : entry.slice(0, equals)
      if (!variablePattern.test(name)) {
        mistake(
          context,
          ['environment', index],
          'value',
          `${quote(name)} is not a name of a variable`,
          'write NAME=value',
        )
      } else set(name, equals === -1 ? null : entry.slice(equals + 1), ['environment', index])
    }
    return environment
  }
  for (const [name, value] of Object.entries(input.environment ?? {})) {
    // As it is written, since a version such as 1.10 is no number to its reader.
    const text = context.source.written(servicePath(context.name, ['environment', name])) ?? String(value)
    set(name, value === null ? null : text, ['environment', name])
  }
  return environment
}

function readEnvironmentFiles(
  input: ServiceInput,
  protocol: Protocol,
  context: ServiceContext,
  environment: Record<string, string>,
): void {
  const written = input.env_file ?? []
  const files = typeof written === 'string' ? [written] : written
  for (const [index, entry] of files.entries()) {
    const path = typeof written === 'string' ? ['env_file'] : ['env_file', index]
    const file = resolve(context.folder, typeof entry === 'string' ? entry : entry.path)
    const fact = context.facts.file(file)
    if (fact === undefined) continue
    if (fact.kind === 'mistake') {
      const isOptional = typeof entry !== 'string' && String(entry.required) === 'false'
      if (!isOptional) mistake(context, path, 'value', fact.message)
      continue
    }
    const { values, used, mistakes } = parseEnvironmentFile(fact.text, context.variables)
    for (const name of used) context.use(name)
    for (const { hint, ...wrong } of mistakes)
      context.report({ file, path: '', ...wrong, ...(hint === undefined ? {} : { hint }) })
    for (const [name, value] of Object.entries(values)) {
      if (!isReserved(name, protocol)) environment[name] = value
      else {
        const message = `${name} in ${quote(file)} has no effect: it is given by Pando`
        context.warn(context.source.mistake(servicePath(context.name, path), 'value', message))
      }
    }
  }
}

function millisecondsOf(text: string | number | undefined, fallback: number): number {
  const ms = text === undefined ? fallback : parseDuration(text)
  return isMistake(ms) ? fallback : ms
}

function bytesOf(text: string | number | undefined, fallback: number): number {
  const bytes = text === undefined ? fallback : parseSize(text)
  return isMistake(bytes) ? fallback : bytes
}
