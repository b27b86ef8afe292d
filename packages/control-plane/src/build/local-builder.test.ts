import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { BuildKind } from '@pando/model'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Program } from '../drivers/driver.js'
import { environmentOf } from '../drivers/process/program-environment.js'
import { startOrder } from '../drivers/driver.suite.js'
import { buildEnvironment } from './build-environment.js'
import type { BuildOrder } from './builder.js'
import { LocalBuilder } from './local-builder.js'

let root: string
let output: string[]

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pando-build-')))
  output = []
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A test that needs a tool this machine does not have is skipped, and shown as such. */
function has(tool: string, ...args: string[]): boolean {
  try {
    execFileSync(tool, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const hasPython = has('python3', '-c', 'import venv, ensurepip, pip')
const hasFlask = has('python3', '-c', 'import flask')
const hasGo = has('go', 'version')
const hasCargo = has('cargo', '--version')
const hasJava = has('java', '-version')

function folder(files: Record<string, string>, name = 'service'): string {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, name, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text, { mode: 0o755 })
  }
  return join(root, name)
}

function order(kind: BuildKind, context: string, changes: Partial<BuildOrder> & { build?: string } = {}): BuildOrder {
  const { build = null, ...rest } = changes
  return { service: 's', spec: { kind, context, command: build }, workdir: context, command: null, ...rest }
}

function builder(host: Record<string, string | undefined> = process.env): LocalBuilder {
  return new LocalBuilder({ stateDir: join(root, 'state'), hostEnvironment: host })
}

function build(wish: BuildOrder, using = builder(), signal = new AbortController().signal): Promise<Program> {
  return using.build(wish, (line) => output.push(line), signal)
}

/** Runs what was built as the driver would, and returns what it prints. */
function runs(program: Program): string {
  const { PATH = '' } = process.env
  const environment = environmentOf({ ...startOrder('s-0'), program, environment: { PATH, PORT: '1234' } })
  const [file = '', ...args] = typeof program.command === 'string' ? ['sh', '-c', program.command] : program.command
  return execFileSync(file, args, { cwd: program.workdir, env: environment, encoding: 'utf8' })
}

function linesIn(name: string): number {
  return readFileSync(join(root, name), 'utf8').split('\n').length - 1
}

describe('LocalBuilder', () => {
  it('takes the manifest’s command before the kind’s own', async () => {
    const program = await build(order('none', folder({ 'x.txt': '' }), { command: 'echo hello $PORT' }))
    expect(runs(program)).toBe('hello 1234\n')
  })

  it('asks for a command where nothing says how to start', async () => {
    const wish = build(order('none', folder({ 'x.txt': '' })))
    await expect(wish).rejects.toMatchObject({ code: 'build_failed', hint: expect.stringContaining('"command"') })
  })

  it('says why it does not run a Dockerfile', async () => {
    const wish = build(order('dockerfile', folder({ Dockerfile: 'FROM scratch' })))
    await expect(wish).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('Dockerfile') })
  })

  it('names a folder that is not there', async () => {
    await expect(build(order('node', join(root, 'gone')))).rejects.toMatchObject({ code: 'build_failed' })
  })

  it('names a missing tool and how to get it', async () => {
    const wish = order('go', folder({ 'main.go': 'package main' }))
    const missing = build(wish, builder({ PATH: join(root, 'empty') }))
    await expect(missing).rejects.toMatchObject({ code: 'tool_missing', hint: expect.stringContaining('go.dev') })
  })

  it('runs the user’s own build command, again only when something has changed', async () => {
    const context = folder({ 'src.txt': 'one' })
    const wish = order('none', context, { build: 'echo run >> ../runs; cp src.txt out.txt', command: 'cat out.txt' })
    expect(runs(await build(wish))).toBe('one')
    await build(wish)
    expect(linesIn('runs')).toBe(1)
    writeFileSync(join(context, 'src.txt'), 'two')
    expect(runs(await build(wish))).toBe('two')
    expect(linesIn('runs')).toBe(2)
    rmSync(join(context, 'out.txt'))
    await build(wish)
    expect(linesIn('runs')).toBe(3)
  })

  it('ends a failure with the last twenty lines of the output, and passes all of it on', async () => {
    const command = 'i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo "line $i"; done; echo wrong >&2; exit 3'
    const error = await build(order('none', folder({ x: '' }), { build: command })).then(
      () => null,
      (thrown: Error) => thrown,
    )
    expect(error).toMatchObject({ code: 'build_failed' })
    expect(error?.message).toContain('exit code 3')
    expect(error?.message.split('\n').slice(1)).toHaveLength(20)
    expect(error?.message).toContain('wrong')
    expect(error?.message).toContain('line 30')
    expect(error?.message).not.toContain('line 9\n')
    expect(output.filter((line) => line.startsWith('line'))).toHaveLength(30)
  })

  it('kills all of a build that is called off', async () => {
    const abort = new AbortController()
    const command = 'sleep 600 & echo $! > pid; echo started; wait'
    const context = folder({ x: '' })
    const building = builder().build(
      order('none', context, { build: command }),
      (line) => {
        if (line === 'started') abort.abort()
      },
      abort.signal,
    )
    await expect(building).rejects.toMatchObject({ message: expect.stringContaining('called off') })
    const pid = readFileSync(join(context, 'pid'), 'utf8').trim()
    expect(has('sh', '-c', `kill -0 ${pid} && ! grep -q "State:.Z" /proc/${pid}/status`)).toBe(false)
  })

  it('builds one after the other in one folder', async () => {
    const context = folder({ x: '' })
    const command = 'test ! -e lock && touch lock && sleep 0.1 && rm lock && echo "$0" >> ../done'
    const using = builder()
    const wishes = ['a', 'b', 'c'].map((service) =>
      build(order('none', context, { service, build: command, command: 'true' }), using),
    )
    await Promise.all(wishes)
    expect(readFileSync(join(root, 'done'), 'utf8').split('\n')).toHaveLength(4)
  })

  it('shows builds only what they need of the host’s environment', () => {
    const host = {
      PATH: '/bin',
      HOME: '/h',
      SECRET_TOKEN: 'x',
      https_proxy: 'p',
      PIP_INDEX_URL: 'i',
      npm_config_local_prefix: '/us',
    }
    expect(buildEnvironment(host)).toEqual({ PATH: '/bin', HOME: '/h', https_proxy: 'p', PIP_INDEX_URL: 'i' })
  })
})

