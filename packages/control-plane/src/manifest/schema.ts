import { z } from 'zod'
import { authenticationFields } from './authentication-schema.js'
import { defaultLimits } from './defaults.js'
import { containerExtraFields } from './container-extras-schema.js'
import { containerFields, secretsSchema, volumesSchema } from './container-schema.js'
import { driverField, generatedImageFields } from './driver-schema.js'
import { listenFields, networkFields } from './network-schema.js'
import { autoscaleSchema } from './autoscale-schema.js'
import { developSchema } from './develop-schema.js'
import { gatewayResilienceFields, serviceResilienceFields } from './resilience-schema.js'
import { rolloutSchema } from './rollout-schema.js'
import { scheduleSchema } from './schedule-schema.js'
import { routeSchema } from './route-schema.js'
import { tlsFields } from './tls-schema.js'
import { gatewayTrafficFields } from './route-traffic-schema.js'
import {
  duration,
  durationOfAtLeast,
  filled,
  flag,
  label,
  port,
  portOrFree,
  positive,
  size,
  variablePattern,
  whole,
} from './schema-values.js'
import { formatDuration, formatSize } from './units.js'

/**
 * The manifest as it is written, the one source of what is allowed: the reader checks by it, the JSON Schema and the reference
 * are made from it. Words are Compose's where Compose has the idea. Defaults and everything that needs more than one field are
 * the reader's.
 */

const command = () =>
  z.union(
    [filled('a command'), z.array(z.string({ error: 'expected text' })).min(1, { error: 'expected a program' })],
    {
      error: 'expected a command or a list of its words',
    },
  )

export const buildKinds = ['python', 'node', 'go', 'rust', 'java-maven', 'dockerfile', 'none'] as const

const environmentValue = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: 'expected text, a number, true, false, or nothing (to hand the variable on)',
})

const environment = z.union(
  [
    z.record(z.string().regex(variablePattern, { error: 'this is not a name of a variable' }), environmentValue),
    z.array(filled('NAME=value')),
  ],
  { error: 'expected a map of names and values, or a list of NAME=value' },
)

const build = z.union(
  [
    filled('a folder'),
    z.strictObject({
      context: filled('a folder').optional().describe("The service's folder. Default: the folder of the manifest."),
      kind: z
        .enum(buildKinds)
        .optional()
        .describe(
          'How it is built and what starts it. Default: found out from the files in the folder. none: nothing is built.',
        ),
      command: filled('a command').optional().describe('Your own build command, run in a copy of the folder by sh -c.'),
      dockerfile: filled('a file')
        .optional()
        .describe('The recipe of the image, seen from the context. Default: Dockerfile, else Containerfile.'),
      args: environment
        .optional()
        .describe("Values of the recipe's ARGs; one without a value is taken from the environment of pando."),
      target: filled('a stage').optional().describe('The stage of the recipe to stop at. Default: the last.'),
      ...generatedImageFields,
      ignore: z
        .array(filled('a pattern'))
        .optional()
        .describe('What of the folder is no source, in the words of a .gitignore: a change in it deploys nothing.'),
      snapshot: flag()
        .optional()
        .describe('false: built in and run from the folder as it is, so that a change of code deploys nothing.'),
    }),
  ],
  { error: 'expected a folder or a map with context, kind and command' },
)

const envFile = z.union(
  [
    filled('a file'),
    z.array(
      z.union(
        [
          filled('a file'),
          z.strictObject({
            path: filled('a file').describe('The file.'),
            required: flag().optional().describe('false: no mistake when it is missing. Default: true.'),
          }),
        ],
        { error: 'expected a file or { path, required }' },
      ),
    ),
  ],
  { error: 'expected a file or a list of files' },
)

export const dependencyConditions = ['service_started', 'service_healthy', 'service_completed_successfully'] as const

const dependsOn = z.union(
  [
    z.array(filled('the name of a service')),
    z.record(
      z.string(),
      z.strictObject({
        condition: z.enum(dependencyConditions).optional().describe('Default: service_started.'),
        required: flag().optional().describe('false: no mistake when that service is not there. Default: true.'),
      }),
    ),
  ],
  { error: 'expected a list of services, or a map of services and conditions' },
)

const healthcheck = z.union(
  [
    filled('a path such as /healthz'),
    z.strictObject({
      http: filled('a path such as /healthz').optional().describe('GET of this path: 200 to 399 is healthy.'),
      grpc: z
        .union([z.string(), z.literal(true)], { error: 'expected true or the name of a gRPC service' })
        .optional()
        .describe('grpc.health.v1.Health/Check; true asks for the whole server.'),
      tcp: z.literal(true, { error: 'expected true' }).optional().describe('A connection that is accepted is healthy.'),
      command: command().optional().describe('Run beside the instance, in its environment: exit code 0 is healthy.'),
      test: z
        .union([filled('a command'), z.array(z.string()).min(1)], {
          error: 'expected a command or a list such as [CMD, ...]',
        })
        .optional()
        .describe("Compose's form of command: text, [CMD, ...], [CMD-SHELL, text] or [NONE]."),
      disable: flag().optional().describe('true: nothing is asked, an instance is healthy while it runs.'),
      interval: durationOfAtLeast(100).optional().describe('From one check to the next. Default: 2s.'),
      timeout: durationOfAtLeast(10).optional().describe('An answer that takes longer is a failure. Default: 2s.'),
      fall: whole(1, 100).optional().describe('Failures in a row that make an instance unhealthy. Default: 3.'),
      retries: whole(1, 100).optional().describe("Compose's word for fall."),
      rise: whole(1, 100)
        .optional()
        .describe('Successes in a row that make an unhealthy instance healthy again. Default: 1.'),
      startup: duration()
        .optional()
        .describe(
          'Failures in this time after the start do not count; not healthy by its end is a failed start. Default: 60s.',
        ),
      start_period: duration().optional().describe("Compose's word for startup."),
    }),
  ],
  { error: 'expected a path such as /healthz, or a map' },
)

