import type { Command } from 'commander'
import { newCommand, type Attach } from '../command.js'
import { commandServices } from '../service-command.js'

export function promoteCommand(attach: Attach): Command {
  const command = newCommand('promote', 'give a new revision all requests, without its further steps').argument(
    '<services...>',
    'names of services',
  )
  return attach(command, (invocation) =>
    commandServices(invocation, 'is promoted', (control, service) => control.promote(service)),
  )
}
