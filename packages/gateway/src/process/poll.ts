const limitMs = 1_000

/** A question to many that some may never answer: it is over when all have, or after a second. */
export class Poll<Member> {
  readonly #open = new Map<number, { readonly members: Set<Member>; readonly end: () => void }>()
  #asks = 0

  /** `put` asks one of them, with the number that its answer has to carry. */
  async ask(members: Iterable<Member>, put: (member: Member, ask: number) => void): Promise<void> {
    const ask = ++this.#asks
    const waiting = new Set(members)
    if (waiting.size === 0) return
    await new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, limitMs)
      const end = () => {
        clearTimeout(limit)
        resolve()
      }
      this.#open.set(ask, { members: waiting, end })
      for (const member of waiting) put(member, ask)
    })
    this.#open.delete(ask)
  }

  answered(ask: number, member: Member): void {
    const poll = this.#open.get(ask)
    if (poll === undefined) return
    poll.members.delete(member)
    if (poll.members.size === 0) poll.end()
  }

  /** It will not answer any more. */
  left(member: Member): void {
    for (const ask of this.#open.keys()) this.answered(ask, member)
  }
}
