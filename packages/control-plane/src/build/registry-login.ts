import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { PandoError } from '@pando/model'

type Environment = Readonly<Record<string, string | undefined>>

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>
  readonly credHelpers?: Readonly<Record<string, string>>
  readonly credsStore?: string
}

/** How Docker's own file calls its hub. */
const hub = 'https://index.docker.io/v1/'
const helperWithinMs = 30_000

/**
 * What `docker login` knows of a registry, as the engine's `X-Registry-Auth` takes it (base64url of JSON); empty credentials where it
 * knows nothing. Looks into `config.json` in DOCKER_CONFIG or ~/.docker and asks the helper that it names.
 * Source: https://docs.docker.com/reference/api/engine/#section/Authentication, https://github.com/docker/docker-credential-helpers
 */
export async function registryLogin(registry: string, environment: Environment): Promise<string> {
  const server = registry === 'docker.io' ? hub : registry
  const config = await readConfig(environment)
  const helper = config.credHelpers?.[server] ?? config.credHelpers?.[registry] ?? config.credsStore
  const asked = helper === undefined ? null : await askHelper(helper, server, environment)
  const login = asked ?? writtenIn(config, server) ?? {}
  const text = Buffer.from(JSON.stringify({ ...login, serveraddress: server })).toString('base64url')
  // Podman wants the padding, which this encoding may do without.
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

async function readConfig(environment: Environment): Promise<DockerConfig> {
  const folder = environment['DOCKER_CONFIG'] || join(environment['HOME'] || homedir(), '.docker')
  const file = join(folder, 'config.json')
  try {
    return JSON.parse(await readFile(file, 'utf8')) as DockerConfig
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new PandoError('usage', `${file} cannot be read: ${(error as Error).message}`, {
      hint: 'correct it, or log in again with: docker login',
      cause: error,
    })
  }
}

function writtenIn({ auths = {} }: DockerConfig, server: string): object | null {
  const found = auths[server] ?? auths[`https://${server}`] ?? auths[`https://${server}/`]
  if (found?.identitytoken) return { identitytoken: found.identitytoken }
  const [, username, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(found?.auth ?? '', 'base64').toString('utf8')) ?? []
  return username === undefined ? null : { username, password }
}

/** Null when it knows nothing of the registry, which it says in its output. */
function askHelper(helper: string, server: string, environment: Environment): Promise<object | null> {
  const program = `docker-credential-${helper}`
  return new Promise((resolve, reject) => {
    const options = { env: environment as NodeJS.ProcessEnv, timeout: helperWithinMs }
    const child = execFile(program, ['get'], options, (error, output) => {
      if (error !== null) {
        if (/not found/i.test(output)) return resolve(null)
        const why = error.killed === true ? `it did not answer within ${helperWithinMs / 1000} s` : output.trim()
        return reject(
          new PandoError('unauthorized', `${program} does not tell the login of ${server}: ${why || error.message}`, {
            hint: 'docker login may mend it; the helper is named in ~/.docker/config.json',
            cause: error,
          }),
        )
      }
      const login = loginIn(output)
      if (login !== null) resolve(login)
      else reject(new PandoError('unauthorized', `${program} answers what is no login`))
    })
    // One that is not there takes nothing.
    child.stdin?.on('error', () => {}).end(server)
  })
}

function loginIn(output: string): object | null {
  try {
    const { Username, Secret } = JSON.parse(output) as { readonly Username?: string; readonly Secret?: string }
    if (Username === undefined || Secret === undefined) return null
    return Username === '<token>' ? { identitytoken: Secret } : { username: Username, password: Secret }
  } catch {
    return null
  }
}
