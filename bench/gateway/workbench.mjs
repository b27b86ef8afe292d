// What every run needs: the repository's root, a folder that goes at the end, options that make sense, and what machine it was.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { accepts, answers, freePort, startPinned, stopAll } from './processes.mjs'
import { upstreamCommand } from './proxies.mjs'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
/** The proxy has the one, the service and the load the other. */
export const proxyCore = 0
export const loadCore = 1
export const today = () => new Date().toISOString().slice(0, 10)

const loadAtStart = loadavg()[0]
/** Above it something else took a core's time. */
const quietLoad = 1

/** Runs `work` with a folder of its own. At the end, and when it is told to end, all processes and the folder are gone. */
export async function withFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'pando-bench-'))
  const tidy = () => {
    stopAll()
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', tidy)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
  try {
    await work(folder)
  } finally {
    tidy()
  }
}

/** Starts the service that is behind every proxy; resolves with its ports. */
export async function startService(folder) {
  if (cpus().length < 2) throw new Error('Two cores are needed: one for the proxy, one for the load.')
  const [http, grpc] = [await freePort(), await freePort()]
  await startPinned({
    name: 'the service',
    core: loadCore,
    command: upstreamCommand({ port: http, grpcPort: grpc, folder }),
    logFile: join(folder, 'upstream.log'),
    ready: () => answers(`http://127.0.0.1:${http}/small`),
  })
  return { http, grpc }
}

/** Starts one as `variant` has it, before the service on the port `upstream`; resolves when it takes connections. `name` is unique in the folder. */
export async function startProxy({ proxy, folder, name, upstream, variant }) {
  const port = await freePort()
  const http2Port = proxy.hasHttp2 === 'same port' ? port : await freePort()
  const output = join(folder, `${name}.log`)
  const pid = await startPinned({
    name,
    core: proxyCore,
    command: await proxy.command({ root, port, http2Port, upstream, folder, name, variant }),
    logFile: output,
    ready: () => accepts(port),
  })
  return {
    pid,
    port,
    http2Port: proxy.hasHttp2 === false ? null : http2Port,
    isNative: proxy.isNative === true,
    output,
  }
}

/** The whole number that was given for `--name`; ends the program with code 2 when it is none or out of bounds. */
export function within(values, name, least, most) {
  const number = Number(values[name])
  if (Number.isInteger(number) && number >= least && number <= most) return number
  console.error(`--${name} takes a whole number from ${least} to ${most}.`)
  process.exit(2)
}

export function machine() {
  const [{ model }] = cpus()
  const load = `load average ${loadAtStart.toFixed(1)} before it began`
  const caution = loadAtStart > quietLoad ? ': **others kept it busy, so the times say little**' : ''
  return `${cpus().length} × ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}; ${load}${caution}`
}

export function writePage(name, text) {
  const file = join(root, 'docs/benchmarks', name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  console.log(`Written to ${file}`)
}
