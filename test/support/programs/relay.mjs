// A service for tests: calls another one where it is told that it is, and says what came of it; or reads a file.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const { PANDO_SERVICE, PORT, HOST } = process.env

createServer(async (request, response) => {
  const [, , what = '', ...rest] = request.url.split('/')
  try {
    if (what === 'file') return void response.end(readFileSync(`/${rest.join('/')}`))
    if (what === '' || request.url === '/healthz') return void response.end(PANDO_SERVICE)
    const url = what === 'name' ? `http://${rest[0]}:${process.env[rest[1]]}` : process.env[what]
    const answer = await fetch(url)
    response.end(`${PANDO_SERVICE} calls: ${answer.status} ${await answer.text()}`)
  } catch (error) {
    response.writeHead(500).end(`${error.message}: ${error.cause?.message ?? ''}`)
  }
}).listen(Number(PORT), HOST, () => console.log(`listening on ${PORT}`))
process.on('SIGTERM', () => process.exit(0))
