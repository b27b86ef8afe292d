import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { PandoError } from '@pando/model'

/**
 * What one request goes through is many small functions, each called in one place: compiled as few large ones they cost about 5 % less processor time
 * a request. The numbers are bytecode sizes; V8's own are 920, 460 and 4,600.
 */
const inlining = [
  '--max-inlined-bytecode-size-cumulative=4000',
  '--max-inlined-bytecode-size=1000',
  '--max-inlined-bytecode-size-absolute=10000',
]

/**
 * The gateway's program. Started by hand or by the control plane it is the primary, which starts itself again with `--worker` for each
 * worker; neither loads what only the other needs.
 */
if (process.argv[2] === '--worker') await serve()
else await supervise()

async function serve(): Promise<void> {
  for (const flag of inlining) setFlagsFromString(flag)
  const [{ HttpDataPlane }, { lineOf, runWorker }, { Takeover }] = await Promise.all([
    import('./http-data-plane.js'),
    import('./process/worker.js'),
    import('./process/takeover.js'),
  ])
  // A terminal and a supervisor signal the whole group; a worker ends when the primary says so.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => {})
  const line = lineOf(process)
  const [path, name] = process.argv.slice(3)
  runWorker({
    line,
    createPlane: (listen) => new HttpDataPlane({ listen, onTrouble: (message) => line.send({ type: 'log', message }) }),
    takeover: path === undefined || name === undefined ? null : new Takeover(path, name),
    exit: (code) => process.exit(code),
  })
}

async function supervise(): Promise<void> {
  const [{ GatewayPrimary }, { parseOptions }, { Takeover }] = await Promise.all([
    import('./process/primary.js'),
    import('./process/options.js'),
    import('./process/takeover.js'),
  ])
  try {
    const options = parseOptions(process.argv.slice(2))
    const { stateDir } = options
    const own =
      stateDir === null ? null : ([join(stateDir, 'gateway-takeover'), `${process.pid}-${Date.now()}`] as const)
    const primary = new GatewayPrimary({
      ...options,
      workerEntry: fileURLToPath(import.meta.url),
      workerArgs: ['--worker', ...(own ?? [])],
      takeover: own === null ? null : new Takeover(...own),
      log,
      onStderr: write,
    })
    const stop = () => void primary.stop().then(() => process.exit(0))
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    process.on('SIGHUP', () => (primary.isStatic ? primary.reload() : void primary.replaceWorkers()))
    process.on('SIGUSR2', () => void primary.replaceWorkers())
    process.on('SIGUSR1', () => primary.reopenLogs())
    await primary.start()
  } catch (thrown) {
    const error = PandoError.from(thrown)
    if (error.isUserMistake) {
      log(`${error.message}${error.hint === undefined ? '' : `\n  ${error.hint}`}`)
      process.exit(error.code === 'usage' ? 2 : 1)
    }
    log(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown))
    process.exit(1)
  }
}

/**
 * Straight to the file: a stream of Node's that could not write once, as on a full disk, ends the process, or keeps all that follows in
 * memory. What cannot be written is lost.
 */
function write(text: string | Buffer): void {
  try {
    writeSync(process.stderr.fd, text as string)
  } catch {
    // There is nowhere to say it.
  }
}

function log(message: string): void {
  write(`${new Date().toISOString()} gateway: ${message}\n`)
}
