import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Listener } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { cleanUp, endpoint, httpServer, serve } from '../gateway/plane.js'
import { CertificateFolder } from '../support/certificates.js'
import { findProgram } from '../support/find-program.js'

/**
 * The gateway under the eyes of h2spec, written by others for RFC 7540 and 7541: all of its cases, the strict ones too. `.ci/run` builds it of what
 * `test/support/programs/h2spec` pins.
 */
const program = findProgram('h2spec')
const body = 'An answer that does not fit into a window of a few bytes.'
const all = ['-S', '-o', '10']

/** Case to reason. Of a plain port only: with TLS both sides have agreed on HTTP/2, and it passes. */
const deviations = {
  'http2/3.5: Sends invalid connection preface':
    'What does not begin as HTTP/2 is HTTP/1.1 on a port that serves both, and a bad request there: it is answered 400, which h2spec takes for ' +
    'half a frame, and the connection is closed. RFC 9113 section 3.4 asks for the closing and lets GOAWAY be left out.',
}

describe.skipIf(program === null)('h2spec', { timeout: 120_000 }, () => {
  it('finds one case on a plain port, which is read as HTTP/1.1', async () => {
    const service = await httpServer((request, response) => void request.resume().on('end', () => response.end(body)))
    const { port } = await serve({ endpoints: [endpoint('web', service.port)] })
    expect(await failed(port)).toEqual(Object.keys(deviations))
  })

  it('finds nothing on an encrypted port', async () => {
    const service = await httpServer((request, response) => void request.resume().on('end', () => response.end(body)))
    const listener = await encrypted()
    const { port } = await serve({ endpoints: [endpoint('web', service.port)], listeners: [listener] })
    expect(await failed(port, '--tls', '--insecure')).toEqual([])
  })

  it('finds nothing before a service that speaks HTTP/2 too', async () => {
    const service = createServer((request, response) => void request.resume().on('end', () => response.end(body)))
    service.listen(0, '127.0.0.1')
    cleanUp(() => service.close())
    await once(service, 'listening')
    const listener = await encrypted()
    const { port } = await serve({
      endpoints: [endpoint('web', (service.address() as AddressInfo).port)],
      services: [{ name: 'web', protocol: 'h2c', balancer: 'round_robin' }],
      listeners: [listener],
    })
    expect(await failed(port, '--tls', '--insecure')).toEqual([])
  })
})

async function encrypted(): Promise<Listener> {
  const folder = await CertificateFolder.make()
  cleanUp(() => folder.remove())
  const certificates = [await folder.put('shop', ['localhost', '127.0.0.1'])]
  const tls = { certificates, minVersion: '1.2', clientAuth: null, alpn: ['h2', 'http/1.1'] } as const
  return { kind: 'edge', name: 'edge', address: { host: '127.0.0.1', port: 0 }, tls }
}

/** The cases that do not pass, skipped ones too, of all that there are. */
async function failed(port: number, ...options: readonly string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'pando-h2spec-'))
  cleanUp(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'report.xml')
  await h2spec([...all, '--host', '127.0.0.1', '--port', String(port), '--junit-report', file, ...options])
  const cases = [
    ...readFileSync(file, 'utf8').matchAll(/<testcase package="(.+?)" classname="(.+?)".*?>(.*?)<\/testcase>/gs),
  ]
  const planned = (await h2spec(['--dryrun', ...all])).match(/^ *\d+: /gm)
  expect(cases).toHaveLength(planned?.length ?? 0)
  return cases.filter(([, , , outcome]) => outcome !== '').map(([, section, title]) => `${section}: ${title}`)
}

/** What it prints. It ends with an error where a case fails. */
async function h2spec(args: readonly string[]): Promise<string> {
  const outcome = await promisify(execFile)(program as string, args, { timeout: 100_000 }).catch(
    (error: { stdout: string }) => error,
  )
  return outcome.stdout
}
