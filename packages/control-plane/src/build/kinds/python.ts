import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { PandoError } from '@pando/model'
import type { BuildKindRecipe } from '../build-kind.js'
import type { BuildRoom } from '../build-room.js'
import { sourceHash } from '../source-hash.js'
import { requirementsCheck } from './python-requirements.js'

const installPython =
  'install Python 3 from https://www.python.org or your package manager (Debian: apt install python3 python3-venv)'

interface Interpreter {
  readonly executable: string
  readonly version: string
  /** Where packages put their programs. */
  readonly scripts: readonly string[]
  /** Requirements that it does not meet, as they are written. */
  readonly missing: readonly string[]
  /** Its pip can install into another environment (`pip --python`, pip 22.3). */
  readonly installsElsewhere: boolean
}

/**
 * An interpreter that already has all that is required is used as it is, and nothing is downloaded. Otherwise the service gets a
 * virtual environment of its own, named by requirements and interpreter, which is made once.
 */
export function pythonRecipe(room: BuildRoom): BuildKindRecipe {
  let environment: string | null = null
  let inspected: Promise<Interpreter> | null = null
  return {
    async prepare() {
      inspected ??= inspect(room)
      const interpreter = await inspected
      if (interpreter.missing.length > 0) environment = await ensureEnvironment(room, interpreter)
    },
    async describe() {
      // The output of a program that writes into a file is otherwise held back by the kilobyte.
      const variables = { PYTHONUNBUFFERED: '1' }
      const command = (): readonly string[] => defaultCommand(room)
      if (environment !== null) {
        return { command, environment: { ...variables, VIRTUAL_ENV: environment }, path: [join(environment, 'bin')] }
      }
      inspected ??= inspect(room)
      const interpreter = await inspected
      return { command, environment: variables, path: [...alias(room, interpreter), ...interpreter.scripts] }
    },
  }
}

async function inspect(room: BuildRoom): Promise<Interpreter> {
  const own = ['.venv', 'venv']
    .map((name) => room.source(name, 'bin', 'python'))
    .filter((file) => existsSync(file))
    // In a snapshot it is a link, and has one name however it is reached.
    .map((file) => join(realpathSync(dirname(file)), 'python'))[0]
  const python = own ?? room.find('python3') ?? room.require('python', installPython)
  const answer = await room.ask([python, '-c', requirementsCheck])
  try {
    return JSON.parse(answer ?? '') as Interpreter
  } catch (error) {
    throw new PandoError(
      'tool_missing',
      `service ${room.order.service}: ${python} does not work as Python 3.8 or newer`,
      {
        hint: installPython,
        cause: error,
      },
    )
  }
}

async function ensureEnvironment(room: BuildRoom, interpreter: Interpreter): Promise<string> {
  const directory = join(room.directory, `venv-${await environmentKey(room, interpreter)}`)
  // A virtual environment holds its own path, so it is made where it stays; the marker says that it is whole.
  const marker = join(directory, '.complete')
  if (existsSync(marker)) return directory
  rmSync(directory, { recursive: true, force: true })
  room.say(
    `making a virtual environment (Python ${interpreter.version}; not yet there: ${interpreter.missing.join(', ')})`,
  )
  await makeEnvironment(room, interpreter, directory)
  const python = join(directory, 'bin', 'python')
  const what = room.has('requirements.txt') ? ['-r', 'requirements.txt'] : ['.']
  room.say(`pip install ${what.join(' ')}`)
  // Giving the environment a pip of its own takes longer than all the rest.
  const pip = interpreter.installsElsewhere
    ? [interpreter.executable, '-m', 'pip', '--python', python]
    : [python, '-m', 'pip']
  await room.run('pip install', [...pip, 'install', '--no-input', '--disable-pip-version-check', '--quiet', ...what])
  writeFileSync(marker, '')
  // Revisions that are kept may run from older ones.
  if (room.origin === null) room.prune('venv', directory)
  return directory
}

async function makeEnvironment(room: BuildRoom, interpreter: Interpreter, directory: string): Promise<void> {
  const options = interpreter.installsElsewhere ? ['--without-pip'] : []
  try {
    await room.run('python -m venv', [interpreter.executable, '-m', 'venv', ...options, directory])
  } catch (error) {
    if (!(error instanceof PandoError) || !/ensurepip|No module named '?venv/.test(error.message)) throw error
    throw new PandoError(
      'tool_missing',
      `service ${room.order.service}: this Python cannot make virtual environments`,
      {
        hint: 'install its venv module (Debian and Ubuntu: apt install python3-venv)',
        cause: error,
      },
    )
  }
}

async function environmentKey(room: BuildRoom, interpreter: Interpreter): Promise<string> {
  const hash = createHash('sha256').update(`${interpreter.version}\0${interpreter.executable}\0`)
  if (room.has('requirements.txt')) await addRequirements(hash, room, room.source('requirements.txt'), new Set())
  // The folder itself is what gets installed.
  else hash.update(await sourceHash(room.source(), ['build']))
  return hash.digest('hex').slice(0, 16)
}

/** The file, the ones it names (`-r`, `-c`), and the sources of local folders that it installs. */
async function addRequirements(
  hash: ReturnType<typeof createHash>,
  room: BuildRoom,
  file: string,
  seen: Set<string>,
): Promise<void> {
  if (seen.has(file) || !existsSync(file)) return
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  hash.update(`${relative(room.source(), file)}\0${text}\0`)
  // What is installed as editable is not copied, so it must be this revision's own.
  if (/^\s*(?:-e|--editable)\b/m.test(text)) hash.update(room.source())
  for (const line of text.split('\n')) {
    const other = /^\s*(?:-r|-c|--requirement|--constraint)[\s=]+(\S+)/.exec(line)?.[1]
    if (other !== undefined) await addRequirements(hash, room, resolve(dirname(file), other), seen)
    const local = /^\s*(?:-e\s+|--editable[\s=]+)?(\.{0,2}\/\S*|\.{1,2})\s*(?:#.*)?$/.exec(line)?.[1]
    if (local === undefined) continue
    // pip takes local paths from the folder that it runs in, which is the one of the first file.
    const folder = resolve(dirname([...seen][0] ?? file), local)
    if (existsSync(join(folder, 'pyproject.toml')) || existsSync(join(folder, 'setup.py'))) {
      hash.update(await sourceHash(folder, ['build']))
    }
  }
}

/** Many systems have only a `python3`, where commands say `python`. */
function alias(room: BuildRoom, interpreter: Interpreter): string[] {
  if (interpreter.scripts.some((directory) => existsSync(join(directory, 'python')))) return []
  const directory = join(room.directory, 'python-alias')
  mkdirSync(directory, { recursive: true })
  for (const name of ['python', 'python3']) {
    rmSync(join(directory, name), { force: true })
    symlinkSync(interpreter.executable, join(directory, name))
  }
  return [directory]
}

function defaultCommand(room: BuildRoom): readonly string[] {
  const file = ['main.py', 'app.py', '__main__.py'].find((name) => room.has(name))
  if (file !== undefined) return ['python', file]
  throw room.fail('it has no main.py and no app.py', 'set "command", for example python server.py')
}
