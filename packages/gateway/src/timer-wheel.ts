/**
 * Timeouts without a timer per request: a wheel of slots, one every 100 ms, and nodes that live inside their owners.
 *
 *     slot   0   1   2  …  511          a node is linked in the slot of its tick (or as far ahead as the wheel reaches);
 *            │       │                  when the hand gets there it expires, or moves on when it was put off meanwhile
 *            n ⇄ n   n
 *
 * Trade: a timeout may come up to two ticks late, never early. Putting one off, which happens at every byte, is one store.
 */

/** What moves the wheel: a monotonic time in milliseconds, and a repeating call. */
export interface WheelClock {
  now(): number
  /** Calls back about every `ms`; the result stops it. */
  every(ms: number, callback: () => void): () => void
}

/** The clock of the running process; it does not keep the process alive. */
export const systemWheelClock: WheelClock = {
  now: () => performance.now(),
  every(ms, callback) {
    const interval = setInterval(callback, ms)
    interval.unref()
    return () => clearInterval(interval)
  },
}

export const tickMs = 100
const slotCount = 512

/** One timeout of one owner; made once, scheduled many times. */
export class WheelTimer<Owner = unknown> {
  readonly owner: Owner
  readonly expire: (owner: Owner) => void
  /** Tick at which it expires; meaningless while it is not linked. */
  dueTick = 0
  /** Tick of the slot that it is linked in, never after `dueTick`. */
  linkedTick = 0
  next: WheelTimer | null = null
  previous: WheelTimer | null = null

  constructor(owner: Owner, expire: (owner: Owner) => void) {
    this.owner = owner
    this.expire = expire
  }

  get isScheduled(): boolean {
    return this.next !== null
  }
}

export class TimerWheel {
  /** Milliseconds on the wheel's clock as of the last tick: a coarse time that costs nothing to read. */
  now: number
  readonly #clock: WheelClock
  readonly #slots: WheelTimer[] = []
  readonly #stop: () => void
  #tick: number

  constructor(clock: WheelClock = systemWheelClock) {
    this.#clock = clock
    this.now = clock.now()
    this.#tick = Math.floor(this.now / tickMs)
    // Each slot is a ring around a sentinel, so that linking and unlinking have no special case.
    for (let index = 0; index < slotCount; index++) {
      const sentinel = new WheelTimer<unknown>(null, ignore)
      sentinel.next = sentinel
      sentinel.previous = sentinel
      this.#slots.push(sentinel)
    }
    this.#stop = clock.every(tickMs, () => this.#turn())
  }

  /** Lets the timer expire `ms` from now (at the earliest; at most two ticks later), instead of when it was to before. */
  schedule<Owner>(timer: WheelTimer<Owner>, ms: number): void {
    const node = timer as unknown as WheelTimer
    // One tick more, because `#tick` may be almost a whole tick old.
    const due = this.#tick + Math.ceil(ms / tickMs) + 1
    node.dueTick = due
    if (node.next !== null) {
      if (due >= node.linkedTick) return
      unlink(node)
    }
    this.#link(node)
  }

  cancel<Owner>(timer: WheelTimer<Owner>): void {
    const node = timer as unknown as WheelTimer
    if (node.next !== null) unlink(node)
  }

  /** No timer expires any more. */
  stop(): void {
    this.#stop()
  }

  #link(node: WheelTimer): void {
    node.linkedTick = Math.min(node.dueTick, this.#tick + slotCount - 1)
    const sentinel = this.#slots[node.linkedTick % slotCount]
    const last = sentinel.previous as WheelTimer
    node.previous = last
    node.next = sentinel
    last.next = node
    sentinel.previous = node
  }

  #turn(): void {
    this.now = this.#clock.now()
    const target = Math.floor(this.now / tickMs)
    // After a long pause (a suspended laptop) every slot is visited once, not once a missed tick.
    if (target - this.#tick > slotCount) this.#tick = target - slotCount
    while (this.#tick < target) {
      this.#tick++
      this.#visit(this.#slots[this.#tick % slotCount])
    }
  }

  /**
   * The ring is taken off its sentinel first: what the callbacks schedule lands behind the hand's reach, and what they cancel
   * leaves the ring that is being emptied, whichever it is in.
   */
  #visit(sentinel: WheelTimer): void {
    if (sentinel.next === sentinel) return
    const expiring = new WheelTimer<unknown>(null, ignore)
    const first = sentinel.next as WheelTimer
    const last = sentinel.previous as WheelTimer
    expiring.next = first
    first.previous = expiring
    expiring.previous = last
    last.next = expiring
    sentinel.next = sentinel
    sentinel.previous = sentinel
    for (let node = expiring.next; node !== expiring; node = expiring.next as WheelTimer) {
      unlink(node)
      if (node.dueTick > this.#tick) this.#link(node)
      else node.expire(node.owner)
    }
  }
}

function unlink(node: WheelTimer): void {
  const previous = node.previous as WheelTimer
  const next = node.next as WheelTimer
  previous.next = next
  next.previous = previous
  node.next = null
  node.previous = null
}

function ignore(): void {}