/** A Python package that brings its own build backend (PEP 517), so that nothing has to be fetched to install it. */
const tinyPart = {
  'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
  'tiny_part.py': 'WORD = "from the part"\n',
  'backend.py': `import zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "tiny_part-1.0-py3-none-any.whl"
    with zipfile.ZipFile(directory + "/" + name, "w") as wheel:
        wheel.write("tiny_part.py", "tiny_part.py")
        info = "tiny_part-1.0.dist-info/"
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: tiny-part\\nVersion: 1.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
`,
}

describe.skipIf(!hasPython)('LocalBuilder with Python', () => {
  it('uses the interpreter as it is when nothing is required', async () => {
    const program = await build(order('python', folder({ 'app.py': 'print("hello")' })))
    expect(program.command).toEqual(['python', 'app.py'])
    expect(runs(program)).toBe('hello\n')
    expect(readdirSync(join(root, 'state/builds/s')).filter((name) => name.startsWith('venv'))).toEqual([])
  })

  it('uses the interpreter as it is when it has what is required', async () => {
    const requirements = '# tools\npip>=1 ; python_version >= "3"\nno-such-thing ; python_version < "3"\n'
    await build(order('python', folder({ 'requirements.txt': requirements, 'main.py': '' })))
    expect(readdirSync(join(root, 'state/builds/s')).filter((name) => name.startsWith('venv'))).toEqual([])
  })

  it.skipIf(!hasFlask)('finds the programs of packages that the interpreter has', async () => {
    const context = folder({ 'requirements.txt': 'flask>=2\n', 'app.py': '' })
    const program = await build(order('python', context, { command: 'flask --version' }))
    expect(runs(program)).toContain('Flask')
    expect(output).toEqual([])
  })

  it('makes a private environment once for what is missing', { timeout: 120_000 }, async () => {
    folder(tinyPart, 'part')
    const context = folder({
      'requirements.txt': '--no-index\n../part\n',
      'app.py': 'import tiny_part\nprint(tiny_part.WORD)',
    })
    const wish = order('python', context)
    const first = await build(wish)
    expect(runs(first)).toBe('from the part\n')
    expect(output.join('\n')).toContain('virtual environment')
    output = []
    expect(await build(wish)).toEqual(first)
    expect(output).toEqual([])
  })

  it('takes no environment for whole whose installation failed', { timeout: 120_000 }, async () => {
    const context = folder({ 'requirements.txt': '--no-index\nno-such-package-here\n', 'app.py': '' })
    await expect(build(order('python', context))).rejects.toMatchObject({
      code: 'build_failed',
      message: expect.stringContaining('no-such-package-here'),
    })
    const builds = join(root, 'state/builds/s')
    const environment = readdirSync(builds).find((name) => name.startsWith('venv-')) ?? ''
    expect(readdirSync(join(builds, environment))).not.toContain('.complete')
  })
})

