import { basename, dirname, resolve } from 'node:path'
import type { AppSpec, Diagnostic, GatewaySpec, ServiceSpec } from '@pando/model'
import type { z } from 'zod'
import { secretsSchema, volumesSchema } from './container-schema.js'
import { checkApp, type PlacedService } from './app-checks.js'
import { composeVariables, filesOver, isComposeFile } from './compose/recognition.js'
import { Facts, type KnownFacts } from './facts.js'
import { readApi, readGateway, type Check } from './gateway.js'
import { checkTopLevel, collectFiles, type ManifestFile } from './inclusion.js'
import { nameMistake, toLabel } from './names.js'
import {
  apiSchema,
  gatewaySchema,
  manifestSchema,
  serviceSchema,
  type ApiInput,
  type GatewayInput,
  type ServiceInput,
} from './schema.js'
import { servicePath, type ServiceContext } from './service-context.js'
import { readService } from './service.js'
import { mostDiagnostics, type Path, type Source } from './source.js'
import { checkReferences, readRouteFiles } from './gateway-api/route-files.js'
import { warnOfSecretFiles } from './secret-files.js'
import { checkTls } from './tls-checks.js'
import { quote } from './units.js'
import { describe, validate } from './validation.js'

export interface ReadRequest extends KnownFacts {
  /** Absolute path of the manifest. */
  readonly path: string
  /** For `${NAME}` and for variables that are handed on. */
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Profiles that are asked for besides those in the variable PANDO_PROFILES (with commas between them); `*` is all. */
  readonly profiles: readonly string[]
  /** Services that are there beside those of the manifest. One that the manifest writes itself is not one of them. */
  readonly neighbours?: Readonly<Record<string, ServiceSpec | null>>
  /** The gateway that serves the neighbours, and then these services too, whatever the manifest says. Absent: not known. */
  readonly presentGateway?: GatewaySpec
  /** See `LoadOptions`. */
  readonly images?: readonly string[]
}

export type ReadResult =
  /** More must be known of the disk, by absolute path, before it can be said. */
  | { readonly kind: 'needs'; readonly files: readonly string[]; readonly folders: readonly string[] }
  | {
      readonly kind: 'read'
      readonly app: AppSpec
      readonly usedVariables: Readonly<Record<string, string>>
      readonly warnings: readonly Diagnostic[]
    }
  | { readonly kind: 'mistaken'; readonly diagnostics: readonly Diagnostic[] }

/**
 * Reads a manifest from what is known of the disk, and touches nothing else: the same request has the same result. Never throws.
 * All mistakes are told together, in the order of the files.
 */
