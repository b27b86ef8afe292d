import { PandoError } from '@pando/model'
import type { StartOrder } from '../driver.js'
import { EngineError } from './engine-client.js'

/** How runc and crun say that they found no program to run; the name, where they tell it. */
const missingProgram = [
  /exec: "([^"]*)": (?:executable file not found|(?:stat|open) [^:]*: no such file)/i,
  /executable file [`'"]([^`'"]+)[`'"] not found/i,
  /open executable: no such file/i,
]
/** What the engine itself runs as the first process in a container, and has on its own machine: Docker's, Podman's. */
const missingInit =
  /init binary|(?:docker-init|catatonit)[`'"]?:? .*(?:not found|no such file)|(?:docker-init|catatonit): no such file/i

/** What the engine's refusal to make or start a container means to whoever wrote the manifest. */
export function startFailure(error: unknown, order: StartOrder): PandoError {
  if (!(error instanceof EngineError)) return PandoError.from(error)
  const { message } = error
  const whose = `service ${order.service}`
  const options = { cause: error }
  if (/port is already allocated|address already in use/i.test(message)) {
    const { host, port } = order.address ?? { host: '', port: 0 }
    return new PandoError('port_taken', `${whose}: ${host}:${port} is taken by another program`, options)
  }
  if (/rlimit/i.test(message)) {
    return new PandoError(
      'unsupported',
      `${whose}: the container engine may not set the limits that it wants: ${message}`,
      {
        ...options,
        hint: 'write "ulimits: { nofile: N, nproc: N }" under the service, no more than the engine itself has (/proc/PID/limits)',
      },
    )
  }
  if (missingInit.test(message)) {
    return new PandoError('tool_missing', `${whose}: the container engine has no init program: ${message}`, {
      ...options,
      hint: 'install it for the engine (docker-init of Docker, catatonit for Podman), or do without: "init: false"',
    })
  }
  const missing = missingProgram.map((pattern) => pattern.exec(message)).find((match) => match !== null)
  if (missing !== undefined) {
    return new PandoError('tool_missing', `${whose}: "${missing[1] ?? programOf(order)}" was not found in its image`, {
      ...options,
      hint: 'a command written as text needs a shell in the image; write it as a list where there is none',
    })
  }
  if (error.status === 404 || /no such image/i.test(message)) {
    return new PandoError('build_failed', `${whose}: its image is gone: ${message}`, options)
  }
  if (error.status === 400)
    return new PandoError('build_failed', `${whose}: the container engine refuses: ${message}`, options)
  return new PandoError('internal', `${whose}: its container could not be started: ${message}`, options)
}

function programOf({ program: { command } }: StartOrder): string {
  return typeof command === 'string' ? '/bin/sh' : (command[0] ?? 'its program')
}
