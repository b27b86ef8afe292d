import { basename, join, relative, resolve } from 'node:path'
import { PandoError } from '@pando/model'
import type { FolderFacts } from './folder.js'
import { readFolderFacts } from './load.js'
import { toLabel } from './names.js'
import { isWorkspaceRoot, recognise, type Recognition } from './recognition.js'
import { longestServiceName } from './schema.js'
import { quote } from './units.js'

export interface FoundService extends Recognition {
  readonly name: string
  /** From the folder of the manifest: `./users`, or `.`. */
  readonly folder: string
}

export interface InitialManifest {
  /** The manifest; it loads as it is. */
  readonly text: string
  readonly services: readonly FoundService[]
}

/** Folders below the one that is looked at. */
const deepest = 3
const mostFolders = 2000
const mostServices = 100

const uninteresting = new Set([
  'node_modules',
  'dist',
  'build',
  'target',
  'vendor',
  'venv',
  'env',
  'site-packages',
  'coverage',
  'test',
  'tests',
  'docs',
])

/**
 * Looks through a folder of services and writes a manifest for them, without running anything and without writing the file.
 * Rejects with `not_found` when there is no such folder or no service in it.
 */
export async function initManifest(folder: string): Promise<InitialManifest> {
  const root = resolve(folder)
  const folders = await scan(root)
  if (folders.length === 0) throw new PandoError('not_found', `there is no folder ${quote(root)}`)
  const services = findServices(root, folders)
  if (services.length === 0) {
    throw new PandoError('not_found', `no service was found in ${quote(root)} and ${deepest} levels of folders below`, {
      hint: 'a service is a folder with a requirements.txt, package.json, go.mod, Cargo.toml, pom.xml or Dockerfile; others can be written by hand',
    })
  }
  return { text: writeManifest(toLabel(basename(root), 63) ?? 'app', services), services }
}

/** Facts of the folder and of those below, nearest first, each level by name. */
async function scan(root: string): Promise<FolderFacts[]> {
  const found: FolderFacts[] = []
  let level = [root]
  for (let depth = 0; depth <= deepest; depth++) {
    const next: string[] = []
    for (const path of level) {
      const facts = found.length < mostFolders ? await readFolderFacts(path) : null
      if (facts === null) continue
      found.push(facts)
      for (const entry of facts.entries) {
        const name = entry.slice(0, -1)
        if (entry.endsWith('/') && !name.startsWith('.') && !name.startsWith('__') && !uninteresting.has(name)) {
          next.push(join(path, name))
        }
      }
    }
    level = next
  }
  return found
}

/** Which of the folders are services. What lies below a service belongs to it, but for the root, which may be one beside others. */
export function findServices(root: string, folders: readonly FolderFacts[]): FoundService[] {
  const recognised: { path: string; recognition: Recognition }[] = []
  for (const facts of folders) {
    const isInside = recognised.some(({ path }) => path !== root && facts.path.startsWith(`${path}/`))
    if (isInside || isWorkspaceRoot(facts) || recognised.length >= mostServices) continue
    const recognition = recognise(facts)
    if (recognition !== null) recognised.push({ path: facts.path, recognition })
  }
  // A root that cannot be run as it is only holds the others together; so does one whose image is of all of them.
  const kept = recognised.filter(
    ({ path, recognition: { obstacle, kind } }) =>
      path !== root || recognised.length === 1 || (obstacle === null && kind !== 'dockerfile'),
  )
  const names = new Set<string>()
  return kept.map(({ path, recognition }) => {
    const name = freeName(root, path, names)
    names.add(name)
    return { ...recognition, name, folder: path === root ? '.' : `./${relative(root, path)}` }
  })
}

/** The folder's name as a label; with its parents' names before it, or a number behind it, when that is taken. */
function freeName(root: string, path: string, taken: ReadonlySet<string>): string {
  const parts = path === root ? [basename(root)] : relative(root, path).split('/')
  for (let count = 1; count <= parts.length; count++) {
    const name = toLabel(parts.slice(-count).join('-'), longestServiceName)
    if (name !== null && !taken.has(name)) return name
  }
  const base = toLabel(parts.join('-'), longestServiceName - 4) ?? 'service'
  for (let number = 1; ; number++) {
    const name = number === 1 ? base : `${base}-${number}`
    if (!taken.has(name)) return name
  }
}

const kindNames: Readonly<Record<Recognition['kind'], string>> = {
  python: 'Python',
  node: 'Node.js',
  go: 'Go',
  rust: 'Rust',
  'java-maven': 'Java (Maven)',
  dockerfile: 'Container image',
}

function writeManifest(name: string, services: readonly FoundService[]): string {
  const isSingle = services.filter(({ obstacle }) => obstacle === null).length === 1
  const hasNone = services.every(({ obstacle }) => obstacle !== null)
  const lines = [
    '# Written by pando init; start everything with: pando up',
    `name: ${name}`,
    `services:${hasNone ? ' {}' : ''}`,
    ...services.flatMap((service) => writeService(service, isSingle)),
    '',
    '# Traffic from outside comes in here. A route is a path that is sent to a service as it is;',
    '# { path: /users, strip_prefix: true } takes the prefix off first.',
    'gateway:',
    '  port: 8080',
  ]
  return `${lines.join('\n')}\n`
}

function writeService(
  { name, folder, kind, evidence, command, obstacle, advice }: FoundService,
  isSingle: boolean,
): string[] {
  const body = [
    `  ${name}:`,
    `    build: ${scalar(folder)}`,
    ...(command === null ? [] : [`    command: ${scalar(command, false)}`]),
    `    routes: [${isSingle ? '/' : `/${name}`}]`,
  ]
  const head = ['', `  # ${kindNames[kind]}: ${printable(evidence)}`]
  if (obstacle !== null) return [...head, `  # Left out: ${obstacle}.`, ...body.map((line) => `  #${line.slice(1)}`)]
  return [...head, ...(advice === null ? [] : [`  # Note: ${advice}.`]), ...body]
}

/** A YAML scalar: as it is where that is safe, else in double quotes (JSON's are YAML's). */
function scalar(text: string, hasVariables = true): string {
  const escaped = hasVariables ? text.replaceAll('$', '$$$$') : text
  return /^[\w./][\w./ $*=+-]*(?::[\w$./-]+[\w./ $*=+-]*)*$/.test(escaped) && !escaped.endsWith(' ')
    ? escaped
    : JSON.stringify(escaped)
}

/** A comment is one line. */
function printable(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}
