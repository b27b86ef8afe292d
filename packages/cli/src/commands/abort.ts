import type { Command } from 'commander'
import { newCommand, type Attach } from '../command.js'
import { commandServices } from '../service-command.js'

export function abortCommand(attach: Attach): Command {
  const command = newCommand('abort', 'end a rollout and go back to the last revision that was whole').argument(
    '<services...>',
    'names of services',
  )
  return attach(command, (invocation) =>
    commandServices(invocation, 'goes back', (control, service) => control.abort(service)),
  )
}
