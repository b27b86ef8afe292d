/** Of the Engine API's shapes, the fields that are read here. */
export interface ContainerSummary {
  readonly Id: string
  readonly State: string
  readonly Labels: Readonly<Record<string, string>>
}

export interface ContainerDetails {
  readonly Id: string
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null }
  readonly HostConfig: {
    readonly Memory?: number
    readonly NanoCpus?: number
    readonly PidsLimit?: number | null
  }
  readonly State: {
    readonly Status: string
    readonly Running: boolean
    readonly Pid: number
    readonly ExitCode: number
    readonly OOMKilled: boolean
    readonly Error?: string
    /** RFC 3339 with nanoseconds. */
    readonly FinishedAt: string
  }
}

export interface ContainerStats {
  readonly memory_stats?: { readonly usage?: number; readonly stats?: Readonly<Record<string, number>> }
  /** Nanoseconds. */
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } }
}

export interface NetworkDetails {
  readonly Id: string
  readonly Name: string
  readonly Labels: Readonly<Record<string, string>> | null
  readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string; readonly Gateway?: string }[] | null }
}
