import { z } from 'zod'
import { filled, flag } from './schema-values.js'

const ports = (what: string) =>
  z
    .array(z.union([filled(what), z.number()], { error: `expected ${what}` }), { error: `expected a list of ${what}` })
    .max(100)

/** Ways to a service beside the edge and the mesh. */
export const listenFields = {
  listen: ports('addresses such as 127.0.0.1:5432')
    .optional()
    .describe(
      'Addresses of the gateway that lead to this service alone, whatever it speaks: 5432 (on loopback) or 0.0.0.0:5432.',
    ),
}

/** How a container stands in its network, when not only the mesh is to find it. */
export const networkFields = {
  aliases: z
    .array(filled('a name'))
    .max(20)
    .optional()
    .describe(
      'Names that lead other containers of the app to this one, at its own ports. With them it is given no $PORT and no address.',
    ),
  published: ports('ports such as 127.0.0.1:5353:53/udp')
    .optional()
    .describe(
      "Ports that the engine itself opens on this machine, as Compose's ports: for one replica, stopped first.",
    ),
  hostname: filled('a name').optional().describe('What the container calls itself.'),
  engine_defaults: flag()
    .optional()
    .describe(
      "true: the engine's usual capabilities, new privileges, and no limit of processes, where nothing else is said. Default: false.",
    ),
  no_new_privileges: flag()
    .optional()
    .describe(
      'Whether a program is kept from privileges that it did not start with. Default: true, but with engine_defaults.',
    ),
}
