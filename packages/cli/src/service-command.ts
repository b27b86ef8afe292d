import type { ControlClient } from '@pando/control-plane/client'
import { daemonOf, type Invocation } from './command.js'
import { print, printJson } from './context.js'
import type { ExitCode } from './failure.js'
import { withRunning } from './running.js'

/** Gives one order to the named services, or to all when none is named, and says of each that it was taken. */
export async function commandServices(
  invocation: Invocation<unknown>,
  done: string,
  order: (control: ControlClient, service: string) => Promise<void>,
): Promise<ExitCode> {
  const { context, options, args } = invocation
  const ordered = await withRunning(daemonOf(invocation), async (control) => {
    const services = args.length > 0 ? [...new Set(args)] : (await control.status()).services.map(({ name }) => name)
    for (const service of services) await order(control, service)
    return services
  })
  if (options.json === true) printJson(context, ordered)
  else for (const service of ordered) print(context, `${service} ${done}`)
  return 0
}