describe('LocalBuilder with Node', () => {
  it('runs the start script itself, without dependencies', async () => {
    const context = folder({
      'package.json': JSON.stringify({ scripts: { start: 'node main.js $PORT' } }),
      'main.js': 'console.log("port", process.argv[2])',
    })
    const program = await build(order('node', context))
    expect(program.command).toBe('node main.js $PORT')
    expect(runs(program)).toBe('port 1234\n')
  })

  it('falls back to the main file, and otherwise says what is missing', async () => {
    const context = folder({ 'package.json': JSON.stringify({ main: 'm.js' }), 'm.js': 'console.log(1)' })
    expect(runs(await build(order('node', context)))).toBe('1\n')
    rmSync(join(context, 'm.js'))
    await expect(build(order('node', context))).rejects.toMatchObject({ hint: expect.stringContaining('"start"') })
  })

  it(
    'installs what the lockfile says, once, and runs the build script when a source changes',
    { timeout: 120_000 },
    async () => {
      folder(
        {
          'package.json': JSON.stringify({ name: 'part', version: '1.0.0', bin: { part: 'bin.js' } }),
          'bin.js': '#!/usr/bin/env node\nconsole.log("part")',
        },
        'service/part',
      )
      const context = folder({
        'package.json': JSON.stringify({
          name: 's',
          dependencies: { part: 'file:./part' },
          scripts: {
            build: 'mkdir -p dist && cp source.txt dist/ && echo x >> ../builds',
            start: 'part && cat dist/source.txt',
          },
        }),
        'source.txt': 'one',
      })
      execFileSync('npm', ['install', '--package-lock-only', '--offline', '--no-audit'], {
        cwd: context,
        stdio: 'ignore',
      })
      expect(runs(await build(order('node', context)))).toBe('part\none')
      expect(output).toEqual(expect.arrayContaining(['npm ci', 'npm run build']))
      output = []
      expect(runs(await build(order('node', context)))).toBe('part\none')
      expect(output).toEqual([])
      writeFileSync(join(context, 'source.txt'), 'two')
      expect(runs(await build(order('node', context)))).toBe('part\ntwo')
      expect(output).toEqual(['npm run build'])
      rmSync(join(context, 'node_modules'), { recursive: true })
      await build(order('node', context))
      expect(output).toContain('npm ci')
    },
  )

  it('says what to do with another package manager’s lockfile', async () => {
    const context = folder({ 'package.json': '{"dependencies":{"x":"1"}}', 'pnpm-lock.yaml': '' })
    await expect(build(order('node', context))).rejects.toMatchObject({
      code: 'unsupported',
      hint: expect.stringContaining('pnpm install'),
    })
  })
})

function goProgram(word: string): string {
  return `package main\nfunc main() { print("${word}"); println() }\n`
}

function printed({ command }: Program): string {
  return execFileSync('sh', ['-c', '"$0" 2>&1', ...command], { encoding: 'utf8' })
}

describe.skipIf(!hasGo)('LocalBuilder with Go', () => {
  it('builds a program that stays as it is when the next one is built', { timeout: 180_000 }, async () => {
    const context = folder({
      'go.mod': 'module s\ngo 1.20\n',
      'cmd/s/main.go': goProgram('one'),
      'cmd/other/main.go': goProgram('other'),
    })
    const first = await build(order('go', context))
    expect(printed(first)).toBe('one\n')
    expect(await build(order('go', context))).toEqual(first)
    writeFileSync(join(context, 'cmd/s/main.go'), goProgram('two'))
    const second = await build(order('go', context))
    expect([printed(first), printed(second)]).toEqual(['one\n', 'two\n'])
    writeFileSync(join(context, 'cmd/s/main.go'), 'package main\nfunc main() { undefined() }\n')
    await expect(build(order('go', context))).rejects.toMatchObject({ message: expect.stringContaining('undefined') })
  })
})

describe.skipIf(!hasCargo)('LocalBuilder with Rust', () => {
  it('builds a program', { timeout: 180_000 }, async () => {
    const context = folder({
      'Cargo.toml': '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n',
      'src/main.rs': 'fn main() { println!("hello from rust"); }\n',
    })
    expect(runs(await build(order('rust', context)))).toBe('hello from rust\n')
    expect(existsSync(join(context, 'target'))).toBe(false)
  })
})

describe.skipIf(!hasJava)('LocalBuilder with Maven', () => {
  // A real Maven fetches its plugins first; the project's own wrapper is taken before it, so here that makes the jar.
  const wrapper =
    '#!/bin/sh\necho "$@" >> ../runs\nmkdir -p target\necho small > target/s-sources.jar\necho the fat one > target/s.jar\n'

  it('packages with the project’s wrapper, once, and gives a Spring Boot program its port', async () => {
    const spring = '<project><parent><groupId>org.springframework.boot</groupId></parent></project>'
    const context = folder({ mvnw: wrapper, 'pom.xml': spring })
    const program = await build(order('java-maven', context))
    expect(program.command).toMatch(/^\S*java -jar \S+\/s\.jar --server\.port=\$PORT$/)
    const jar = /-jar (\S+)/.exec(String(program.command))?.[1] ?? ''
    expect(readFileSync(jar, 'utf8')).toBe('the fat one\n')
    await build(order('java-maven', context))
    expect(readFileSync(join(root, 'runs'), 'utf8')).toBe('-q -B package -DskipTests\n')
  })

  it('runs any other jar as it is', async () => {
    const context = folder({ mvnw: wrapper, 'pom.xml': '<project/>' })
    expect((await build(order('java-maven', context))).command).toEqual([
      expect.stringMatching(/java$/),
      '-jar',
      expect.stringMatching(/s\.jar$/),
    ])
  })
})