export function readManifest(request: ReadRequest): ReadResult {
  const diagnostics: Diagnostic[] = []
  const warnings: Diagnostic[] = []
  const used = new Set<string>()
  const report = (diagnostic: Diagnostic): void => void diagnostics.push(diagnostic)
  const warn = (diagnostic: Diagnostic): void => void warnings.push(diagnostic)
  const facts = new Facts(request)

  const isCompose = isComposeFile(request.path)
  const variables = isCompose ? composeVariables(request.path, request.variables, { facts, report }) : request.variables
  const over = filesOver(request.path, variables, facts)
  const files = collectFiles(request.path, { over: over.paths, variables, facts, report, warn })
  if (over.variable !== null) used.add(over.variable)
  const [main] = files
  if (!isCompose && over.paths.length > 0 && main !== undefined)
    report(
      main.source.mistake([], 'value', 'only Compose files are laid over each other', 'write "include" in this one'),
    )
  for (const { source } of files) for (const name of source.used) used.add(name)
  checkTopLevel(files, report, warn)

  const name = readName(files, request.path, report)
  const [gateway, gatewaySource] = readPart<GatewayInput, GatewaySpec>(
    'gateway',
    gatewaySchema,
    files,
    report,
    readGateway,
  )
  checkTls(gateway, gatewaySource, facts, report)
  warnOfSecretFiles(gateway, gatewaySource, facts, warn)
  const documents = readRouteFiles(gateway.routeFiles ?? [], gatewaySource, { facts, report })
  const [api, apiSource] = readPart<ApiInput, AppSpec['api']>('api', apiSchema, files, report, readApi)

  const written = collectServices(files, report)
  const asked = askedProfiles(request.profiles, variables, isCompose)
  const isWanted = ({ profiles }: WrittenService): boolean =>
    profiles.length === 0 || asked.has('*') || profiles.some((profile) => asked.has(profile))
  const wanted = written.filter(isWanted)
  const neighbours = Object.entries(request.neighbours ?? {}).filter(
    ([name]) => !written.some((service) => service.name === name),
  )
  const names = [...neighbours.map(([name]) => name), ...wanted.map((service) => service.name)]
  const named = readNamed(files, report)
  const services = wanted.map((service): PlacedService => {
    const context: ServiceContext = {
      name: service.name,
      isWhole: service.isWhole,
      source: service.file.source,
      folder: service.file.folder,
      variables,
      services: names,
      facts,
      ...(request.images === undefined ? {} : { images: request.images }),
      named,
      report,
      warn,
      use: (variable) => used.add(variable),
    }
    return {
      name: service.name,
      source: service.file.source,
      isWhole: service.isWhole,
      spec: service.input === null ? null : readService(service.input, context),
      dependencyPath: (dependency) => dependencyPath(service, dependency),
    }
  })
  const isSaid = files.some(({ content }) => content['services'] !== undefined)
  if (files[0] !== undefined && !isSaid && diagnostics.length === 0) {
    report(
      files[0].source.mistake(
        [],
        'value',
        'there is no service in this manifest',
        'write one under "services": a name and the folder to build',
      ),
    )
  }
  const [{ source: firstSource } = { source: null }] = files
  // First, so that it is the newcomer whose mistake a clash is.
  const present = neighbours.flatMap(([name, spec]): PlacedService[] => {
    if (firstSource === null) return []
    return [{ name, source: firstSource, isWhole: spec !== null, spec, dependencyPath: () => servicePath(name) }]
  })
  checkApp(
    {
      services: [...present, ...services],
      disabled: new Map(
        written.filter((service) => !isWanted(service)).map((service) => [service.name, service.profiles]),
      ),
      gateway,
      gatewaySource,
      servedBy: neighbours.length === 0 ? gateway : (request.presentGateway ?? null),
      api,
      apiSource,
    },
    report,
    warn,
  )

  checkReferences(documents, new Map([...present, ...services].map((service) => [service.name, service])), report)

  if (facts.missingFiles.size > 0 || facts.missingFolders.size > 0) {
    return { kind: 'needs', files: [...facts.missingFiles], folders: [...facts.missingFolders] }
  }
  if (diagnostics.length > 0) return { kind: 'mistaken', diagnostics: inFileOrder(diagnostics, files) }
  const served = documents.routes.length === 0 ? gateway : { ...gateway, routes: documents.routes }
  const specs = services.flatMap(({ spec }): [string, ServiceSpec][] => (spec === null ? [] : [[spec.name, spec]]))
  return {
    kind: 'read',
    app: { name, manifest: request.path, services: Object.fromEntries(specs), gateway: served, api },
    usedVariables: {
      ...usedOf(used, request.variables),
      ...(asked.size === 0 ? {} : { [profilesVariable]: [...asked].join(',') }),
    },
    warnings: inFileOrder(warnings, files),
  }
}

/** Secrets and volumes of all files; paths are seen from their own file. */
function readNamed(files: readonly ManifestFile[], report: (diagnostic: Diagnostic) => void): ServiceContext['named'] {
  const secrets = new Map<string, string>()
  const volumes = new Set<string>()
  for (const { source, folder, content } of files) {
    if (content['secrets'] !== undefined) {
      const { data, diagnostics } = validate(secretsSchema, content['secrets'], source, ['secrets'])
      for (const diagnostic of diagnostics) report(diagnostic)
      for (const [name, { file }] of Object.entries(data ?? {})) secrets.set(name, resolve(folder, file))
    }
    if (content['volumes'] !== undefined) {
      const { data, diagnostics } = validate(volumesSchema, content['volumes'], source, ['volumes'])
      for (const diagnostic of diagnostics) report(diagnostic)
      for (const name of Object.keys(data ?? {})) volumes.add(name)
    }
  }
  return { secrets, volumes }
}

