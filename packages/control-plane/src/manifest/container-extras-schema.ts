import { z } from 'zod'
import { filled, flag, size, whole } from './schema-values.js'

const values = (what: string) =>
  z.union(
    [
      z.array(filled(what)).max(100),
      z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()], { error: 'expected a value' })),
    ],
    { error: `expected a list of ${what}, or a map` },
  )

const list = (what: string) => z.array(filled(what), { error: `expected a list: ${what}` }).max(100)

const limit = () => whole(-1, 9_007_199_254_740_991)

/** What Compose's users say of a container beside what every one has. */
export const containerExtraFields = {
  entrypoint: z
    .union([z.string(), z.array(z.string({ error: 'expected text' }))], { error: 'expected a text or a list' })
    .optional()
    .describe(
      "What is started in place of the image's entry point, and is given the command; no shell reads it. []: the command by itself.",
    ),
  cap_drop: list('a capability')
    .optional()
    .describe('Capabilities that a container has not. Default: all, but for cap_add.'),
  init: flag().optional().describe('Whether an init process passes signals on and reaps. Default: true.'),
  extra_hosts: values('name=address')
    .optional()
    .describe('Addresses by name, for /etc/hosts; the address host-gateway is that of this machine.'),
  labels: values('name=value').optional().describe('Labels of the container.'),
  shm_size: size(1, '1').optional().describe("Size of /dev/shm. Default: the engine's, mostly 64M."),
  ulimits: z
    .record(
      z.string().regex(/^[a-z]+$/, { error: 'this is not a name of a limit' }),
      z.union([limit(), z.strictObject({ soft: limit().describe('At first.'), hard: limit().describe('At most.') })], {
        error: 'expected a number or { soft, hard }',
      }),
      { error: 'expected a map of names and numbers' },
    )
    .optional()
    .describe('Limits of the kernel, for example nofile: 65536; -1: none.'),
  sysctls: values('name=value').optional().describe('Settings of the kernel for the container alone.'),
  dns: z
    .union([filled('an address'), list('an address')], { error: 'expected an address or a list of addresses' })
    .optional()
    .describe('Name servers for what the engine does not know itself.'),
}
