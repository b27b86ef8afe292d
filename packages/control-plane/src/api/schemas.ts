import { z } from '@hono/zod-openapi'
import { errorCodes, eventKinds } from '@pando/model'
import type * as model from '@pando/model'
import type { ApplyRequest, ApplyResult } from './app-control.js'
import { wholeSchema } from './whole-schema.js'

/** The control API's bodies. Each is held to the model's type, so that neither can change without the other. */
const time = () => z.number().int().describe('Unix time, milliseconds')
const text = () => z.string()
const count = () => z.number().int().min(0)

export const address = wholeSchema<model.Address>()(
  z.strictObject({ host: z.string().min(1).max(255), port: z.number().int().min(1).max(65_535) }).openapi('Address'),
)

const protocol = z.enum(['http', 'grpc', 'h2c', 'tcp', 'none'])

export const problem = wholeSchema<model.Problem>()(
  z
    .object({
      type: text().describe('urn:pando:error:CODE'),
      title: text(),
      status: z.number().int(),
      code: z.enum(Object.keys(errorCodes) as [model.ErrorCode, ...model.ErrorCode[]]),
      hint: text().optional().describe('What to do next'),
      diagnostics: z
        .array(
          z.object({
            file: text(),
            line: z.number().int().min(1),
            column: z.number().int().min(1),
            path: text(),
            message: text(),
            hint: text().optional(),
          }),
        )
        .optional(),
    })
    .openapi('Problem', { description: 'RFC 9457 problem details' }),
)

const instanceStatus = wholeSchema<model.InstanceStatus>()(
  z
    .object({
      id: text(),
      service: text(),
      slot: count(),
      revision: text(),
      phase: z.enum(['starting', 'healthy', 'unhealthy', 'draining', 'stopping', 'exited']),
      pid: z.number().int().nullable(),
      address: address.nullable(),
      startedAt: time(),
      restarts: count(),
      detail: text(),
      memoryBytes: z.number().nullable(),
      cpuSeconds: z.number().nullable(),
    })
    .openapi('InstanceStatus'),
)

export const serviceStatus = wholeSchema<model.ServiceStatus>()(
  z
    .object({
      name: text(),
      state: z.enum(['building', 'waiting', 'starting', 'ready', 'degraded', 'failed', 'stopped', 'completed']),
      reason: text().describe('One sentence that explains the state, empty when ready'),
      waitsFor: z
        .union([
          z.object({ kind: z.literal('service'), service: text() }),
          z.object({ kind: z.enum(['build', 'restart', 'request']) }),
        ])
        .optional()
        .describe('Absent when it waits for nothing'),
      protocol,
      revision: text(),
      replicas: count(),
      autoscale: z.object({ min: count(), max: count() }).optional(),
      healthy: count(),
      address: address.nullable(),
      routes: z.array(text()),
      instances: z.array(instanceStatus),
      rollout: z
        .object({
          state: z.enum(['progressing', 'succeeded', 'failed']),
          strategy: z.enum(['rolling', 'canary', 'blue-green']),
          from: text().nullable(),
          to: text(),
          since: time(),
          step: count(),
          steps: count(),
          weight: z.number().nullable().describe('Percent of the requests that the new revision is given'),
          isRollback: z.boolean(),
          waitsForPromote: z.literal(true).optional().describe('Only pando promote leads on'),
          reason: text(),
        })
        .optional()
        .describe('The present or the last one'),
      withheld: z
        .object({
          ejected: z.array(z.object({ instance: text(), error: text() })),
          openCircuits: count().describe('Workers of the gateway whose circuit breaker is open'),
          workers: count(),
        })
        .optional()
        .describe('What the gateway keeps from it because of what it answers'),
    })
    .openapi('ServiceStatus'),
)

export const appStatus = wholeSchema<model.AppStatus>()(
  z
    .object({
      name: text(),
      manifest: text(),
      pid: z.number().int(),
      startedAt: time(),
      state: z.enum(['running', 'stopping']),
      driver: z
        .enum(['process', 'container'])
        .optional()
        .describe('Of services that do not say it; absent: as they are'),
      gateway: z.object({
        state: z.enum(['starting', 'ready', 'down']),
        address,
        pid: z.number().int().nullable(),
        workers: count(),
        errors: z.array(text()),
        warnings: z.array(text()).optional().describe('What stops nothing and should be seen to'),
        tls: address.optional().describe('Where it is reached encrypted'),
      }),
      api: address,
      services: z.array(serviceStatus),
      faults: z.array(text()).optional().describe('What is wrong with the control plane itself'),
    })
    .openapi('AppStatus'),
)

