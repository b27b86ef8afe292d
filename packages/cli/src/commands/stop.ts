import type { Command } from 'commander'
import { newCommand, type Attach } from '../command.js'
import { commandServices } from '../service-command.js'

export function stopCommand(attach: Attach): Command {
  const command = newCommand('stop', 'stop services but remember how many instances are wanted').argument(
    '[services...]',
    'names of services (default: all)',
  )
  return attach(command, (invocation) =>
    commandServices(invocation, 'stops', (control, service) => control.stop(service)),
  )
}
