import type { Command } from 'commander'
import { newCommand, type Attach } from '../command.js'
import { commandServices } from '../service-command.js'

export function startCommand(attach: Attach): Command {
  const command = newCommand('start', 'start services that were stopped').argument(
    '[services...]',
    'names of services (default: all)',
  )
  return attach(command, (invocation) =>
    commandServices(invocation, 'starts', (control, service) => control.start(service)),
  )
}