/** Those of a file beside the manifest are found there again. */
function usedOf(used: ReadonlySet<string>, variables: ReadRequest['variables']): Record<string, string> {
  return Object.fromEntries(
    [...used].sort().flatMap((name): [string, string][] => {
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

const profilesVariable = 'PANDO_PROFILES'

function askedProfiles(
  profiles: readonly string[],
  variables: ReadRequest['variables'],
  isCompose: boolean,
): ReadonlySet<string> {
  const own = variables[profilesVariable] ?? ''
  const named = [own, isCompose ? (variables['COMPOSE_PROFILES'] ?? '') : '']
    .join(',')
    .split(',')
    .map((name) => name.trim())
  return new Set([...profiles, ...named].filter((name) => name !== ''))
}

interface WrittenService {
  readonly name: string
  readonly file: ManifestFile
  /** Without the fields that have mistakes, so that the others are checked as well; null when nothing can be used. */
  readonly input: ServiceInput | null
  readonly isWhole: boolean
  readonly profiles: readonly string[]
}

function collectServices(files: readonly ManifestFile[], report: (diagnostic: Diagnostic) => void): WrittenService[] {
  const services = new Map<string, WrittenService>()
  for (const file of files) {
    const { source, content } = file
    const written = content['services']
    if (written === undefined) continue
    if (written === null || typeof written !== 'object' || Array.isArray(written)) {
      report(source.mistake(['services'], 'value', `expected a map of services, got ${describe(written)}`))
      continue
    }
    for (const [name, value] of Object.entries(written)) {
      const path = servicePath(name)
      const wrong = nameMistake(name)
      if (wrong !== null) report(source.mistake(path, 'key', wrong.message, wrong.hint))
      const before = services.get(name)
      if (before !== undefined) {
        const place = before.file.source.mistake(path, 'key', '')
        report(
          source.mistake(path, 'key', `the service ${quote(name)} is written at ${place.file}:${place.line} already`),
        )
        continue
      }
      const { data, diagnostics, wrongKeys } = validate<ServiceInput>(serviceSchema, value, source, path)
      for (const diagnostic of diagnostics) report(diagnostic)
      const input = data ?? withoutKeys(serviceSchema, value, wrongKeys)
      services.set(name, { name, file, input, isWhole: data !== null, profiles: input?.profiles ?? [] })
    }
  }
  return [...services.values()]
}

/** What is left of a map when the fields with mistakes are taken out; null when that is not valid either. */
function withoutKeys<T>(schema: z.ZodType<T>, value: unknown, wrongKeys: ReadonlySet<string>): T | null {
  if (value === null || typeof value !== 'object') return null
  const rest = Object.fromEntries(Object.entries(value).filter(([key]) => !wrongKeys.has(key)))
  return schema.safeParse(rest).data ?? null
}

function readName(files: readonly ManifestFile[], path: string, report: (diagnostic: Diagnostic) => void): string {
  const fallback = toLabel(basename(dirname(path)), 63) ?? 'app'
  const file = files.find(({ content }) => content['name'] !== undefined)
  if (file === undefined) return fallback
  const { data, diagnostics } = validate(manifestSchema.shape.name, file.content['name'], file.source, ['name'])
  for (const diagnostic of diagnostics) report(diagnostic)
  return data ?? fallback
}

/** A part that is written at most once in an app, with the file it is in; all defaults where it is not or has mistakes. */
function readPart<Input, Spec>(
  key: string,
  schema: z.ZodType<Input>,
  files: readonly ManifestFile[],
  report: (diagnostic: Diagnostic) => void,
  read: (input: Partial<Input>, check: Check, folder: string) => Spec,
): [Spec, Source | null] {
  const file = files.find(({ content }) => content[key] !== undefined)
  if (file === undefined) return [read({}, () => {}, ''), null]
  const value = file.content[key]
  const { data, diagnostics, wrongKeys } = validate(schema, value, file.source, [key])
  for (const diagnostic of diagnostics) report(diagnostic)
  const check = (path: Path, message: string, hint?: string): void =>
    report(file.source.mistake([key, ...path], 'value', message, hint))
  return [read(data ?? withoutKeys(schema, value, wrongKeys) ?? {}, check, file.folder), file.source]
}

function dependencyPath({ name, input }: WrittenService, dependency: string): ReturnType<typeof servicePath> {
  const written = input?.depends_on
  return servicePath(name, ['depends_on', Array.isArray(written) ? written.indexOf(dependency) : dependency])
}

function inFileOrder(diagnostics: readonly Diagnostic[], files: readonly ManifestFile[]): Diagnostic[] {
  const order = new Map(files.map(({ source }, index) => [source.file, index]))
  const rank = ({ file }: Diagnostic): number => order.get(file) ?? files.length
  return diagnostics
    .toSorted((a, b) => rank(a) - rank(b) || a.line - b.line || a.column - b.column)
    .slice(0, mostDiagnostics)
}
