// A control plane that runs nothing: it answers the control API on its socket and lets a test say what it shall show.
// Started as the real one is (`fake-pandod.mjs --state-dir DIR [--down]`). What a test wants of it stands in DIR/fake.json:
//   { "dieAtStart": true }              ends with an error before it answers
//   { "states": ["building", "ready"] } what every service's state is, one a status question; the last one stays
//   { "failing": "orders" }             this service stays failed
//   { "refuses": "port_taken" }         refuses every manifest with this code
//   { "onlyFirst": true }               its first life is well, later ones die at their start
//   { "immortal": true }                does not end when it is told to stop everything
//   { "driver": "container" }           says that this runs services that do not say it
//   { "pruned": {…} }                   has removed this at a prune
//   { "stubborn": true }                has one real process, which does not end at a stop; nor does the fake before it
// What it was asked is appended to DIR/asked.log, one JSON document a line; its lives to DIR/lives.log.
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const stateDir = process.argv[process.argv.indexOf('--state-dir') + 1]
const inState = (name) => join(stateDir, name)
const fake = existsSync(inState('fake.json')) ? JSON.parse(readFileSync(inState('fake.json'), 'utf8')) : {}
const log = (name, value) => appendFileSync(inState(name), `${JSON.stringify(value)}\n`)
log('lives.log', { pid: process.pid, args: process.argv.slice(2), npm: process.env.npm_lifecycle_event ?? null })

if (process.argv.includes('--down')) {
  rmSync(inState('app.json'), { force: true })
  rmSync(inState('control.sock'), { force: true })
  process.exit(0)
}
const isFirst = readFileSync(inState('lives.log'), 'utf8').trim().split('\n').length === 1
if (fake.dieAtStart || (fake.onlyFirst && !isFirst)) {
  console.error('the store is broken beyond repair')
  process.exit(3)
}

const names = ['users', 'orders']
const replicas = { users: 2, orders: 1 }
const started = Date.now()
let isStopping = false
let asked = 0
let events = existsSync(inState('events.json')) ? JSON.parse(readFileSync(inState('events.json'), 'utf8')) : []
const followers = new Set()

function emit(kind, service, message, instance = null) {
  const event = { seq: events.length + 1, at: Date.now(), kind, service, instance, message }
  events.push(event)
  writeFileSync(inState('events.json'), JSON.stringify(events))
  for (const follower of followers) follower.write(`${JSON.stringify(event)}\n`)
}

// In a group of its own, as an instance is, with a child that must go too.
const stubborn = fake.stubborn
  ? spawn('sh', ['-c', 'trap "" TERM; sleep 600 & wait'], { detached: true, stdio: 'ignore' })
  : null
if (stubborn) log('lives.log', { pid: stubborn.pid, args: ['stubborn'], npm: null })

function status() {
  const states = fake.states ?? ['ready']
  const state = states[Math.min(asked++, states.length - 1)]
  const services = names.map((name, index) => {
    const own = fake.failing === name ? 'failed' : state
    return {
      name,
      state: own,
      reason: own === 'failed' ? 'exit code 3, 4 times in a row' : own === 'ready' ? '' : `it is ${own}`,
      protocol: 'http',
      revision: `rev${index}`,
      replicas: replicas[name],
      healthy: own === 'ready' ? replicas[name] : 0,
      address: { host: '127.0.0.1', port: 41000 + index },
      routes: [`/${name}`],
      instances: Array.from({ length: replicas[name] }, (_, slot) => ({
        id: `${name}-${slot}`,
        service: name,
        slot,
        revision: `rev${index}`,
        phase: isStopping ? (stubborn ? 'stopping' : 'exited') : own === 'ready' ? 'healthy' : 'starting',
        pid: name === 'users' && slot === 0 && stubborn ? stubborn.pid : null,
        address: { host: '127.0.0.1', port: 42000 + 10 * index + slot },
        startedAt: started - 65_000,
        restarts: slot,
        detail: '',
        memoryBytes: 50 * 1024 * 1024,
        cpuSeconds: 1,
      })),
    }
  })
  const gateway = { state: 'ready', address: { host: '127.0.0.1', port: 8080 }, pid: null, workers: 2, errors: [] }
  return {
    name: 'demo',
    // One that refuses every manifest has no app.
    manifest: fake.refuses ? '' : '/nowhere/pando.yaml',
    pid: process.pid,
    startedAt: started,
    state: isStopping ? 'stopping' : 'running',
    ...(fake.driver ? { driver: fake.driver } : {}),
    gateway,
    api: { host: '127.0.0.1', port: 7700 },
    services,
  }
}