const memory = () => size(1_048_576, '1M')

export const serviceSchema = z
  .strictObject({
    build: build.optional().describe("The service's folder, or more about how it is built."),
    ...driverField,
    ...containerFields,
    ...containerExtraFields,
    ...networkFields,
    ...listenFields,
    command: command()
      .optional()
      .describe(
        'What starts it. Text is run by sh -c, so that $PORT works; a list is executed as it is. Default: what the kind of program says.',
      ),
    working_dir: filled('a folder')
      .optional()
      .describe("Where it runs, seen from the service's folder. Default: that folder."),
    environment: environment
      .optional()
      .describe('Its variables. A name without a value hands on the variable of whoever starts Pando.'),
    env_file: envFile.optional().describe('Files of NAME=value lines; environment has the last word.'),
    protocol: z
      .enum(['http', 'grpc', 'h2c', 'tcp', 'none'])
      .optional()
      .describe('What it speaks on its port; none: it listens on nothing. Default: http.'),
    request_trailers: flag()
      .optional()
      .describe('Whether it is sent the trailers of requests over HTTP/1.1; over HTTP/2 it always is. Default: false.'),
    port: port().optional().describe('A port that the program insists on. Default: a free one, given as $PORT.'),
    routes: z
      .array(routeSchema, { error: 'expected a list of routes' })
      .max(200)
      .optional()
      .describe('Ways in through the gateway.'),
    depends_on: dependsOn.optional().describe('Services that start before it.'),
    healthcheck: healthcheck
      .optional()
      .describe('How to ask whether an instance is well. Text is a path. Default: a connection to its port.'),
    replicas: whole(0, 100)
      .optional()
      .describe('How many instances run; with autoscale, how many it begins with. Default: 1.'),
    schedule: scheduleSchema.optional().describe('Runs it to its end at these times, instead of all the time.'),
    autoscale: autoscaleSchema.optional().describe('Changes the replicas by the load.'),
    restart: z
      .enum(['no', 'always', 'on-failure', 'unless-stopped'])
      .optional()
      .describe('What happens when an instance ends by itself. Default: always; unless-stopped means the same.'),
    resources: z
      .strictObject({
        memory: memory().optional().describe('For example 256M.'),
        cpus: positive(1024).optional().describe('Processors, for example 0.5.'),
      })
      .optional()
      .describe('The most that an instance may use.'),
    mem_limit: memory().optional().describe("Compose's word for resources.memory."),
    cpus: positive(1024).optional().describe("Compose's word for resources.cpus."),
    ...serviceResilienceFields,
    stop_signal: z
      .enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'])
      .optional()
      .describe('What asks it to stop. Default: SIGTERM.'),
    stop_grace_period: duration().optional().describe('Time from that signal to SIGKILL. Default: 10s.'),
    drain_timeout: duration()
      .optional()
      .describe('The longest that an instance may finish what is in flight before it is asked to stop. Default: 30s.'),
    develop: developSchema.optional().describe('How it is developed; read by pando up --watch.'),
    rollout: rolloutSchema.optional().describe('How it goes from one revision to the next.'),
    logs: z
      .strictObject({
        max_size: size(1024, '1K').optional().describe('A log file is put aside at this size. Default: 10M.'),
        max_files: whole(1, 100).optional().describe('Files kept of one instance. Default: 5.'),
      })
      .optional()
      .describe('How much of its output is kept.'),
    profiles: z
      .array(filled('a profile'))
      .optional()
      .describe('Only started when one of these is asked for. Default: always.'),
  })
  .meta({ id: 'service', description: 'A named workload. Two lines are enough: its name and the folder to build.' })

const count = (key: keyof typeof defaultLimits, maximum: number, minimum = 1) => ({
  schema: whole(minimum, maximum).optional(),
  shown: String(defaultLimits[key]),
})
const bytes = (key: keyof typeof defaultLimits) => ({
  schema: size().optional(),
  shown: formatSize(defaultLimits[key]),
})
const time = (key: keyof typeof defaultLimits, minimum = 1) => ({
  schema: durationOfAtLeast(minimum).optional(),
  shown: formatDuration(defaultLimits[key]),
})

