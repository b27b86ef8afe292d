// A service for tests: answers with what it received and who it is; writes the number of every POST it has processed to
// $PROCESSED (one line each, appended), so that a test can count what was processed twice. A request may name an instance (or `*`) that is
// to answer it with 503 (X-Fail), or after five seconds (X-Slow); /asked says how many requests there were.
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'

const processed = process.env.PROCESSED
const workMs = Number(process.env.WORK_MS ?? '0')
let isHealthy = true
let asked = 0
const isMeant = (name) => name === '*' || (name !== undefined && name === process.env.PANDO_INSTANCE)

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://service')
  if (url.pathname === '/healthz') return void response.writeHead(isHealthy ? 200 : 503).end()
  if (url.pathname === '/sicken') return void ((isHealthy = false), response.end('sick'))
  if (url.pathname === '/env') return void response.end(JSON.stringify(process.env))
  if (url.pathname === '/crash') return void process.exit(Number(url.searchParams.get('code') ?? '3'))
  if (url.pathname === '/asked') return void response.end(String(asked))
  asked++
  if (isMeant(request.headers['x-fail'])) return void response.writeHead(503).end()
  const slowMs = isMeant(request.headers['x-slow']) ? 5_000 : 0
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString()
    const number = request.headers['x-number'] ?? null
    const answer = () => {
      if (request.method === 'POST' && processed !== undefined) appendFileSync(processed, `${number}\n`)
      response.setHeader('content-type', 'application/json')
      response.end(
        JSON.stringify({
          instance: process.env.PANDO_INSTANCE,
          revision: process.env.PANDO_REVISION,
          version: process.env.VERSION ?? null,
          pid: process.pid,
          method: request.method,
          url: request.url,
          headers: request.headers,
          number,
          body,
        }),
      )
    }
    if (workMs + slowMs > 0) setTimeout(answer, workMs + slowMs)
    else answer()
  })
})
server.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
  socket.on('data', (chunk) => socket.write(chunk))
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
})
server.listen(Number(process.env.PORT), process.env.HOST, () => console.log(`listening on ${process.env.PORT}`))
process.on('SIGTERM', () => {
  console.log('stopping')
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