export const applyRequest = wholeSchema<ApplyRequest>()(
  z
    .strictObject({
      manifest: z.string().min(1).max(4_096).startsWith('/').describe('Absolute path of the manifest'),
      variables: z
        .record(z.string().min(1).max(256), z.string().max(65_536))
        .describe('Values for ${NAME} in the manifest'),
    })
    .openapi('ApplyRequest'),
)

export const applyResult = wholeSchema<ApplyResult>()(
  z
    .object({ added: z.array(text()), changed: z.array(text()), removed: z.array(text()), unchanged: z.array(text()) })
    .openapi('ApplyResult'),
)

export const scaleRequest = z.strictObject({ replicas: z.number().int().min(0).max(1_000) }).openapi('ScaleRequest')

export const event = wholeSchema<model.PandoEvent>()(
  z
    .object({
      seq: count().describe('Grows by one an event; `after` resumes behind it'),
      at: time(),
      kind: z.enum(Object.keys(eventKinds) as [model.EventKind, ...model.EventKind[]]),
      service: text().nullable(),
      instance: text().nullable(),
      message: text(),
    })
    .openapi('Event'),
)

export const logLine = wholeSchema<model.LogLine>()(
  z.object({ service: text(), instance: text(), at: time().nullable(), line: text() }).openapi('LogLine'),
)

export const endpointState = z.enum(['starting', 'healthy', 'unhealthy', 'draining'])

export const endpoint = wholeSchema<model.Endpoint>()(
  z
    .object({
      id: text(),
      service: text(),
      address,
      state: endpointState,
      revision: text().nullable(),
      weight: z.number().int().min(0).max(1_000),
      metadata: z.record(z.string(), z.string()),
      source: z.enum(['pando', 'self']),
    })
    .openapi('Endpoint'),
)

export const registration = wholeSchema<model.Registration>()(
  z
    .strictObject({
      address,
      ttl: z
        .number()
        .min(1)
        .max(3_600)
        .describe('Seconds until it is forgotten unless renewed; renew at least every third of it'),
      state: endpointState.optional().describe('healthy by default'),
      weight: z.number().int().min(0).max(1_000).optional().describe('Share of traffic, 100 by default'),
      revision: z.string().min(1).max(64).optional(),
      metadata: z.record(z.string(), z.string()).optional().describe('At most 64 entries and 8192 bytes'),
    })
    .openapi('Registration'),
)

export const lease = wholeSchema<model.Lease>()(z.object({ endpoint, expiresAt: time() }).openapi('Lease'))

export const registryService = z
  .object({ name: text(), endpoints: count(), healthy: count() })
  .openapi('RegistryService')

const workerEnds = z
  .object({
    count: count(),
    told: count(),
    recent: z
      .array(
        z.object({
          number: count(),
          at: time(),
          worker: count(),
          workers: count(),
          how: z.string().max(500),
          hasServed: z.boolean(),
          inARow: count(),
          pauseMs: count().nullable(),
          error: z.string().max(500),
          lines: z.array(z.string().max(500)).max(20),
        }),
      )
      .max(20),
  })
  .describe('Workers that have ended without being told to, since the gateway started')

export const gatewayReport = wholeSchema<model.GatewayReport>()(
  z
    .strictObject({
      gateway: z.string().min(1).max(128),
      pid: z.number().int().min(0),
      epoch: z.string().max(64),
      applied: z.number().int().min(-1),
      workers: count(),
      draining: z.record(z.string(), count()),
      held: z.record(z.string(), count()).optional(),
      listenerErrors: z.record(z.string(), z.string()),
      listenerWarnings: z.record(z.string(), z.array(z.string())).optional(),
      ejected: z.record(z.string(), z.object({ service: z.string(), error: z.string() })).optional(),
      authenticatorWarnings: z.record(z.string(), z.array(z.string())).optional(),
      storeWarnings: z.record(z.string(), z.array(z.string())).optional(),
      openCircuits: z.record(z.string(), count()).optional(),
      workerEnds: workerEnds.optional(),
    })
    .openapi('GatewayReport'),
)
