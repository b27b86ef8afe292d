import type { HealthCheck, HealthProbe, Protocol } from '@pando/model'
import { defaultCheckTimes } from './defaults.js'
import type { ServiceInput } from './schema.js'
import type { Path } from './source.js'
import { isMistake, parseDuration, quote } from './units.js'

type Written = Exclude<ServiceInput['healthcheck'], string | undefined>

export interface HealthCheckContext {
  /** Replaces variables in a command at a path below the service. */
  readonly readCommand: (command: string | readonly string[], path: Path) => string | readonly string[]
  readonly report: (path: Path, message: string, hint?: string) => void
}

/** A health check made whole. Without one: a connection to the port, or nothing for a service that has none. */
export function readHealthCheck(
  input: ServiceInput['healthcheck'],
  protocol: Protocol,
  context: HealthCheckContext,
): HealthCheck {
  const written: Written = typeof input === 'string' ? { http: input } : (input ?? {})
  const report = (path: Path, message: string, hint?: string): void =>
    context.report(typeof input === 'string' ? ['healthcheck'] : ['healthcheck', ...path], message, hint)
  const twice = (one: 'fall' | 'startup', other: 'retries' | 'start_period'): void => {
    if (written[one] !== undefined && written[other] !== undefined) report([other], `write either ${one} or ${other}`)
  }
  twice('fall', 'retries')
  twice('startup', 'start_period')

  const probe = readProbe(written, protocol, context, report)
  if (probe.kind === 'none') return { probe, ...defaultCheckTimes }
  return {
    probe,
    intervalMs: milliseconds(written.interval, defaultCheckTimes.intervalMs),
    timeoutMs: milliseconds(written.timeout, defaultCheckTimes.timeoutMs),
    rise: Number(written.rise ?? defaultCheckTimes.rise),
    fall: Number(written.fall ?? written.retries ?? defaultCheckTimes.fall),
    startupMs: milliseconds(written.startup ?? written.start_period, defaultCheckTimes.startupMs),
  }
}

function readProbe(
  written: Written,
  protocol: Protocol,
  context: HealthCheckContext,
  report: HealthCheckContext['report'],
): HealthProbe {
  const isDisabled = String(written.disable) === 'true'
  const asked = (['http', 'grpc', 'tcp', 'command', 'test'] as const).filter((key) => written[key] !== undefined)
  const [kind, second] = isDisabled ? ['disable' as const, asked[0]] : asked
  if (second !== undefined)
    report([second], `a service has one health check, and there is ${kind} as well`, 'keep one of the two')
  if (protocol === 'none' && (kind === 'http' || kind === 'grpc' || kind === 'tcp')) {
    report(
      [kind],
      'a service of protocol none listens on no port that could be asked',
      'use a command, or take out "protocol: none"',
    )
  }
  switch (kind) {
    case 'disable':
      return { kind: 'none' }
    case 'http':
      return { kind: 'http', path: readPath(written.http ?? '/', report) }
    case 'grpc':
      return { kind: 'grpc', service: written.grpc === true ? '' : (written.grpc ?? '') }
    case 'tcp':
      return { kind: 'tcp' }
    case 'command':
      return { kind: 'command', command: context.readCommand(written.command ?? '', ['healthcheck', 'command']) }
    case 'test':
      return readTest(written.test ?? '', context, report)
    default:
      return protocol === 'none' ? { kind: 'none' } : { kind: 'tcp' }
  }
}

function readPath(path: string, report: HealthCheckContext['report']): string {
  if (!path.startsWith('/')) {
    report(
      ['http'],
      `a path begins with a slash, and ${quote(path)} does not`,
      'for other checks write { grpc: true }, { tcp: true } or { command: ... }',
    )
  } else if (!/^[\x21-\x7e]+$/.test(path) || path.includes('#')) {
    report(['http'], `${quote(path)} has characters that a path cannot have`)
  }
  return path
}

/** https://docs.docker.com/reference/compose-file/services/#healthcheck */
function readTest(
  test: string | readonly string[],
  context: HealthCheckContext,
  report: HealthCheckContext['report'],
): HealthProbe {
  const path = ['healthcheck', 'test']
  if (typeof test === 'string') return { kind: 'command', command: context.readCommand(test, path) }
  const [form, ...words] = test
  if (form === 'NONE' && words.length === 0) return { kind: 'none' }
  const [only] = words
  if (form === 'CMD-SHELL' && only !== undefined && words.length === 1) {
    return { kind: 'command', command: context.readCommand(only, [...path, 1]) }
  }
  if (form === 'CMD' && words.length > 0) {
    const command = context.readCommand(test, path)
    return { kind: 'command', command: command.slice(1) }
  }
  report(
    ['test'],
    'a list begins with CMD, CMD-SHELL (and one text) or NONE',
    'write for example [CMD, ./healthy, --quick]',
  )
  return { kind: 'none' }
}

function milliseconds(text: string | number | undefined, fallback: number): number {
  const ms = text === undefined ? fallback : parseDuration(text)
  return isMistake(ms) ? fallback : ms
}
