import { expect, it } from 'vitest'
import { answering, Client, endpoint, eventually, rawServer, serve } from './plane.js'

// Everything under test is in this process, so that the numbers are exact; test/faults does the same with real processes.
it('an endpoint that crashes under load fails no idempotent request and doubles no other', async () => {
  const counts = new Map<string, number>()
  const counting = answering((head, socket) => {
    const id = head.split(' ', 2)[1] ?? ''
    counts.set(id, (counts.get(id) ?? 0) + 1)
    // Some are answered a little later, so that the crash finds requests under way.
    const reply = `HTTP/1.1 200 OK\r\nContent-Length: ${id.length}\r\n\r\n${id}`
    if (counts.size % 3 !== 0) return reply
    setTimeout(() => socket.write(reply), 3)
    return ''
  })
  const crashing = await rawServer(counting)
  const staying = await rawServer(counting)
  const { plane, port } = await serve({ endpoints: [endpoint('web', crashing.port), endpoint('web', staying.port)] })
  const load = { isOver: false, next: 0, done: 0 }
  const failed: string[] = []
  const clients = Array.from({ length: 16 }, async (_, index) => {
    let client = new Client(port)
    while (!load.isOver) {
      const method = index % 2 === 0 ? 'GET' : 'POST'
      const id = `/${method}/${load.next++}`
      client.received = ''
      client.send(`${method} ${id} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`)
      const text = await client.until((received) => received.endsWith(id) || received.endsWith('}\n'))
      load.done++
      if (text.endsWith(id)) continue
      failed.push(`${id} ${text.slice(0, 12)}`)
      if (!text.includes('HTTP/1.1 502')) client = new Client(port)
    }
    client.socket.destroy()
  })
  await eventually(() => load.done > 300)
  const before = counts.size
  for (const socket of crashing.sockets) socket.resetAndDestroy()
  await crashing.close()
  await eventually(() => load.done > before + 600)
  load.isOver = true
  await Promise.all(clients)
  expect(failed.filter((one) => one.startsWith('/GET'))).toEqual([])
  // What was sent and died with its connection is told once, as 502.
  for (const one of failed) expect(one).toMatch(/^\/POST\/\d+ HTTP\/1\.1 502$/)
  expect([...counts].filter(([id, count]) => id.startsWith('/POST') && count > 1)).toEqual([])
  expect(plane.inFlight().size).toBe(0)
})
