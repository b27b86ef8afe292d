// What the first request to a service that sleeps takes: `npm run build && node bench/scale-from-zero.mjs [rounds]`.
// In every round the program is started by itself, too, and asked until it answers: that is the least it could take.
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const rounds = Number(process.argv[2] ?? 30)
const cli = resolve(fileURLToPath(import.meta.url), '../../packages/cli/dist/main.js')
const program = `import { createServer } from 'node:http'
createServer((request, response) => response.end('ok')).listen(process.env.PORT, process.env.HOST)
`
const folder = mkdtempSync(join(tmpdir(), 'pando-bench-'))
const pando = async (...args) =>
  (await promisify(execFile)(process.execPath, [cli, ...args], { cwd: folder, maxBuffer: 1 << 26 })).stdout
const pause = (ms) => new Promise((done) => setTimeout(done, ms))

mkdirSync(join(folder, 'web'))
writeFileSync(join(folder, 'web/server.mjs'), program)
const [gatewayPort, apiPort] = [await freePort(), await freePort()]
writeFileSync(
  join(folder, 'pando.yaml'),
  `name: sleepy
services:
  web:
    build: ./web
    command: exec node server.mjs
    routes: [/]
    autoscale: { min: 0, max: 1, idle: 1s }
gateway: { port: ${gatewayPort}, workers: 1 }
api: { port: ${apiPort} }
`,
)

const load = loadavg()[0]
const woken = []
const alone = []
try {
  await pando('up', '-d')
  for (let round = 0; round < rounds; round++) {
    alone.push(await startAlone())
    await asleep()
    const began = performance.now()
    if ((await ask(gatewayPort)) !== 200) throw new Error('the first request was not answered with 200')
    woken.push(performance.now() - began)
  }
} finally {
  await pando('down')
  rmSync(folder, { recursive: true, force: true })
}
console.log(`rounds ${rounds}, load average ${load.toFixed(1)} before, Node ${process.versions.node}`)
print('the program alone, from its start to its first answer', alone)
print('the first request to the service that sleeps', woken)
print(
  'the difference, round by round',
  woken.map((ms, round) => ms - alone[round]),
)

function print(what, times) {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share) => Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)])
  console.log(`${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)
}

async function asleep() {
  for (;;) {
    const [web] = JSON.parse(await pando('ps', '--json')).services
    if (web.replicas === 0 && web.instances.length === 0) return
    await pause(100)
  }
}

async function startAlone() {
  const port = await freePort()
  const began = performance.now()
  const child = spawn(process.execPath, ['server.mjs'], {
    cwd: join(folder, 'web'),
    env: { ...process.env, PORT: String(port), HOST: '127.0.0.1' },
    stdio: 'ignore',
  })
  while ((await ask(port).catch(() => 0)) !== 200) await pause(1)
  const took = performance.now() - began
  child.kill('SIGKILL')
  return took
}

function ask(port) {
  return new Promise((done, reject) => {
    const call = request({ host: '127.0.0.1', port, path: '/', agent: false }, (response) => {
      response.resume().on('end', () => done(response.statusCode))
    })
    call.on('error', reject)
    call.end()
  })
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => done(port))
    })
  })
}
