import { afterEach, describe, expect, it } from 'vitest'
import { StopRequests } from './stop-requests.js'

let stops: StopRequests | undefined
let now = 1_000

afterEach(() => stops?.close())

const interrupt = (): void => void process.emit('SIGINT', 'SIGINT')

describe('requests to stop', () => {
  it('counts every one', () => {
    stops = new StopRequests({ env: {}, now: () => now })
    interrupt()
    interrupt()
    process.emit('SIGTERM', 'SIGTERM')
    expect(stops.count).toBe(3)
  })

  it('counts a terminal that was closed once, however it is told', () => {
    stops = new StopRequests({ env: {}, now: () => now })
    process.emit('SIGHUP', 'SIGHUP')
    process.emit('SIGHUP', 'SIGHUP')
    expect(stops.count).toBe(1)
    interrupt()
    expect(stops.count).toBe(2)
  })

  it('counts a Ctrl-C that npm passes on once, and the next press again', () => {
    stops = new StopRequests({ env: { npm_lifecycle_event: 'start' }, now: () => now })
    interrupt()
    now += 5
    interrupt()
    expect(stops.count).toBe(1)
    now += 400
    interrupt()
    now += 5
    interrupt()
    expect(stops.count).toBe(2)
  })
})
