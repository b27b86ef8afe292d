import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TarEntry } from '../../packages/control-plane/src/build/tar.js'
import { type ContainerEngine, fileEntry, textEntry } from './container-engine.js'

/**
 * Base images as a team without a network keeps them: the languages of this machine, each with all that its package manager will ask
 * for, and a configuration that makes it look nowhere else. They have the official images' names, so manifests need not know.
 */
export async function importOfflineBases(engine: ContainerEngine, supplies: Supplies): Promise<void> {
  const npmrc = 'offline=true\ncache=/var/cache/npm\naudit=false\nfund=false\nupdate-notifier=false\n'
  await engine.importImage('node:22-slim', [
    ...shellEntries(),
    ...nodeEntries(),
    ...treeEntries(supplies.npm, 'usr/lib/npm'),
    textEntry('bin/npm', '#!/bin/sh\nexec node /usr/lib/npm/bin/npm-cli.js "$@"\n', 0o755),
    textEntry(join(dirname(dirname(process.execPath)), 'etc/npmrc').slice(1), npmrc),
    ...treeEntries(supplies.npmCache, 'var/cache/npm'),
  ])
  await engine.importImage(
    'python:3-slim',
    [
      ...shellEntries(),
      ...pythonEntries(supplies.python),
      textEntry('bin/pip', '#!/bin/sh\nexec python -m pip "$@"\n', 0o755),
      textEntry('etc/pip.conf', '[global]\nno-index = true\nfind-links = /var/lib/wheels\n'),
      ...treeEntries(supplies.wheels, 'var/lib/wheels'),
    ],
    [`ENV PATH=/bin:/usr/bin:${dirname(supplies.python.interpreter)}`],
  )
}

export interface Supplies {
  /** Folders. */
  readonly npm: string
  readonly npmCache: string
  readonly wheels: string
  readonly python: { readonly interpreter: string; readonly library: string }
}

/**
 * Fetches into `folder` what a Node service and a Python service require, with the ordinary clients of this machine; a sentence when one
 * of them cannot.
 */
export function fetchSupplies(
  folder: string,
  services: { readonly node: string; readonly python: string },
): Supplies | string {
  const npm = npmFolder()
  const python = hostPython()
  if (npm === null) return 'there is no npm'
  if (python === null || !existsSync(pipOf(python))) return 'there is no python3 with a pip of its own'
  const [npmCache, wheels, project] = ['npm-cache', 'wheels', 'project'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  mkdirSync(wheels)
  mkdirSync(project)
  for (const name of ['package.json', 'package-lock.json']) cpSync(join(services.node, name), join(project, name))
  const npmArgs = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--cache', npmCache]
  const fetches: [string, string[]][] = [
    ['npm', npmArgs],
    [
      python.interpreter,
      ['-m', 'pip', 'download', '-q', '-d', wheels, '-r', join(services.python, 'requirements.txt')],
    ],
  ]
  for (const [program, args] of fetches) {
    const { status, stderr } = spawnSync(program, args, { cwd: project, encoding: 'utf8', timeout: 120_000 })
    if (status !== 0)
      return `${program} ${args[0]} could not fetch what the shop requires: ${stderr?.trim().split('\n').at(-1)}`
  }
  return { npm, npmCache, wheels, python }
}

function npmFolder(): string | null {
  const found = spawnSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).stdout.trim()
  return found === '' ? null : dirname(dirname(realpathSync(found)))
}

export function hostPython(): Supplies['python'] | null {
  const code = 'import os, sys; print(sys.executable); print(os.path.dirname(os.__file__))'
  const { status, stdout } = spawnSync('python3', ['-c', code], { encoding: 'utf8' })
  const [executable = '', library = ''] = stdout.trim().split('\n')
  return status === 0 ? { interpreter: realpathSync(executable), library } : null
}

const pipOf = ({ library }: Supplies['python']): string => join(library, 'site-packages/pip')

/** A shell, and `env` where scripts look for it. */
export function shellEntries(): TarEntry[] {
  const busybox = realpathSync(spawnSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).stdout.trim())
  return [
    fileEntry('bin/busybox', busybox, 0o755),
    { kind: 'link', name: 'bin/sh', target: 'busybox' },
    { kind: 'link', name: 'usr/bin/env', target: '/bin/busybox' },
    textEntry('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'),
    { kind: 'folder', name: 'tmp', mode: 0o1777 },
  ]
}

export function nodeEntries(): TarEntry[] {
  return [...programEntries([process.execPath]), { kind: 'link', name: 'bin/node', target: process.execPath }]
}

/** With pip, and nothing else that was installed. */
export function pythonEntries({ interpreter, library }: Supplies['python']): TarEntry[] {
  const modules = filesBelow(library)
  return [
    ...programEntries([interpreter, ...modules.filter((file) => file.endsWith('.so'))]),
    { kind: 'link', name: 'bin/python', target: interpreter },
    ...modules.map((file) => fileEntry(file.slice(1), file, 0o644)),
  ]
}

/** Programs and the libraries that they are linked with, at their places. */
export function programEntries(files: readonly string[]): TarEntry[] {
  const libraries = spawnSync('ldd', files, { encoding: 'utf8' }).stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)
  const paths = new Set([
    ...[...libraries].map(([, path = '']) => path),
    ...files.filter((file) => !file.endsWith('.so')),
  ])
  return [...paths].map((path) => fileEntry(path.slice(1), realpathSync(path), 0o755))
}

function treeEntries(from: string, to: string): TarEntry[] {
  return filesBelow(from).map((file) => fileEntry(join(to, file.slice(from.length)), file, 0o644))
}

const isLeftOut = (name: string): boolean => ['__pycache__', 'test', 'tests', '_logs'].includes(name)

/** Of Python's own folder without what others have installed there, but for pip. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined || isLeftOut(name)) return []
    if (!found.isDirectory()) return [path]
    const isForeign = ['site-packages', 'dist-packages'].includes(name)
    return filesBelow(isForeign ? join(path, 'pip') : path)
  })
}
