import { defaultAutoscale } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { Autoscaler, type Move, type ScaledService } from './autoscaler.js'

/** One service, its gateway and its clock, all imagined; `look` lets a second go by. */
function stage(changes: Partial<ScaledService> = {}) {
  const state = {
    now: 1_000_000,
    figures: null as { inFlight: number; requests: number } | null,
    isStuck: false,
    service: {
      name: 'api',
      spec: {
        ...defaultAutoscale,
        min: 0,
        max: 8,
        concurrency: 10,
        rps: null,
        cpuPercent: null,
        memoryPercent: null,
        idleMs: 30_000,
      },
      replicas: 1,
      isRolling: false,
      limits: { cpus: null, memoryBytes: null },
      healthy: [],
      ...changes,
    } as ScaledService,
  }
  const moves: Move[] = []
  const make = (): Autoscaler =>
    new Autoscaler({
      clock: { now: () => state.now, after: () => () => undefined },
      services: () => [state.service],
      figures: async () => {
        if (state.figures === null) throw new Error('there is no gateway')
        return new Map([['api', state.figures]])
      },
      usage: async () => null,
      move: async (_service, move) => {
        moves.push(move)
        if (state.isStuck) await new Promise(() => undefined)
        state.service = { ...state.service, replicas: move.to }
      },
      onFault: (what, error) => {
        throw new Error(what, { cause: error })
      },
    })
  let autoscaler = make()
  return {
    state,
    moves,
    restart: () => (autoscaler = make()),
    noteHeld: (held: Record<string, number>) => autoscaler.noteHeld(held),
    async look(seconds: number, figures: { inFlight: number; requests: number } | null): Promise<number> {
      state.figures = figures
      for (let second = 0; second < seconds; second++) {
        state.now += 1000
        await autoscaler.look()
        await Promise.resolve()
      }
      return state.service.replicas
    },
  }
}

describe('the autoscaler', () => {
  it('moves nothing without figures, however long', async () => {
    const { look } = stage({ replicas: 5 })
    expect(await look(600, null)).toBe(5)
  })

  it('follows a load up, and down again a window after it is gone', async () => {
    const { look } = stage()
    expect(await look(60, { inFlight: 78, requests: 1 })).toBe(8)
    expect(await look(30, { inFlight: 9, requests: 2 })).toBe(8)
    expect(await look(60, { inFlight: 9, requests: 3 })).toBe(1)
  })

  it('takes nothing away in the first window of a new life', async () => {
    const { look, restart } = stage()
    await look(60, { inFlight: 78, requests: 1 })
    restart()
    expect(await look(50, { inFlight: 1, requests: 1 })).toBe(8)
  })

  it('lets a service sleep after its idle time, and not while requests come', async () => {
    const { look } = stage()
    for (let requests = 0; requests < 40; requests++) await look(3, { inFlight: 0, requests })
    expect(await look(28, { inFlight: 0, requests: 39 })).toBe(1)
    expect(await look(5, { inFlight: 0, requests: 39 })).toBe(0)
  })

  it('counts no time as idle in which the gateway said nothing', async () => {
    const { look } = stage()
    await look(20, { inFlight: 0, requests: 1 })
    await look(20, null)
    expect(await look(15, { inFlight: 0, requests: 1 })).toBe(1)
  })

  it('wakes a service at once when a request is held for it, with one order', () => {
    const { noteHeld, moves, state } = stage({ replicas: 0 })
    state.isStuck = true
    noteHeld({ other: 1 })
    expect(moves).toEqual([])
    noteHeld({ api: 1 })
    noteHeld({ api: 50 })
    expect(moves).toEqual([{ from: 0, to: 1, why: 'a request waits for it' }])
  })

  it('does not believe for long what a gateway has held', async () => {
    const { noteHeld, look, moves, state } = stage({ replicas: 1 })
    noteHeld({ api: 1 })
    state.service = { ...state.service, replicas: 0 }
    state.now += 11_000
    expect(await look(5, { inFlight: 0, requests: 0 })).toBe(0)
    expect(moves).toEqual([])
  })
})
