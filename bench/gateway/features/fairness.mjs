import { Agent, request } from 'node:http'
import { commonHeaders } from '../load.mjs'
import { expect } from './variants.mjs'

/** What is compared must do the same. Resolves with what is worth telling of it. */
export async function requireFairness({ feature, proxy, without, with: having }, scenario, cast, folder) {
  const { refuses } = feature
  try {
    const probe = { ...having, key: proxy.key, folder, ask: asker(having.running, scenario) }
    const before =
      without === null ? {} : { askWithout: asker(without.running, scenario), adminSocketWithout: without.adminSocket }
    const note = await feature.check?.({ ...probe, ...before })
    if (refuses !== undefined) {
      await cast.withOther(proxy, refuses.variant, `${having.running.name}-strict`, async (strict) =>
        expect(await refusesBy(asker(strict, scenario), refuses.status), `nothing is refused with ${refuses.status}`),
      )
    }
    return note
  } catch (error) {
    throw new Error(`${proxy.name}, ${feature.name}: ${error.message}`, { cause: error })
  }
}

/** One of several requests, as limits let some pass. */
async function refusesBy(ask, status) {
  for (let asked = 0; asked < 10; asked++) if ((await ask('/small')).status === status) return true
  return false
}

/** Asks as the load does, with `own` headers instead; an empty one is left out. */
function asker({ port }, { headers = {} }) {
  return (path, own = {}) =>
    new Promise((done, reject) => {
      const fields = Object.entries({ ...commonHeaders, ...headers, ...own }).filter(([, value]) => value !== '')
      const to = { port, path, headers: Object.fromEntries(fields), agent: new Agent() }
      const sent = request({ host: '127.0.0.1', ...to }, async (response) => {
        const chunks = []
        for await (const chunk of response) chunks.push(chunk)
        const body = Buffer.concat(chunks)
        done({ status: response.statusCode, headers: response.headers, body, text: body.toString() })
      })
      sent.on('error', reject).end()
    })
}
