// How long a change takes to reach every watcher: `npm run build && node bench/registry.mjs [endpoints] [watchers] [changes]`.
// The control API is served in a process of its own, the watchers read it over its unix socket; times are of one clock.
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const { Events, MemoryStore, Registry, createControlApi, serveControlApi, systemClock } =
  await import('../packages/control-plane/dist/index.js')

const now = () => performance.timeOrigin + performance.now()

if (process.send !== undefined) await serve()
else await measure(...[10_000, 200, 300].map((standard, index) => Number(process.argv[2 + index] ?? standard)))

async function serve() {
  const [socketPath, count, changes] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
  const store = new MemoryStore()
  const events = new Events({ store, clock: systemClock })
  const registry = new Registry({ store, clock: systemClock, random: Math.random, emit: () => undefined })
  for (let index = 0; index < count; index++) register(registry, index, 'start')
  const app = createControlApi({ control: undefined, registry, events, version: 'bench' })
  const server = await serveControlApi({ app, socketPath, token: 'bench' })
  const started = process.cpuUsage()
  process.on('message', async () => {
    const snapshotMs = cpuMs(started)
    const before = process.cpuUsage()
    for (let change = 0; change < changes; change++) {
      register(registry, change % count, String(now()))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    process.send({ snapshotMs, changeMs: cpuMs(before), rssMb: process.memoryUsage.rss() / 1048576 })
  })
  process.once('disconnect', () => server.close().then(() => process.exit()))
  process.send('ready')
}

function cpuMs(since) {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

function register(registry, index, at) {
  const address = { host: '127.0.0.1', port: 1 + (index % 65_535) }
  const registration = { address, ttl: 3_600, revision: '0123456789', metadata: { at } }
  registry.register(`service-${index % 50}`, `endpoint-${index}`, registration)
}

async function measure(count, watchers, changes) {
  const folder = mkdtempSync(join(tmpdir(), 'pando-bench-'))
  const socketPath = join(folder, 'control.sock')
  const child = fork(new URL(import.meta.url), [socketPath, String(count), String(changes)])
  const heard = (wanted) =>
    new Promise((resolve) => child.on('message', (message) => wanted(message) && resolve(message)))
  await heard((message) => message === 'ready')

  const delays = []
  let isFull = null
  const full = new Promise((resolve) => (isFull = resolve))
  const open = () =>
    new Promise((resolve, reject) => {
      const sent = request({ socketPath, path: '/v1/registry/watch', agent: false }, (response) => {
        let rest = ''
        response.setEncoding('utf8').on('data', (text) => {
          // Joined before it is split, a snapshot in many pieces would be read again with every piece.
          const lines = text.split('\n')
          lines[0] = rest + lines[0]
          rest = lines.pop()
          for (const line of lines) {
            const message = JSON.parse(line)
            if (message.type === 'snapshot') resolve(response)
            if (message.type !== 'change') continue
            const arrived = now()
            // Several versions in one message are as many changes that have arrived.
            for (const { metadata } of message.set) delays.push(arrived - Number(metadata.at))
            if (delays.length >= watchers * changes) isFull()
          }
        })
      })
      sent.on('error', reject).end()
    })
  const began = now()
  const responses = await Promise.all(Array.from({ length: watchers }, open))
  const allBeganMs = now() - began
  const server = heard((message) => message.changeMs !== undefined)
  child.send('go')
  await full
  const { snapshotMs, changeMs, rssMb } = await server
  delays.sort((a, b) => a - b)
  const at = (share) => `${delays[Math.min(delays.length - 1, Math.floor(delays.length * share))].toFixed(1)} ms`
  console.log(`${count} endpoints, ${watchers} watchers, ${changes} changes, one each 10 ms`)
  console.log(`  snapshots          ${allBeganMs.toFixed(0)} ms until every watcher has read its own`)
  console.log(`  delivery           p50 ${at(0.5)}, p99 ${at(0.99)}, worst ${at(1)}   (to reach: p99 ≤ 1000 ms)`)
  console.log(`  control plane      ${(snapshotMs / watchers).toFixed(1)} ms of CPU a snapshot`)
  console.log(
    `                     ${((changeMs * 1000) / (changes * watchers)).toFixed(1)} µs of CPU a delivery, ${rssMb.toFixed(0)} MB`,
  )
  for (const response of responses) response.destroy()
  child.disconnect()
  rmSync(folder, { recursive: true, force: true })
}
