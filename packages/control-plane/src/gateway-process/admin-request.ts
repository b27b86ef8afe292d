import { request } from 'node:http'

/** Asks the gateway over its admin socket; resolves with the body of a 200, rejects otherwise and after two seconds. */
export function adminRequest(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path, timeout: 2000 }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(body)
        else reject(new Error(`the gateway answered ${response.statusCode} to ${path}`))
      })
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error('the gateway did not answer in time')))
    outgoing.on('error', reject)
    outgoing.end()
  })
}
