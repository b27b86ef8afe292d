import { rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { GatewayReport, RoutingTable, WatchMessage } from '@pando/model'

/** The two paths of the control API that a gateway uses, on a unix socket; says what the test tells it to, and remembers the reports. */
export class ScriptedControlPlane {
  readonly reports: GatewayReport[] = []
  readonly watches: string[] = []
  readonly #path: string
  readonly #open = new Set<ServerResponse>()
  #server: Server | null = null
  #table: RoutingTable | null = null

  constructor(path: string) {
    this.#path = path
  }

  async start(table: RoutingTable): Promise<void> {
    this.#table = table
    const server = createServer((incoming, response) => {
      const url = incoming.url ?? ''
      if (url.startsWith('/v1/gateway/watch')) {
        this.watches.push(url)
        this.#open.add(response)
        response.on('close', () => this.#open.delete(response))
        this.#say(response, { type: 'snapshot', ...(this.#table as RoutingTable) })
        return
      }
      let body = ''
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()))
      incoming.on('end', () => {
        this.reports.push(JSON.parse(body) as GatewayReport)
        response.writeHead(204).end()
      })
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.#path, resolve))
  }

  /** Tells every watcher what makes `table` of the last one. */
  publish(table: RoutingTable): void {
    const before = this.#table as RoutingTable
    const ids = new Set(table.endpoints.map((endpoint) => endpoint.id))
    const removed = before.endpoints.map((endpoint) => endpoint.id).filter((id) => !ids.has(id))
    this.#table = table
    const { version, endpoints, config } = table
    const changed = config === before.config ? {} : { config }
    for (const watch of this.#open) {
      this.#say(watch, { type: 'change', from: before.version, version, set: endpoints, removed, ...changed })
    }
  }

  /** Dies: connections break, the socket's file stays or goes. */
  async kill(): Promise<void> {
    const server = this.#server
    if (server === null) return
    this.#server = null
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    rmSync(this.#path, { force: true })
  }

  #say(watch: ServerResponse, message: WatchMessage): void {
    watch.write(`${JSON.stringify(message)}\n`)
  }
}