const withDefault = <T extends z.ZodType>({ schema, shown }: { schema: T; shown: string }, text: string): T =>
  schema.describe(`${text} Default: ${shown}.`)

export const limitsSchema = z.strictObject({
  max_target: withDefault(
    bytes('maxTargetBytes'),
    'The target of a request (path and query); 414 above. Not more than max_head.',
  ),
  max_head: withDefault(bytes('maxHeadBytes'), 'The whole head of a request, 1K to 1M; 431 above.'),
  max_headers: withDefault(count('maxHeaders', 1000), 'Headers of a request; 431 above.'),
  max_body: withDefault(bytes('maxBodyBytes'), 'The body of a request; 413 above. 0: no limit.'),
  head_timeout: withDefault(
    time('headTimeoutMs'),
    'From the first byte of a request to the end of its head; 408 after.',
  ),
  keep_alive_timeout: withDefault(time('keepAliveTimeoutMs'), 'Between two requests on one connection.'),
  idle_timeout: withDefault(
    time('idleTimeoutMs'),
    'Without a byte in either direction while a request is under way; 408 or 504 after.',
  ),
  request_timeout: withDefault(
    time('requestTimeoutMs', 0),
    'The whole exchange; 504 after. 0: none, so that streams live.',
  ),
  connect_timeout: withDefault(time('connectTimeoutMs'), 'For a connection to an instance.'),
  max_connections: withDefault(count('maxConnections', 1_000_000), 'Connections of clients to one worker.'),
  max_connections_per_client: whole(0, 1_000_000)
    .optional()
    .describe(
      'Of these, the ones to the edge from one address, of IPv6 from one /64; trusted_proxies have no limit. Default: 0, no limit.',
    ),
  max_connections_per_endpoint: withDefault(
    count('maxConnectionsPerEndpoint', 1_000_000),
    'Connections of one worker to one instance.',
  ),
  max_pending: withDefault(
    count('maxPending', 1_000_000, 0),
    'Requests of one service that wait in one worker; 503 above.',
  ),
  pending_timeout: withDefault(time('pendingTimeoutMs', 0), 'How long such a request waits; 503 after.'),
  max_retries: withDefault(
    count('maxRetries', 10, 0),
    'How often a request whose connection failed is sent again, where that cannot hurt.',
  ),
})

export const gatewaySchema = z
  .strictObject({
    host: filled('an address')
      .optional()
      .describe('The address it listens on; 0.0.0.0 to be reached from other machines. Default: 127.0.0.1.'),
    port: portOrFree().optional().describe('0: a free one. Default: 8080.'),
    workers: whole(1, 256)
      .optional()
      .describe(
        'Worker processes; a gateway that runs keeps its number until pando down and up. Default: one a processor.',
      ),
    access_log: flag().optional().describe('Writes a line a request. Default: false.'),
    health_path: filled('a path')
      .optional()
      .describe(
        'GET and HEAD of exactly this path are answered by the gateway itself, before all routes: 200, and 503 once it drains. Default: none.',
      ),
    ...gatewayTrafficFields,
    ...gatewayResilienceFields,
    ...tlsFields,
    route_files: z
      .array(filled('a file'), { error: 'expected a list of files' })
      .min(1, { error: 'expected at least one file' })
      .max(100)
      .optional()
      .describe('Files with HTTPRoute and GRPCRoute documents of the Gateway API, which are taken as they are.'),
    limits: limitsSchema.optional().describe('All are on by default, but for max_connections_per_client.'),
    ...authenticationFields,
  })
  .meta({ id: 'gateway', description: 'Where traffic from outside comes in.' })

export const apiSchema = z
  .strictObject({
    host: filled('an address').optional().describe('Default: 127.0.0.1.'),
    port: portOrFree().optional().describe('0: a free one. Default: 7700.'),
  })
  .meta({ id: 'api', description: 'Where the control API and the dashboard listen.' })

export const includeSchema = z.array(
  z.union([filled('a file'), z.strictObject({ path: filled('a file').describe('The file.') })], {
    error: 'expected a file or { path: file }',
  }),
  { error: 'expected a list of files' },
)

export const longestServiceName = 40

export const manifestSchema = z
  .strictObject({
    name: label(63).optional().describe('The name of the app. Default: the name of the folder.'),
    include: includeSchema
      .optional()
      .describe('Other manifests whose services belong to this app; their paths are seen from their own folder.'),
    services: z.record(label(longestServiceName), serviceSchema).optional().describe('The services by name.'),
    secrets: secretsSchema.optional().describe('Files that services may name under their own secrets.'),
    volumes: volumesSchema.optional().describe('Volumes of the engine, which outlive pando down.'),
    gateway: gatewaySchema.optional(),
    api: apiSchema.optional(),
    version: z
      .union([z.string(), z.number()])
      .optional()
      .describe("Compose's old version of the file; has no meaning."),
  })
  .meta({ title: 'Pando manifest', description: 'pando.yaml: one system of services.' })

export type ServiceInput = z.infer<typeof serviceSchema>
export type GatewayInput = z.infer<typeof gatewaySchema>
export type ApiInput = z.infer<typeof apiSchema>
