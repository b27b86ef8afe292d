import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { RateLimitStoreSpec } from '@pando/model'
import { type Limit, publicKey } from './limit.js'
import type { SharedLimits, SharedTaking } from './rate-limit-policy.js'
import { parseRedisUrl } from './redis-address.js'
import { RedisConnection } from './redis-connection.js'
import { RespError, type Reply } from './resp-parser.js'

/**
 * The arithmetic of `Rate` on the store's own clock, for all limits of a request in one step: KEYS are buckets, ARGV three whole numbers for
 * each: cost, units a millisecond, capacity. A bucket is kept as `debt:time` until it would be full again. Answers 1 or 0, then the debts.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local debts, times, granted = {}, {}, 1
for i = 1, #KEYS do
  local debt, at = 0, now
  local kept = redis.call('GET', KEYS[i])
  if kept then
    local colon = string.find(kept, ':', 1, true)
    debt, at = tonumber(string.sub(kept, 1, colon - 1)), tonumber(string.sub(kept, colon + 1))
    if now > at then debt, at = math.max(0, debt - (now - at) * ARGV[3 * i - 1]), now end
  end
  debts[i], times[i] = debt, at
  if debt + ARGV[3 * i - 2] > tonumber(ARGV[3 * i]) then granted = 0 end
end
local answer = { granted }
for i = 1, #KEYS do
  if granted == 1 then
    debts[i] = debts[i] + ARGV[3 * i - 2]
    local left = math.ceil(debts[i] / ARGV[3 * i - 1]) + times[i] - now + 1
    redis.call('SET', KEYS[i], string.format('%.0f:%.0f', debts[i], times[i]), 'PX', string.format('%.0f', left))
  end
  answer[i + 1] = string.format('%.0f', debts[i])
end
return answer
`
const scriptId = createHash('sha1').update(script).digest('hex')

export interface RedisLimitsOptions {
  readonly onTrouble: (message: string) => void
  /** One request was not counted. */
  readonly onUncounted: () => void
}

/** Limits counted in a Redis-compatible store, so that several gateways of an app share them. Works with one node, not with a cluster. */
export class RedisLimits implements SharedLimits {
  readonly onFailure: RateLimitStoreSpec['onFailure']
  readonly #app: string
  readonly #spec: string
  readonly #connection: RedisConnection
  readonly #onUncounted: () => void
  #warning: string | null = null

  constructor(app: string, spec: RateLimitStoreSpec, options: RedisLimitsOptions) {
    this.onFailure = spec.onFailure
    this.#onUncounted = options.onUncounted
    this.#app = app
    this.#spec = JSON.stringify(spec)
    this.#connection = new RedisConnection({
      address: async () => parseRedisUrl(spec.url.kind === 'url' ? spec.url.url : await readAddress(spec.url.file)),
      timeoutMs: spec.timeoutMs,
      onState: (failure) => {
        const then = {
          local: "this gateway's own count is gone by",
          allow: 'shared limits let all pass',
          deny: 'requests are refused',
        }
        const wasAway = this.#warning !== null
        this.#warning =
          failure === null
            ? null
            : `the store of the rate limits does not answer (${failure}); meanwhile ${then[spec.onFailure]}`
        if (this.#warning === null) options.onTrouble('the store of the rate limits answers')
        else if (!wasAway) options.onTrouble(this.#warning)
      },
    })
  }

  /** Why limits are not counted together at present; null while they are. */
  get warning(): string | null {
    return this.#warning
  }

  isOf(app: string, spec: RateLimitStoreSpec | null): boolean {
    return spec !== null && app === this.#app && JSON.stringify(spec) === this.#spec
  }

  async take(limits: readonly Limit[], keys: readonly string[]): Promise<SharedTaking | null> {
    const buckets = limits.map(({ id }, index) => `pando:${this.#app}:limit:${id}:${publicKey(keys[index] as string)}`)
    const rest = [
      String(limits.length),
      ...buckets,
      ...limits.flatMap(({ rate }) => [rate.cost, rate.perMs, rate.capacity].map(String)),
    ]
    let reply = await this.#connection.command(['EVALSHA', scriptId, ...rest])
    // The store has started anew, or nobody has asked it yet.
    if (reply instanceof RespError && reply.message.startsWith('NOSCRIPT')) {
      reply = await this.#connection.command(['EVAL', script, ...rest])
    }
    const taking = takingOf(reply, limits.length)
    if (taking === null) this.#onUncounted()
    return taking
  }

  close(): void {
    this.#connection.close()
  }
}

async function readAddress(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Error(`${file} with the address of the store cannot be read: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
    })
  }
}

function takingOf(reply: Reply | null, count: number): SharedTaking | null {
  if (!Array.isArray(reply) || reply.length !== count + 1) return null
  const numbers = (reply as readonly Reply[]).map(Number)
  if (numbers.some((value) => !Number.isSafeInteger(value))) return null
  return { isGranted: numbers[0] === 1, debts: numbers.slice(1) }
}
