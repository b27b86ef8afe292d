import { PandoError } from '@pando/model'

/** Orders come one after the other, each when the one before is done or has failed; none once everything is being stopped. */
export class Turns {
  #isStopping = false
  #last: Promise<unknown> = Promise.resolve()

  get isStopping(): boolean {
    return this.#isStopping
  }

  /** Rejects with `conflict` when everything is being stopped by the time that its turn comes. */
  take<T>(work: () => Promise<T>): Promise<T> {
    return this.#after(async () => {
      if (this.#isStopping) {
        throw new PandoError('conflict', 'everything is being stopped', {
          hint: 'wait until `pando ps` says that nothing runs',
        })
      }
      return await work()
    })
  }

  /** The last one. */
  stop(work: () => Promise<void>): Promise<void> {
    this.#isStopping = true
    return this.#after(work)
  }

  #after<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => undefined)
    return result
  }
}
