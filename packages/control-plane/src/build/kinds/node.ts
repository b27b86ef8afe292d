import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PandoError } from '@pando/model'
import type { BuildKindRecipe } from '../build-kind.js'
import type { BuildRoom } from '../build-room.js'
import { cloneTree } from '../clone-tree.js'
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
    if (lock !== null && room.readStamp('node-install') === null && isNotedSince(room.source(), lock)) return
  } else if (lock === null && wanted.every((name) => isFoundAbove(room, name))) return
  const isShared = room.origin !== null
  const shared = join(room.directory, `modules-${key.slice(0, 16)}`)
  // What a build script may write into must not be one file with what runs.
  const canLink = file.scripts?.['build'] === undefined
  if (isShared && existsSync(join(shared, '.complete'))) {
    await cloneTree(join(shared, 'node_modules'), room.source('node_modules'), { canLink })
    return room.writeStamp('node-install', key)
  }
  if (room.origin !== null && (await takeInstalled(room, room.origin, lock, wanted))) return
  const npm = room.require('npm', installNode)
  const command = lock === null ? ['install', '--no-package-lock'] : ['ci']
  room.say(
    lock === null ? 'npm install (there is no package-lock.json: versions may differ from day to day)' : 'npm ci',
  )
  await room.run(`npm ${command[0]}`, [npm, ...command, '--no-audit', '--no-fund', '--loglevel=error'])
  if (isShared && room.has('node_modules')) {
    rmSync(shared, { recursive: true, force: true })
    await cloneTree(room.source('node_modules'), join(shared, 'node_modules'), { canLink })
    writeFileSync(join(shared, '.complete'), '')
    room.prune('modules', shared)
  }
  room.writeStamp('node-install', key)
}

/** Copies what somebody has installed in the folder itself, when it is not older than the lockfile and whole. */
async function takeInstalled(
  room: BuildRoom,
  origin: string,
  lock: string | null,
  wanted: readonly string[],
): Promise<boolean> {
  const modules = join(origin, 'node_modules')
  const isWhole = wanted.every((name) => existsSync(join(modules, name, 'package.json')))
  if (!isWhole || (lock !== null && !isNotedSince(origin, lock))) return false
  await cloneTree(modules, room.source('node_modules'), { canLink: false })
  return true
}

function isNotedSince(folder: string, lock: string): boolean {
  const note = statSync(join(folder, 'node_modules', '.package-lock.json'), { throwIfNoEntry: false })
  const locked = statSync(join(folder, lock), { throwIfNoEntry: false })
  return note !== undefined && locked !== undefined && note.mtimeMs >= locked.mtimeMs
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
