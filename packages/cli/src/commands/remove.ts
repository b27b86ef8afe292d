import type { Command } from 'commander'
import { newCommand, type Attach } from '../command.js'
import { commandServices } from '../service-command.js'

export function removeCommand(attach: Attach): Command {
  const command = newCommand('remove', 'take services that joined with pando deploy FOLDER out of the app').argument(
    '<services...>',
    'names of services',
  )
  return attach(command, (invocation) =>
    commandServices(invocation, 'leaves the app', (control, service) => control.remove(service)),
  )
}
