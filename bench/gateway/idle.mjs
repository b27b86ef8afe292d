// What connections cost that wait for their next request: `idle.mjs [connections] [--no-write]`. Each is opened, asks once, and stays.
// A proxy's resident memory is read from /proc before and with all open; then each asks once more.
import { fork } from 'node:child_process'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { join } from 'node:path'
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
/** What no program on Node can do without: it is no proxy, and does not speak HTTP/2. */
const bareNode = {
  key: 'node',
  name: 'Node alone',
  hasHttp2: false,
  command: ({ root, port, variant: { tls } }) => [
    process.execPath,
    join(root, 'bench/gateway/bare-node.mjs'),
    String(port),
    ...(tls === undefined ? [] : [tls.cert, tls.key]),
  ],
}

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
    for (const proxy of [...proxies, ...(kind === 'HTTP/2' ? [] : [bareNode])]) {
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
    node: { tls },
  }[key]
}

async function measure({ kind, proxy, variant, count, folder, upstream }) {
  const name = `${proxy.key}-${kind.replaceAll(/\W/g, '')}`
  const { pid, port, http2Port } = await startProxy({ proxy, folder, name, upstream, variant })
  if (variant.tls === undefined && proxy !== bareNode) await answers(`http://127.0.0.1:${port}/small`)
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
- "Node alone" is a server of \`node:net\` or \`node:tls\` that answers every read with the same bytes and keeps nothing of a connection.

${text}

## What Pando keeps of a connection

Found with heap snapshots, Node 20.20.2:

- **HTTP/1.1**: 1.4 KB of heap, of which Node's socket with its streams is 0.9 KB and Pando's own (the connection, its way out, its timer, the client's address) 0.4 KB; 0.4 KB is the socket's handle outside of the heap. What serves a request (an exchange, a reader of heads, buffers) is the worker's and is taken when a request comes. The rest of the figure is mostly Node's young generation, which grows to 16 MiB or more once whatever the number of connections: with 10,000 that is above 1 KB each. A server that reads by \`data\` events, as Node alone does here, takes a buffer for every read beside.
- **HTTP/2**: beside that, 1.6 KB to find fields again that the encoder has in its table, and 4 KB for the rest of a session. The tables of HPACK themselves begin with 128 bytes and grow to what is used, to 8 KiB each or a little more.
- **TLS**: nearly all of it is Node's and OpenSSL's, and a program on Node cannot change it: OpenSSL's own state is what nginx pays too (Node has it release its buffers between records, as nginx does); Node adds a ring of memory on either side of the encryption, 64 KiB that is reserved and a page or two of it used, and two sockets with their streams, 4 KB. Pando's own is 0.4 KB as without TLS.
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
