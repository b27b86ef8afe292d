import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PandoError } from '@pando/model'

/** Where the table comes from: the control plane's watch, or a file. */
export type TableSource =
  | { readonly kind: 'watch'; readonly controlSocket: string }
  | { readonly kind: 'file'; readonly path: string }

export interface GatewayOptions {
  readonly source: TableSource
  /** Where the last table is; null keeps none (only with a table from a file). */
  readonly stateDir: string | null
  /** Path of the admin socket, `gateway.sock` in the state directory unless given; null has none. */
  readonly adminSocket: string | null
  readonly workers: number
  /** Name of this gateway to the control plane: the next gateway of the same state directory takes its place. */
  readonly gateway: string
  readonly drainMs: number
}

const usage =
  'gateway (--control-socket PATH --state-dir DIR | --table FILE [--state-dir DIR]) [--admin-socket PATH] [--workers N] [--gateway NAME] [--drain-timeout MS]'

export function parseOptions(args: readonly string[]): GatewayOptions {
  const values = parse(args)
  const { table, 'control-socket': controlSocket, 'state-dir': stateDir } = values
  if ((table === undefined) === (controlSocket === undefined)) {
    throw mistake('give either --control-socket or --table')
  }
  if (controlSocket !== undefined && stateDir === undefined) throw mistake('--control-socket needs --state-dir')
  return {
    source: controlSocket === undefined ? { kind: 'file', path: table as string } : { kind: 'watch', controlSocket },
    stateDir: stateDir ?? null,
    adminSocket: values['admin-socket'] ?? (stateDir === undefined ? null : join(stateDir, 'gateway.sock')),
    workers: number(values.workers, '--workers', 1, 256) ?? availableParallelism(),
    gateway: values.gateway ?? 'gateway',
    drainMs: number(values['drain-timeout'], '--drain-timeout', 0, 3_600_000) ?? 10_000,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        'control-socket': { type: 'string' },
        'state-dir': { type: 'string' },
        'admin-socket': { type: 'string' },
        table: { type: 'string' },
        workers: { type: 'string' },
        gateway: { type: 'string' },
        'drain-timeout': { type: 'string' },
      },
    }).values
  } catch (error) {
    throw mistake((error as Error).message)
  }
}

function number(text: string | undefined, name: string, least: number, most: number): number | null {
  if (text === undefined) return null
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most))
    throw mistake(`${name} must be a number from ${least} to ${most}, not "${text}"`)
  return value
}

function mistake(message: string): PandoError {
  return new PandoError('usage', message, { hint: usage })
}
