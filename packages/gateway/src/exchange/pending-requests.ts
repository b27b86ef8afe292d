import { tickMs, WheelTimer } from '../timer-wheel.js'
import { QueueDelay } from '../resilience/queue-delay.js'
import type { UpstreamService } from '../upstream.js'
import type { Traffic } from '../http1/traffic.js'

/** What waits in a queue. */
export interface WaitingRequest {
  /** True when it waits no more. */
  tryPending(): boolean
}

/**
 * Requests that wait for a healthy endpoint or a free connection, in their order, a queue a service. A queue is looked at when a
 * connection of the service is free again, when a table is swapped in, and at every tick of the wheel (a suspect's pause may be over).
 */
export class PendingRequests {
  /** Of all services. */
  count = 0
  readonly #traffic: Traffic
  readonly #queues = new Map<UpstreamService, WaitingRequest[]>()
  /** Of each service that ever had a queue; a service that has gone takes its own along. */
  readonly #delays = new WeakMap<UpstreamService, QueueDelay>()
  readonly #timer: WheelTimer<PendingRequests>

  constructor(traffic: Traffic) {
    this.#traffic = traffic
    this.#timer = new WheelTimer<PendingRequests>(this, wakeAll)
  }

  /** False when the service's queue is full. */
  add(service: UpstreamService, request: WaitingRequest): boolean {
    let queue = this.#queues.get(service)
    if (queue === undefined) {
      queue = []
      this.#queues.set(service, queue)
      this.#delayOf(service).noteEmpty(this.#traffic.wheel.now)
    }
    if (queue.length >= this.most(service)) return false
    queue.push(request)
    this.#counted(1)
    if (!this.#timer.isScheduled) this.#traffic.wheel.schedule(this.#timer, tickMs)
    if (service.isAsleep) this.#traffic.onHeld()
    return true
  }

  /** How many of one service may wait. */
  most(service: UpstreamService): number {
    return service.guard?.spec.maxPending ?? this.#traffic.limits.maxPending
  }

  /** Milliseconds that a request of the service may wait which is put in now. */
  patienceMs(service: UpstreamService): number {
    const longestMs = this.#traffic.limits.pendingTimeoutMs
    const { queueMs } = service
    // Without a healthy endpoint it is not the load that they wait for.
    if (queueMs === null || !service.hasEligible || !this.#queues.has(service)) return longestMs
    return this.#delayOf(service).patienceMs(this.#traffic.wheel.now, longestMs, queueMs)
  }

  /** Of one service. */
  of(service: UpstreamService): number {
    return this.#queues.get(service)?.length ?? 0
  }

  remove(service: UpstreamService, request: WaitingRequest): void {
    const queue = this.#queues.get(service)
    const index = queue === undefined ? -1 : queue.indexOf(request)
    if (queue === undefined || index === -1) return
    queue.splice(index, 1)
    this.#counted(-1)
    if (queue.length === 0) this.#queues.delete(service)
  }

  /** Sends as many as can be sent, first come first served. */
  wake(service: UpstreamService): void {
    const queue = this.#queues.get(service)
    if (queue === undefined) return
    while (queue.length > 0 && queue[0].tryPending()) {
      queue.shift()
      this.#counted(-1)
    }
    if (queue.length === 0) this.#queues.delete(service)
  }

  wakeAll(): void {
    for (const service of Array.from(this.#queues.keys())) this.wake(service)
    if (this.count > 0) this.#traffic.wheel.schedule(this.#timer, tickMs)
  }

  #delayOf(service: UpstreamService): QueueDelay {
    let delay = this.#delays.get(service)
    if (delay === undefined) {
      delay = new QueueDelay(this.#traffic.wheel.now)
      this.#delays.set(service, delay)
    }
    return delay
  }

  #counted(by: number): void {
    this.count += by
    this.#traffic.metrics.pending.set(this.count)
  }
}

function wakeAll(pending: PendingRequests): void {
  pending.wakeAll()
}
