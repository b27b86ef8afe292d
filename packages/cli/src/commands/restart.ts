import type { Command } from 'commander'
import { newCommand, type Attach } from '../command.js'
import { commandServices } from '../service-command.js'

export function restartCommand(attach: Attach): Command {
  const command = newCommand(
    'restart',
    'replace every instance by a new one, one by one, each once its successor is healthy',
  ).argument('[services...]', 'names of services (default: all)')
  return attach(command, (invocation) =>
    commandServices(invocation, 'restarts, one instance after the other', (control, service) =>
      control.restart(service),
    ),
  )
}
