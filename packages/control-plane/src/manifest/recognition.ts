import { detectKind, readPackage, type FolderFacts } from './folder.js'

/** A folder that holds a program, and how it would be written in a manifest. */
export interface Recognition {
  readonly kind: 'python' | 'node' | 'go' | 'rust' | 'java-maven' | 'dockerfile'
  /** Files and what in them told, for a comment: `requirements.txt, Flask in app.py`. */
  readonly evidence: string
  /** How to start it on $PORT; null leaves it to the kind of program. */
  readonly command: string | null
  /** Why it cannot be run as it is, and is only written as a comment; null when it can. */
  readonly obstacle: string | null
  /** Something to look at before the first start; null when there is nothing. */
  readonly advice: string | null
}

/** What `pando init` makes of one folder; null when there is no program in it. */
export function recognise(facts: FolderFacts): Recognition | null {
  const detection = detectKind(facts)
  if (detection === null) return null
  const { kind, evidence } = detection
  switch (kind) {
    case 'python':
      return recognisePython(facts, evidence)
    case 'node':
      return recogniseNode(facts, evidence)
    case 'go':
      return program('go', evidence, {
        advice: facts.entries.includes('main.go') || facts.entries.includes('cmd/') ? listensOn : null,
      })
    case 'rust': {
      const isWorkspace = !/^\s*\[package\]/m.test(facts.texts['Cargo.toml'] ?? '')
      const isLibrary = facts.entries.includes('src/') && /^\s*\[lib\]/m.test(facts.texts['Cargo.toml'] ?? '')
      return isWorkspace || isLibrary ? null : program('rust', evidence, { advice: listensOn })
    }
    case 'java-maven':
      return recogniseMaven(facts, evidence)
    case 'dockerfile':
      return program('dockerfile', evidence, { advice: inContainer })
  }
}

/** True when the folder only holds other packages together, so that it is no service itself. */
export function isWorkspaceRoot(facts: FolderFacts): boolean {
  if (readPackage(facts.texts['package.json']).hasWorkspaces || facts.entries.includes('pnpm-workspace.yaml'))
    return true
  return /<modules>/.test(facts.texts['pom.xml'] ?? '') || /^\s*\[workspace\]/m.test(facts.texts['Cargo.toml'] ?? '')
}

const listensOn = 'it must listen on $HOST:$PORT, which it finds in its environment'
const inContainer =
  'it runs in a container, which needs Docker or Podman here; when it does not listen on $HOST:$PORT, write its port under "port"'

function program(kind: Recognition['kind'], evidence: string, rest: Partial<Recognition> = {}): Recognition {
  return { kind, evidence, command: null, obstacle: null, advice: null, ...rest }
}

const pythonModules = ['app', 'main', 'wsgi', 'asgi'] as const

function recognisePython(facts: FolderFacts, evidence: string): Recognition | null {
  if (facts.entries.includes('manage.py')) {
    return program('python', also(evidence, 'manage.py', 'Django'), {
      command: 'python manage.py runserver --noreload $HOST:$PORT',
      advice: 'this is the server for development; for production name gunicorn or another one here',
    })
  }
  for (const module of pythonModules) {
    const text = facts.texts[`${module}.py`]
    if (text === undefined) continue
    const [, fastApi] = /^(\w+)\s*(?::\s*[\w.]+\s*)?=\s*(?:fastapi\.)?FastAPI\(/m.exec(text) ?? []
    if (fastApi !== undefined) {
      return program('python', also(evidence, `${module}.py`, 'FastAPI'), {
        command: `uvicorn ${module}:${fastApi} --host $HOST --port $PORT`,
      })
    }
    const [, flask] = /^(\w+)\s*(?::\s*[\w.]+\s*)?=\s*(?:flask\.)?Flask\(/m.exec(text) ?? []
    if (flask !== undefined || /\bFlask\(/.test(text)) {
      // Flask finds `app`, `application` and `create_app` by itself.
      const isFound = flask === undefined || flask === 'app' || flask === 'application'
      const target = isFound ? module : `${module}:${flask}`
      return program('python', also(evidence, `${module}.py`, 'Flask'), {
        command: `flask --app ${target} run --host $HOST --port $PORT`,
      })
    }
  }
  const file = pythonModules.map((module) => `${module}.py`).find((name) => facts.entries.includes(name))
  if (file !== undefined)
    return program('python', also(evidence, file), { command: `python ${file}`, advice: listensOn })
  return program('python', evidence, { obstacle: 'no file tells how to start it; write its command' })
}

function also(evidence: string, file: string, what?: string): string {
  const seen = what === undefined ? file : `${what} in ${file}`
  return evidence === file ? seen : `${evidence}, ${seen}`
}

function recogniseNode(facts: FolderFacts, evidence: string): Recognition | null {
  const { scripts, main } = readPackage(facts.texts['package.json'])
  if (scripts['start'] !== undefined) {
    return program('node', `${evidence} with a start script`, { advice: listensOn })
  }
  if (main !== null && /\.[cm]?js$/.test(main)) {
    return program('node', `${evidence} with main ${main}`, { command: `node ${shellWord(main)}`, advice: listensOn })
  }
  const file = ['server.js', 'index.js', 'server.mjs', 'index.mjs', 'app.js'].find((name) =>
    facts.entries.includes(name),
  )
  if (file !== undefined) return program('node', `${evidence}, ${file}`, { command: `node ${file}`, advice: listensOn })
  // A package that starts nothing is a library, or the tools of a repository.
  return null
}

function recogniseMaven(facts: FolderFacts, evidence: string): Recognition | null {
  const pom = facts.texts['pom.xml'] ?? ''
  if (/<packaging>\s*pom\s*<\/packaging>/.test(pom)) return null
  if (!/spring-boot/.test(pom)) return program('java-maven', evidence, { advice: listensOn })
  // The build knows the jar by its content, which no pattern in a command does, and tells Spring the port.
  return program('java-maven', `${evidence} with Spring Boot`)
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
