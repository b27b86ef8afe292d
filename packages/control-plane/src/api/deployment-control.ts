import type { Deployment } from '@pando/model'
import type { ApplyRequest } from './app-control.js'

/** What the control API asks about revisions. Unknown services reject with `not_found`. */
export interface DeploymentControl {
  /** Newest first; null: of every service. */
  history(service: string | null): Promise<readonly Deployment[]>
  /** Deploys what the manifest says of some services and touches no other. Resolves when that is durable, not when it is reached. */
  deploy(request: DeployRequest): Promise<readonly Deployed[]>
  /** Takes a service that has joined out of the app again; `conflict` for one of the app's own manifest. */
  remove(service: string): Promise<void>
  /** Makes an older revision the wanted one, from what is kept of it; `to` null: the last one that was healthy. */
  rollback(service: string, to: string | null): Promise<Deployed>
  /** Makes everything as it was before the last `apply` that changed something. */
  rollbackApp(): Promise<readonly Deployed[]>
  /** What applying would change. */
  diff(request: ApplyRequest): Promise<readonly ServiceDiff[]>
}

export interface DeployRequest extends ApplyRequest {
  /** Services of the manifest; empty: all of them, of which the app need not know yet. */
  readonly services: readonly string[]
}

export interface Deployed {
  readonly service: string
  readonly revision: string
  /** False: that revision is wanted already. */
  readonly isNew: boolean
}

export interface ServiceDiff {
  readonly service: string
  readonly change: 'added' | 'removed' | 'changed' | 'unchanged'
  /** The revision that is wanted now, and the one that would be; null where there is none. */
  readonly before: string | null
  readonly after: string | null
  readonly fields: readonly FieldDiff[]
  /** Files of its folder; null where no snapshot is taken, or nothing is known of the old one. */
  readonly files: { readonly added: number; readonly changed: number; readonly removed: number } | null
}

/** Values as JSON; those of variables whose names speak of secrets are `****`. Null: not there. */
export interface FieldDiff {
  readonly field: string
  readonly before: string | null
  readonly after: string | null
}
