import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type ServerOpts, type Socket } from 'node:net'
import { afterEach } from 'vitest'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const action of cleanups.splice(0)) action()
})

/** Two sockets that are connected to each other until the end of the test, and the server that has accepted the one. */
export async function connected(
  options: ServerOpts = {},
): Promise<{ client: Socket; accepted: Socket; server: Server }> {
  const server = createServer(options)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1', noDelay: true })
  const [accepted] = (await once(server, 'connection')) as [Socket]
  if (client.connecting) await once(client, 'connect')
  cleanups.push(() => {
    client.destroy()
    accepted.destroy()
    server.close()
  })
  return { client, accepted, server }
}

export async function until(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise((resolve) => setTimeout(resolve, 2))
}
