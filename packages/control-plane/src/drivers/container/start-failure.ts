import { PandoError } from '@pando/model'
import type { StartOrder } from '../driver.js'
import { EngineError } from './engine-client.js'

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
  if (/executable file not found|no such file or directory.*exec|exec.*no such file or directory/i.test(message)) {
    const program = typeof order.program.command === 'string' ? '/bin/sh' : (order.program.command[0] ?? 'its program')
    return new PandoError('tool_missing', `${whose}: "${program}" was not found in its image: ${message}`, {
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
