import type { Clock } from '../clock.js'
import type { Driver } from '../drivers/driver.js'
import type { RecordKind, Store } from '../store/store.js'

/** Thrown into whatever a control plane was doing when it died. */
export class Death extends Error {}

/** One control plane's life: after its death nothing that it does has any effect, and nothing calls it. */
export class Life {
  isAlive = true
  /** Writes and calls until it dies; null is not going to. */
  left: number | null = null
  onDeath = (): void => {}

  /** Stands before and after everything that has an effect outside. */
  step(): void {
    if (!this.isAlive) throw new Death()
    if (this.left === null || --this.left > 0) return
    this.end()
    throw new Death()
  }

  end(): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.onDeath()
  }

  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      after: (ms, callback) => (this.isAlive ? clock.after(ms, () => this.isAlive && callback()) : () => {}),
    }
  }

  /** Each call may be the last thing that it does, before or after it has had its effect. */
  driver(driver: Driver): Driver {
    const around = async <T>(work: () => Promise<T>): Promise<T> => {
      this.step()
      const result = work()
      result.catch(() => {})
      this.step()
      const value = await result
      return this.isAlive ? value : new Promise<T>(() => {})
    }
    return {
      ...driver,
      start: (order) => around(() => driver.start(order)),
      stop: (id) => around(() => driver.stop(id)),
      kill: (id) => around(() => driver.kill(id)),
      remove: (id) => around(() => driver.remove(id)),
      list: () => around(() => driver.list()),
      watch: (onExit) => driver.watch((report) => this.isAlive && onExit(report)),
    }
  }

  /** `onPut` sees every write before it is done, and says whether it shall be. */
  store(store: Store, onPut: (kind: RecordKind, key: string, value: unknown) => boolean): Store {
    const around = <T>(work: () => T): T => {
      this.step()
      const result = work()
      this.step()
      return result
    }
    return {
      get: (kind, key) => store.get(kind, key),
      all: (kind) => store.all(kind),
      put: (kind, key, value) =>
        around(() => {
          if (onPut(kind, key, value)) store.put(kind, key, value)
        }),
      delete: (kind, key) => around(() => store.delete(kind, key)),
      transaction: (work) => around(() => store.transaction(work)),
      onRollback: (undo) => store.onRollback(undo),
      appendEvent: (event) => store.appendEvent(event),
      events: (options) => store.events(options),
      close: () => {},
    }
  }
}
