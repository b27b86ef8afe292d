import { z } from 'zod'
import { filled, flag, size, whole } from './schema-values.js'

const mount = z.union(
  [
    filled('source:target'),
    z.strictObject({
      type: z
        .enum(['bind', 'volume', 'tmpfs'])
        .describe('A folder of this machine, a volume of the engine, or memory.'),
      source: filled('a source')
        .optional()
        .describe('The folder, seen from that of the manifest, or the name of the volume.'),
      target: filled('a path').describe('Where the container finds it.'),
      read_only: flag().optional().describe('Default: false.'),
      bind: z
        .strictObject({
          create_host_path: flag().optional().describe('true: a folder that is not there is made. Default: false.'),
        })
        .optional()
        .describe('More of a folder of this machine.'),
      tmpfs: z
        .strictObject({ size: size().optional().describe('The most that it holds.') })
        .optional()
        .describe('More of one in memory.'),
    }),
  ],
  { error: 'expected source:target, or a map with type, source and target' },
)

const texts = (what: string) => z.array(filled(what), { error: `expected a list: ${what}` }).max(100)

/** What only a service in a container has, as Compose writes it. */
export const containerFields = {
  image: filled('an image')
    .optional()
    .describe('Runs in a container of this image, fetched when the engine does not have it. Default: as processes.'),
  volumes: z
    .array(mount)
    .max(100)
    .optional()
    .describe('What a container sees of this machine and of the engine: source:target, or source:target:ro.'),
  secrets: texts('the name of a secret').optional().describe('Files that a container finds at /run/secrets/NAME.'),
  read_only: flag().optional().describe('Whether a container may not write its root. Default: true.'),
  tmpfs: z
    .union([filled('a path'), texts('a path')], { error: 'expected a path or a list of paths' })
    .optional()
    .describe('Folders in memory. /tmp is one as long as the root is read-only.'),
  cap_add: texts('a capability')
    .optional()
    .describe('Capabilities that a container is given back. Default: it has none.'),
  pids_limit: whole(1, 4_194_304).optional().describe('Processes and threads of a container. Default: 256.'),
  user: filled('a user').optional().describe("Whom a container runs as. Default: the image's."),
}

export const secretsSchema = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, { error: 'this is not a name of a secret' }),
  z.strictObject({ file: filled('a file').describe('The file, seen from the folder of the manifest.') }),
  { error: 'expected a map of names and files' },
)

export const volumesSchema = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: 'this is not a name of a volume' }),
  z.union([z.null(), z.strictObject({})], { error: 'expected nothing behind the name' }),
  { error: 'expected a map of names' },
)
