// What connections cost that wait for their next request: `idle.mjs [connections] [--no-write]`. Each is opened, asks once, and stays.
// A proxy's resident memory is read from /proc before and with all open; then each asks once more.
import { fork } from 'node:child_process'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { makeCertificate } from './features/protocols.mjs'
import { answers, residentBytes, stop } from './processes.mjs'
import { adjustableProxies } from './proxies.mjs'
import { table } from './report.mjs'
import { machine, root, startProxy, startService, today, withFolder, writePage } from './workbench.mjs'

const get = 'GET /small HTTP/1.1\r\nHost: a\r\n\r\n'
/** Connects are answered as fast as they are accepted; so many wait at a time. */
const atOnce = 100
const settleMs = 2_000
const kinds = ['HTTP/1.1', 'HTTP/2', 'TLS, HTTP/1.1']

if (process.send !== undefined) await hold(process.argv[2], Number(process.argv[3]), Number(process.argv[4]))
else await withFolder(run)

async function run(folder) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: { write: { type: 'boolean', default: true } },
  })
  const count = Number(positionals[0] ?? 10_000)
  const { http: upstream } = await startService(folder)
  const certificate = makeCertificate(folder, 'ecdsa')
  const proxies = adjustableProxies({ root })
  const rows = []
  for (const kind of kinds) {
    for (const proxy of proxies) {
      const variant = variantOf(proxy.key, count, kind.startsWith('TLS') ? certificate : undefined)
      rows.push([`${kind}, ${proxy.name}`, ...(await measure({ kind, proxy, variant, count, folder, upstream }))])
      console.log(rows.at(-1).join(' | '))
    }
  }
  const text = table(['', 'bytes a connection', 'kept', 'answered again'], rows)
  console.log(`\n${text}`)
  if (positionals.length === 0 && values.write) writePage('idle.md', page({ count, text, proxies }))
}

/** Room for them all, and patience. */
function variantOf(key, count, tls) {
  const connections = count + 1_000
  return {
    nginx: { connections, http: 'keepalive_timeout 600s;', tls },
    haproxy: { connections, global: 'no strict-limits', tls },
    pando: { limits: { maxConnections: connections, keepAliveTimeoutMs: 600_000 }, tls },
  }[key]
}

async function measure({ kind, proxy, variant, count, folder, upstream }) {
  const name = `${proxy.key}-${kind.replaceAll(/\W/g, '')}`
  const { pid, port, http2Port } = await startProxy({ proxy, folder, name, upstream, variant })
  if (variant.tls === undefined) await answers(`http://127.0.0.1:${port}/small`)
  const before = residentBytes(pid)
  const to = kind === 'HTTP/2' ? http2Port : port
  const client = fork(fileURLToPath(import.meta.url), [kind, String(to), String(count)])
  try {
    const [kept] = await heard(client)
    await sleep(settleMs)
    const open = residentBytes(pid)
    client.send('again')
    const [answered] = await heard(client)
    return [Math.round((open - before) / count), kept, answered].map((number) => number.toLocaleString('en'))
  } finally {
    client.kill('SIGKILL')
    stop([pid])
  }
}

function page({ count, text, proxies }) {
  return `# What an idle connection costs beside nginx and HAProxy

Written by \`npm run bench -- idle\` on ${today()}.

- Machine: ${machine()}
- Versions: ${proxies.map(({ name, version }) => `${name} ${version}`).join(', ')}, Node ${process.versions.node}
- ${count.toLocaleString('en')} connections, each of which asked once and waits for its next request. Bytes: what the resident memory of all the proxy's processes (one worker) grew by, without what the kernel keeps for a socket. nginx and HAProxy set aside some of it at their start, for as many connections as they are told to take; that is not in here.
- "kept": answered at first and held; "answered again": asked once more after ${settleMs / 1_000} s, they were answered.

${text}
`
}

/** The client: opens them all, each asking once at once, tells how many were answered, and has each ask once more when told to. */
async function hold(kind, port, count) {
  const connections = []
  const first = await inTurn(count, async () => {
    const connection = await open(kind, port)
    connections.push(connection)
    return connection?.ask()
  })
  process.once('message', async () => process.send([await inTurn(count, (index) => connections[index]?.ask())]))
  process.send([first])
}

/** Does it `count` times, so many at once; resolves with how often it was true. */
async function inTurn(count, work) {
  let sum = 0
  for (let first = 0; first < count; first += atOnce) {
    const size = Math.min(atOnce, count - first)
    const done = await Promise.all(Array.from({ length: size }, (_, index) => work(first + index)))
    sum += done.filter((isAnswered) => isAnswered === true).length
  }
  return sum
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
              const stream = session.request({ ':path': '/small' })
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
            if (socket.destroyed) return settle(false)
            socket.once('data', (chunk) => settle(chunk.toString().startsWith('HTTP/1.1 200 ')))
            socket.once('close', () => settle(false))
            socket.write(get)
          }),
      }),
    )
  })
}

function heard(child) {
  return new Promise((done, reject) => {
    child.once('message', done)
    child.once('exit', (code) => reject(new Error(`the client ended with code ${code}`)))
  })
}
