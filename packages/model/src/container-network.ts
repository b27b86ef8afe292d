/** A port of a container that the engine itself makes reachable at an address of this machine. */
export interface PublishedPort {
  readonly host: string
  readonly port: number
  /** Inside the container. */
  readonly target: number
  readonly transport: 'tcp' | 'udp'
}

/**
 * How a container stands in its app's network beside the mesh. With one of these it is told no `$PORT`, no `$HOST` and no address of
 * other services: those it finds by their names.
 */
export interface ContainerNetworking {
  /** Lead in the app's network to the container itself, at whatever port it listens on; to one of the replicas by turns. */
  readonly aliases: readonly string[]
  readonly published: readonly PublishedPort[]
  /** Null: the engine chooses one. */
  readonly hostname: string | null
}
