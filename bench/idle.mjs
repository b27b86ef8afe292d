// What connections cost that wait for their next request: `npm run bench -- idle [connections]`. Each is opened, asks once, and stays.
// The gateway has one worker; its resident memory is read from /proc before, with all open, and after each has asked once more.
import { execFileSync, fork, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { answers, freePort } from './gateway/processes.mjs'
import { gatewayEntry, routingTable } from './gateway/proxies.mjs'

const root = resolve(fileURLToPath(import.meta.url), '../..')
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
/** Connects are answered as fast as they are accepted; so many wait at a time. */
const atOnce = 100

if (process.send !== undefined) await hold(process.argv[2], Number(process.argv[3]), Number(process.argv[4]))
else await measure(Number(process.argv[2] ?? 10_000))

async function measure(count) {
  const folder = mkdtempSync(join(tmpdir(), 'pando-bench-'))
  const service = createServer((_request, response) => response.end('ok'))
  service.keepAliveTimeout = 600_000
  service.listen(0, '127.0.0.1')
  await new Promise((done) => service.once('listening', done))
  const port = await freePort()
  const securePort = await freePort()
  makeCertificate(folder)
  const table = await routingTable(root, port, service.address().port)
  table.config.limits = {
    ...table.config.limits,
    maxConnections: 2 * count,
    keepAliveTimeoutMs: 600_000,
  }
  table.config.listeners.push({
    kind: 'edge',
    name: 'tls',
    address: { host: '127.0.0.1', port: securePort },
    tls: {
      certificates: [{ cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }],
      minVersion: '1.2',
      clientAuth: null,
      alpn: ['h2', 'http/1.1'],
    },
  })
  writeFileSync(join(folder, 'table.json'), JSON.stringify(table))
  console.log(`connections | kept | answered again | bytes a connection`)
  try {
    for (const [kind, to] of [
      ['HTTP/1.1', port],
      ['HTTP/2', port],
      ['TLS, HTTP/1.1', securePort],
    ]) {
      const gateway = spawn(
        process.execPath,
        [join(root, gatewayEntry), '--table', join(folder, 'table.json'), '--workers', '1', '--drain-timeout', '0'],
        {
          stdio: ['ignore', 'ignore', 'inherit'],
        },
      )
      try {
        await answers(`http://127.0.0.1:${port}/`)
        const worker = childOf(gateway.pid)
        const before = residentBytes(worker)
        const client = fork(fileURLToPath(import.meta.url), [kind, String(to), String(count)])
        const [kept] = await heard(client)
        await sleep(2_000)
        const open = residentBytes(worker)
        client.send('again')
        const [answered] = await heard(client)
        console.log(`${kind} | ${kept} | ${answered} | ${Math.round((open - before) / count)}`)
        client.kill('SIGKILL')
      } finally {
        gateway.kill('SIGTERM')
        await new Promise((done) => gateway.once('exit', done))
      }
    }
  } finally {
    service.closeAllConnections()
    service.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The client: opens them all, each asking once, tells how many were answered, and has each ask once more when told to. */
async function hold(kind, port, count) {
  const connections = []
  for (let first = 0; first < count; first += atOnce) {
    const size = Math.min(atOnce, count - first)
    connections.push(...(await Promise.all(Array.from({ length: size }, () => open(kind, port)))))
  }
  const answered = async () => {
    let sum = 0
    for (let first = 0; first < connections.length; first += atOnce) {
      const asked = connections.slice(first, first + atOnce).map((connection) => connection?.ask())
      for (const isAnswered of await Promise.all(asked)) if (isAnswered === true) sum++
    }
    return sum
  }
  process.send([await answered()])
  process.once('message', async () => process.send([await answered()]))
}

function open(kind, port) {
  return new Promise((done) => {
    if (kind === 'HTTP/2') {
      const session = connectHttp2(`http://127.0.0.1:${port}`)
      session.on('error', () => done(null))
      session.on('connect', () =>
        done({
          ask: () =>
            new Promise((settle) => {
              if (session.destroyed) return settle(false)
              const stream = session.request({ ':path': '/' })
              stream.on('response', (headers) => settle(headers[':status'] === 200)).resume()
              stream.on('error', () => settle(false))
            }),
        }),
      )
      return
    }
    const options = { host: '127.0.0.1', port }
    const isSecure = kind.startsWith('TLS')
    const socket = isSecure ? connectTls({ ...options, rejectUnauthorized: false }) : connect(options)
    socket.on('error', (error) => {
      console.error(error.code)
      done(null)
    })
    socket.on('close', () => done(null))
    socket.on(isSecure ? 'secureConnect' : 'connect', () =>
      done({
        ask: () =>
          new Promise((settle) => {
            socket.once('data', (chunk) => settle(chunk.toString().startsWith('HTTP/1.1 200 ')))
            socket.once('close', () => settle(false))
            socket.write(get)
          }),
      }),
    )
  })
}

function heard(child) {
  return new Promise((done) => child.once('message', (message) => done(message)))
}

function childOf(parent) {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8')
      if (Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]) === parent) return Number(name)
    } catch {
      // It has just ended.
    }
  }
  throw new Error('the gateway has no worker')
}

function residentBytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024
}

function makeCertificate(folder) {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const options = `-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost`.split(' ')
  execFileSync('openssl', ['req', ...options, '-keyout', key, '-out', cert], { stdio: 'ignore' })
}
