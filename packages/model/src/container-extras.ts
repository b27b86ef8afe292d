/** Most processes or files, for example, that a container may have; both in the unit of the kernel's own limit. */
export interface Ulimit {
  readonly name: string
  readonly soft: number
  readonly hard: number
}

/** What Compose's users say of a container beside what every one has. Each that is absent is as the image or the engine has it. */
export interface ContainerExtras {
  /** What is started in place of the image's entry point, and is given the command. Empty: the command is started by itself. */
  readonly entrypoint?: readonly string[]
  /** Beside what is taken from every container: of weight only next to the engine's own defaults. */
  readonly capDrop?: readonly string[]
  /** Absent: true. An init process passes signals on and reaps. */
  readonly hasInit?: boolean
  /** Addresses by name, for the container's /etc/hosts. */
  readonly extraHosts?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  /** Of /dev/shm. */
  readonly shmBytes?: number
  readonly ulimits?: readonly Ulimit[]
  /** Settings of the kernel, for the container alone. */
  readonly sysctls?: Readonly<Record<string, string>>
  /** Addresses of name servers, asked for what the engine does not know itself. */
  readonly dns?: readonly string[]
}
