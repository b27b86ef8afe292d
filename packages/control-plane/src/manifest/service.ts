import { resolve } from 'node:path'
import type { DependencyCondition, RestartPolicy, RouteSpec, ServiceSpec } from '@pando/model'
import { defaultLogs, defaultService } from './defaults.js'
import { readAutoscale } from './autoscale.js'
import { readContainer } from './container.js'
import { chooseDriver, containerFolder } from './driver.js'
import { readDevelop } from './develop.js'
import { readHealthCheck } from './healthcheck.js'
import { checkProgram, commandReader, readBuild, readCommand } from './program.js'
import { readListen, readRequestTrailers } from './network.js'
import { readServiceResilience } from './resilience.js'
import { readRollout } from './rollout.js'
import { readRoute } from './route.js'
import { readSchedule } from './schedule.js'
import type { ServiceInput } from './schema.js'
import { mistake, servicePath, type ServiceContext } from './service-context.js'
import { readEnvironment } from './service-environment.js'
import { isMistake, parseDuration, parseSize } from './units.js'

/** One service, written and checked by itself, made whole. Mistakes are reported; what is returned then has stand-ins in their place. */
export function readService(input: ServiceInput, context: ServiceContext): ServiceSpec {
  const { name } = context
  const protocol = input.protocol ?? (input.schedule === undefined ? defaultService.protocol : 'none')
  const environment = readEnvironment(input, protocol, context)
  const readText = commandReader(context, environment)
  const build = readBuild(input, context)
  const command = input.command === undefined ? null : readCommand(input.command, ['command'], readText, context)
  checkProgram(input, build, context)
  const target = chooseDriver(input, build.spec, context)
  const container = readContainer(input, target.isContainer, context)
  const watch = readDevelop(input, { build: build.spec, container }, context)
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
  const listen = readListen(input, context)
  const schedule = readSchedule(input, context)
  const autoscale = readAutoscale(input, { protocol, isContainer: container !== undefined }, context)
  return {
    name,
    revision: {
      service: name,
      build: target.spec,
      ...(container === undefined ? {} : { container }),
      workdir:
        container === undefined
          ? resolve(build.spec.context, input.working_dir ?? '.')
          : containerFolder(input.working_dir, target, input.image !== undefined),
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
    replicas: schedule !== null ? 0 : Number(input.replicas ?? Math.max(defaultService.replicas, autoscale?.min ?? 0)),
    ...(autoscale === null ? {} : { autoscale }),
    ...(schedule === null ? {} : { schedule }),
    restart: readRestart(input.restart),
    dependsOn: readDependencies(input, context),
    drainTimeoutMs: millisecondsOf(input.drain_timeout, defaultService.drainTimeoutMs),
    rollout: readRollout(input, context),
    ...readServiceResilience(input, protocol, context),
    routes: readRoutes(input, context),
    ...(readRequestTrailers(input, protocol, context) ? { requestTrailers: true } : {}),
    ...(listen === undefined ? {} : { listen }),
    ...(watch === undefined ? {} : { watch }),
  }
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

function millisecondsOf(text: string | number | undefined, fallback: number): number {
  const ms = text === undefined ? fallback : parseDuration(text)
  return isMistake(ms) ? fallback : ms
}

function bytesOf(text: string | number | undefined, fallback: number): number {
  const bytes = text === undefined ? fallback : parseSize(text)
  return isMistake(bytes) ? fallback : bytes
}
