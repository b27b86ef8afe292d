import { createRoute, z } from '@hono/zod-openapi'
import type { OpenAPIHono } from '@hono/zod-openapi'
import { PandoError, errorCodes } from '@pando/model'
import type { ErrorCode } from '@pando/model'
import type { Context } from 'hono'
import { suggest } from '../manifest/nearest.js'
import { problem } from './schemas.js'

/** What the server around the API gives every request; absent when the API is called without one. */
export interface ApiBindings {
  /** Aborts when the server closes, so that streams end. */
  readonly closing?: AbortSignal
}

export type Api = OpenAPIHono<{ Bindings: ApiBindings }>
export type ApiContext = Context<{ Bindings: ApiBindings }>

type Shape = z.ZodObject

/** One operation of the control API, once: what is checked, what is documented and what is done. */
export interface Operation<P extends Shape, Q extends Shape, B extends z.ZodType> {
  readonly method: 'get' | 'put' | 'post' | 'delete'
  readonly path: string
  readonly id: string
  readonly tag: 'app' | 'registry' | 'gateway' | 'meta'
  readonly summary: string
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  readonly answer: {
    readonly status: 200 | 202 | 204
    readonly description: string
    readonly type?: string
    readonly schema?: z.ZodType
  }
  /** Codes it may fail with, besides those that every operation may. */
  readonly errors?: readonly ErrorCode[]
}

export interface Input<P extends Shape, Q extends Shape, B extends z.ZodType> {
  readonly params: z.infer<P>
  readonly query: z.infer<Q>
  readonly body: z.infer<B>
}

type Nothing = z.ZodObject<Record<never, never>>

const always: readonly ErrorCode[] = ['usage', 'unauthorized', 'forbidden', 'internal']

/** Adds an operation to the API. A query parameter or a field that it does not name is refused with the nearest one that it does. */
export function define<P extends Shape = Nothing, Q extends Shape = Nothing, B extends z.ZodType = Nothing>(
  api: Api,
  operation: Operation<P, Q, B>,
  handle: (input: Input<P, Q, B>, context: ApiContext) => Response | Promise<Response>,
): void {
  const query = operation.query ?? z.strictObject({})
  const { body, params, answer } = operation
  const route = createRoute({
    method: operation.method,
    path: operation.path,
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    request: {
      query,
      ...(params === undefined ? {} : { params }),
      ...(body === undefined ? {} : { body: { required: true, content: { 'application/json': { schema: body } } } }),
    },
    responses: {
      [answer.status]: {
        description: answer.description,
        ...(answer.schema === undefined
          ? {}
          : { content: { [answer.type ?? 'application/json']: { schema: answer.schema } } }),
      },
      ...problemsOf([...always, ...(operation.errors ?? [])]),
    },
  })
  const shapes: Record<string, unknown> = { query, param: params, json: body }
  const check = (result: { success: boolean; target?: string; error?: unknown }): void => {
    if (!result.success) throw asUsage(result.error as z.ZodError, result.target ?? '', shapes[result.target ?? ''])
  }
  const act = (context: ApiContext): Response | Promise<Response> => {
    const valid = (target: 'query' | 'param' | 'json'): unknown => context.req.valid(target as never)
    const input = { params: valid('param') ?? {}, query: valid('query'), body: valid('json') }
    return handle(input as Input<P, Q, B>, context)
  }
  // The library types a handler by its route; here the operation does that, with the same schemas.
  api.openapi(route, act as never, check as never)
}

function problemsOf(codes: readonly ErrorCode[]): Record<string, object> {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set(codes)) {
    const { status } = errorCodes[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, of]) => [
        status,
        { description: of.join(', '), content: { 'application/problem+json': { schema: problem } } },
      ]),
  )
}

const places: Record<string, string> = { query: 'query parameter', param: 'path', json: 'body' }

function asUsage(error: z.ZodError, target: string, schema: unknown): PandoError {
  const messages = error.issues.slice(0, 8).map((issue) => {
    const place = [places[target] ?? target, issue.path.join('.')].filter((part) => part !== '').join(' ')
    if (issue.code !== 'unrecognized_keys') return `${place}: ${issue.message}`
    return `${place}: unknown ${target === 'query' ? 'parameter' : 'field'} ${issue.keys.map((key) => `"${key}"`).join(', ')}`
  })
  const hint = hintOf(error, schema)
  return new PandoError('usage', messages.join('; '), hint === undefined ? {} : { hint })
}

function hintOf(error: z.ZodError, schema: unknown): string | undefined {
  for (const issue of error.issues) {
    if (issue.code !== 'unrecognized_keys') continue
    const hint = suggest(issue.keys[0] ?? '', keysAt(schema, issue.path))
    if (hint !== undefined) return hint
  }
  return undefined
}

/** The fields that are known at a path inside of an object schema. */
function keysAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  let here = schema
  for (const step of path) here = here instanceof z.ZodObject ? here.shape[String(step)] : undefined
  return here instanceof z.ZodObject ? Object.keys(here.shape) : []
}
