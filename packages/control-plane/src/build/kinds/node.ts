import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PandoError } from '@pando/model'
import type { BuildKindRecipe } from '../build-kind.js'
import type { BuildRoom } from '../build-room.js'
import { sourceHash } from '../source-hash.js'

interface PackageFile {
  readonly main?: string
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

const installNode = 'install Node.js from https://nodejs.org or your package manager; npm comes with it'
const npmLocks = ['package-lock.json', 'npm-shrinkwrap.json']
const otherLocks = { 'pnpm-lock.yaml': 'pnpm', 'yarn.lock': 'yarn', 'bun.lock': 'bun', 'bun.lockb': 'bun' }
/** Left out when telling whether a source has changed: where build scripts commonly put what they make. */
const outputs = ['build', 'out', 'lib', 'tsconfig.tsbuildinfo']

export function nodeRecipe(room: BuildRoom): BuildKindRecipe {
  return {
    async prepare() {
      const file = readPackage(room)
      const lock = npmLocks.find((name) => room.has(name)) ?? null
      if (lock === null) refuseOthers(room)
      await install(room, file, lock)
      await runBuildScript(room, file, lock)
    },
    async describe() {
      return { command: () => startCommand(room, readPackage(room)), environment: {}, path: programDirectories(room) }
    },
  }
}

function readPackage(room: BuildRoom): PackageFile {
  try {
    return JSON.parse(readFileSync(room.source('package.json'), 'utf8')) as PackageFile
  } catch (error) {
    throw room.fail(`package.json cannot be read: ${(error as Error).message}`, 'correct package.json')
  }
}

function refuseOthers(room: BuildRoom): void {
  const found = Object.entries(otherLocks).find(([name]) => room.has(name))
  if (found === undefined) return
  const [lock, tool] = found
  throw new PandoError(
    'unsupported',
    `service ${room.order.service}: ${lock} belongs to ${tool}, which Pando does not run by itself`,
    {
      hint: `set "build.command", for example ${tool} install --frozen-lockfile && ${tool} run build`,
    },
  )
}

/**
 * `npm ci` when what is installed is not what the lockfile says. node_modules that we did not install are believed when npm's own
 * note in them is not older than the lockfile; so are dependencies that are found in a folder above (a workspace).
 */
async function install(room: BuildRoom, file: PackageFile, lock: string | null): Promise<void> {
  const wanted = [...Object.keys(file.dependencies ?? {}), ...Object.keys(file.devDependencies ?? {})]
  if (wanted.length === 0) return
  const key = hashOf(
    process.version.split('.')[0] ?? '',
    lock === null ? JSON.stringify(file) : readFileSync(room.source(lock), 'utf8'),
  )
  if (room.has('node_modules')) {
    if (room.readStamp('node-install') === key) return
    if (lock !== null && room.readStamp('node-install') === null && isNotedSince(room, lock)) return
  } else if (lock === null && wanted.every((name) => isFoundAbove(room, name))) return
  const npm = room.require('npm', installNode)
  const command = lock === null ? ['install', '--no-package-lock'] : ['ci']
  room.say(
    lock === null ? 'npm install (there is no package-lock.json: versions may differ from day to day)' : 'npm ci',
  )
  await room.run(`npm ${command[0]}`, [npm, ...command, '--no-audit', '--no-fund', '--loglevel=error'])
  room.writeStamp('node-install', key)
}

function isNotedSince(room: BuildRoom, lock: string): boolean {
  const note = statSync(room.source('node_modules', '.package-lock.json'), { throwIfNoEntry: false })
  return note !== undefined && note.mtimeMs >= statSync(room.source(lock)).mtimeMs
}

function isFoundAbove(room: BuildRoom, name: string): boolean {
  return modulesAbove(room.source()).some((modules) => existsSync(join(modules, name, 'package.json')))
}

/** As Node looks for packages: node_modules here and in every folder above. */
function modulesAbove(folder: string): string[] {
  const found: string[] = []
  for (let directory = folder; ; directory = dirname(directory)) {
    found.push(join(directory, 'node_modules'))
    if (dirname(directory) === directory) return found
  }
}

function programDirectories(room: BuildRoom): string[] {
  return modulesAbove(room.source())
    .map((modules) => join(modules, '.bin'))
    .filter((directory) => existsSync(directory))
}

/** `npm run build` when there is such a script and a source has changed since, or what it made is gone. */
async function runBuildScript(room: BuildRoom, file: PackageFile, lock: string | null): Promise<void> {
  if (file.scripts?.['build'] === undefined) return
  const key = async (): Promise<string> => `${lock ?? ''} ${await sourceHash(room.source(), outputs)}`
  const [before, ...entries] = (room.readStamp('node-build') ?? '').split('\0')
  if (before === (await key()) && entries.every((entry) => room.has(entry))) return
  const npm = room.require('npm', installNode)
  room.say('npm run build')
  await room.run('npm run build', [npm, 'run', '--silent', 'build'])
  room.writeStamp('node-build', [await key(), ...readdirSync(room.source())].join('\0'))
}

/** The start script itself rather than `npm start`: no npm process stands between us and the program. */
function startCommand(room: BuildRoom, file: PackageFile): string | readonly string[] {
  const { start, prestart } = file.scripts ?? {}
  if (start !== undefined) return prestart === undefined ? start : `${prestart} && ${start}`
  const main = [file.main, 'index.js', 'server.js', 'app.js'].find((name) => name !== undefined && room.has(name))
  if (main !== undefined) return ['node', main]
  throw room.fail(
    'package.json has no start script and no main file',
    'add a "start" script, or set "command" in the manifest',
  )
}

function hashOf(...texts: string[]): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(`${text}\0`)
  return hash.digest('hex')
}
