/** A client's connection of either protocol, as whoever ends it sees it. */
export interface ServedConnection {
  /** Closing it hurts nobody. */
  readonly isIdle: boolean
  /** The gateway is about to end; tells the client if its protocol has words for that. */
  drain(): void
  /** Serves nothing further and ends properly. */
  close(): void
  /** Ends it for the sake of another. */
  makeRoom(): void
  /** Breaks it off. */
  cut(): void
}