const problem = (response, status, code, title, hint) => {
  response.writeHead(status, { 'content-type': 'application/problem+json' })
  response.end(JSON.stringify({ type: `urn:pando:error:${code}`, title, status, code, hint }))
}
const json = (response, value) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost')
  let body = ''
  for await (const chunk of request) body += chunk
  if (url.pathname !== '/v1/app' || request.method !== 'GET') {
    log('asked.log', { method: request.method, url: request.url, body: body === '' ? null : JSON.parse(body) })
  }
  const service = /^\/v1\/services\/([^/]+)\/(scale|restart|stop|start)$/.exec(url.pathname)
  if (url.pathname === '/v1/app' && request.method === 'GET') return json(response, status())
  if (url.pathname === '/v1/app' && request.method === 'PUT') {
    if (fake.refuses) return problem(response, 409, fake.refuses, 'somebody else listens there', 'stop that')
    writeFileSync(inState('app.json'), body)
    emit('app.applied', null, 'The manifest was applied.')
    emit('build.started', 'users', 'Building.')
    for (let line = 1; line <= 30; line++) emit('build.output', 'users', `output ${line}`)
    emit('instance.started', 'users', 'Started.', 'users-0')
    emit('endpoint.registered', 'users', 'Registered.', 'users-0')
    return json(response, { added: names, changed: [], removed: [], unchanged: [] })
  }
  if (url.pathname === '/v1/app' && request.method === 'DELETE') {
    isStopping = true
    emit('app.stopping', null, 'Stopping.')
    response.writeHead(204).end()
    rmSync(inState('app.json'), { force: true })
    const end = () => {
      rmSync(inState('control.sock'), { force: true })
      process.exit(0)
    }
    if (fake.immortal) return
    if (stubborn) stubborn.once('exit', end)
    else setTimeout(end, 300)
    return
  }
  if (service) {
    const [, name, verb] = service
    if (!names.includes(name))
      return problem(response, 404, 'not_found', `There is no service "${name}".`, 'Did you mean "users"?')
    if (verb === 'scale') replicas[name] = JSON.parse(body).replicas
    response.writeHead(204).end()
    return
  }
  if (url.pathname === '/v1/deployments') return json(response, [])
  if (url.pathname === '/v1/app/prune') return json(response, fake.pruned ?? { items: [], notes: [] })
  if (url.pathname === '/v1/routes') {
    const route = {
      name: 'users/0',
      hosts: [],
      matches: [{ path: { type: 'prefix', value: '/users' }, method: null, headers: [], query: [] }],
      filters: [],
      backends: [{ service: 'users', weight: 1 }],
      timeouts: { requestMs: null, backendRequestMs: null },
    }
    return json(response, [{ route, healthy: 2 }])
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  if (url.pathname === '/v1/logs') {
    for (const name of url.searchParams.getAll('service')) {
      response.write(
        `${JSON.stringify({ service: name, instance: `${name}-0`, at: 1_700_000_000_000, line: `${name} says hello` })}\n`,
      )
    }
  } else {
    const after = url.searchParams.get('after')
    const limit = Number(url.searchParams.get('limit') ?? 100)
    const service = url.searchParams.get('service')
    const wanted = events.filter((event) => service === null || event.service === service)
    const chosen = after === null ? wanted.slice(-limit) : wanted.filter(({ seq }) => seq > Number(after))
    response.write(chosen.map((event) => `${JSON.stringify(event)}\n`).join(''))
  }
  if (url.searchParams.get('follow') !== 'true') return response.end()
  followers.add(response)
  response.on('close', () => followers.delete(response))
})

if (events.length > 0) emit('control_plane.started', null, 'Started again.')
rmSync(inState('control.sock'), { force: true })
server.listen(inState('control.sock'))
