import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { PandoError } from '@pando/model'
import type { StartOrder } from '../driver.js'

const defaultPath = '/usr/local/bin:/usr/bin:/bin'

/** All that an instance's program gets: the build's additions, over them what was ordered, and the build's directories first in PATH. */
export function environmentOf(order: StartOrder): Record<string, string> {
  const merged = { ...order.program.environment, ...order.environment }
  const path = (merged['PATH'] ?? defaultPath).split(delimiter)
  const first = order.program.path.filter((directory) => !path.includes(directory))
  return { ...merged, PATH: [...first, ...path].join(delimiter) }
}

/** Programs and shells change these for their children. */
const changing = new Set(['_', 'HOME', 'OLDPWD', 'PATH', 'PWD', 'SHLVL'])

/**
 * The environment entries by which this instance's processes are known; none when it was not told its own name. All that was
 * ordered, since the names alone may be those of the same app run from another folder; addresses and ports then differ.
 */
export function marksOf(order: StartOrder): string[] {
  if (order.environment['PANDO_INSTANCE'] !== order.id) return []
  return Object.entries(order.environment)
    .filter(([name]) => !changing.has(name))
    .map(([name, value]) => `${name}=${value}`)
}

/** Refuses what cannot start anyway with a sentence instead of an exit code. Throws `build_failed` or `tool_missing`. */
export function checkStartable(order: StartOrder, environment: Readonly<Record<string, string>>): void {
  const { command, workdir } = order.program
  const directory = statSync(workdir, { throwIfNoEntry: false })
  if (directory === undefined || !directory.isDirectory()) {
    throw new PandoError('build_failed', `service ${order.service}: its working directory ${workdir} does not exist`, {
      hint: 'set "workdir" to a folder that is there once the service is built',
    })
  }
  if (typeof command === 'string') return
  const program = command[0]
  if (program === undefined || program === '') {
    throw new PandoError('build_failed', `service ${order.service}: its command is empty`, {
      hint: 'set "command" to the program to run, followed by its arguments',
    })
  }
  if (findProgram(program, workdir, environment['PATH'] ?? defaultPath) === null) {
    const where = program.includes('/') ? `in ${workdir}` : `in PATH (${environment['PATH'] ?? defaultPath})`
    throw new PandoError('tool_missing', `service ${order.service}: command "${program}" was not found ${where}`, {
      hint: 'check the spelling of "command", or install the program',
    })
  }
}

function findProgram(program: string, workdir: string, path: string): string | null {
  const candidates = program.includes('/')
    ? [isAbsolute(program) ? program : resolve(workdir, program)]
    : path.split(delimiter).map((directory) => join(resolve(workdir, directory), program))
  return candidates.find(isExecutable) ?? null
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
