import type { BuildKind } from '@pando/model'

/** What is known of a folder without running anything in it. */
export interface FolderFacts {
  /** Absolute path. */
  readonly path: string
  /** Names of its entries, not of what is below; folders end in `/`. */
  readonly entries: readonly string[]
  /** Text of the entries that say what the folder holds (see `tellingFiles`), cut off at 64 KiB. */
  readonly texts: Readonly<Record<string, string>>
}

/** Files worth reading to tell what a folder holds. */
export const tellingFiles = [
  'package.json',
  'requirements.txt',
  'pyproject.toml',
  'Pipfile',
  'app.py',
  'main.py',
  'wsgi.py',
  'asgi.py',
  'manage.py',
  'go.mod',
  'main.go',
  'Cargo.toml',
  'pom.xml',
  'Dockerfile',
  'Containerfile',
] as const

export interface Detection {
  readonly kind: Exclude<BuildKind, 'none'>
  /** The file that told, for example `requirements.txt`. */
  readonly evidence: string
}

/** In this order: a language says more about how to run a service than the recipe of an image. */
const evidence: readonly (readonly [Detection['kind'], readonly string[]])[] = [
  ['go', ['go.mod']],
  ['rust', ['Cargo.toml']],
  ['java-maven', ['pom.xml']],
  ['node', ['package.json']],
  ['python', ['requirements.txt', 'pyproject.toml', 'Pipfile', 'manage.py', 'app.py', 'main.py', 'wsgi.py', 'asgi.py']],
  ['dockerfile', ['Dockerfile', 'Containerfile']],
]

/**
 * What kind of program a folder holds, with the file that tells it; null when nothing does. A Python project often carries a
 * package.json for its front end's tools, so Python's own list of requirements goes before a package.json that starts nothing.
 */
export function detectKind(facts: Pick<FolderFacts, 'entries' | 'texts'>): Detection | null {
  const there = new Set(facts.entries)
  const found = evidence.flatMap(([kind, files]) => {
    const file = files.find((name) => there.has(name))
    return file === undefined ? [] : [{ kind, evidence: file }]
  })
  const first = found[0] ?? null
  const python = found.find(({ kind }) => kind === 'python')
  if (first?.kind === 'node' && python !== undefined && !isStartable(facts.texts['package.json'])) return python
  return first
}

/** True when a package.json has something to run: a start script, a main file. */
function isStartable(text: string | undefined): boolean {
  const contents = readPackage(text)
  return contents.scripts.start !== undefined || contents.main !== null
}

export interface PackageFacts {
  readonly main: string | null
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: readonly string[]
  readonly hasWorkspaces: boolean
}

/** What we need of a package.json; empty when it cannot be read, since the build says better what is wrong with it. */
export function readPackage(text: string | undefined): PackageFacts {
  let json: Record<string, unknown> = {}
  try {
    const parsed: unknown = JSON.parse(text ?? '{}')
    if (parsed !== null && typeof parsed === 'object') json = parsed as Record<string, unknown>
  } catch {
    // Left empty, see above.
  }
  return {
    main: typeof json['main'] === 'string' ? json['main'] : null,
    scripts: Object.fromEntries(
      Object.entries(record(json['scripts'])).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string',
      ),
    ),
    dependencies: [...Object.keys(record(json['dependencies'])), ...Object.keys(record(json['devDependencies']))],
    hasWorkspaces: json['workspaces'] !== undefined,
  }
}

function record(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
}
