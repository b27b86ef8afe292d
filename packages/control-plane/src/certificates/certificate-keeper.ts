import type { AppSpec } from '@pando/model'
import type { Clock } from '../clock.js'
import { authorityFolder, LocalAuthority } from './local-authority.js'
import { ensureLocalCertificate, localCertificateFiles, namesOf } from './local-certificate.js'

/** A machine that slept for days renews within this time of waking. */
const lookMs = 3_600_000

export interface CertificateKeeperOptions {
  readonly stateDir: string
  readonly clock: Clock
  /** Says where the authority is. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** A certificate was made, and why. */
  readonly onMade: (reason: string) => void
  readonly onFault: (error: unknown) => void
}

/** Keeps the development certificate of the app good, as long as it asks for one. */
export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions
  #app: AppSpec | null = null
  #stopLooking: (() => void) | null = null

  constructor(options: CertificateKeeperOptions) {
    this.#options = options
  }

  /** Resolves when there is a certificate for what the app serves now. Rejects when none can be made. */
  async ensure(app: AppSpec): Promise<void> {
    this.#app = app
    this.#stopLooking?.()
    this.#stopLooking = null
    if (app.gateway.tls === undefined || app.gateway.tls.certificates !== null) return
    this.#lookLater()
    const { stateDir, clock, environment, onMade } = this.#options
    const now = clock.now()
    const authority = await LocalAuthority.open(authorityFolder(environment), now)
    const reason = await ensureLocalCertificate(localCertificateFiles(stateDir), namesOf(app), authority, { now })
    if (reason !== null) onMade(reason)
  }

  /** As `ensure`, without waiting: what is there serves on, and a fault is only told. */
  look(app: AppSpec): void {
    this.ensure(app).catch(this.#options.onFault)
  }

  stop(): void {
    this.#stopLooking?.()
    this.#stopLooking = null
    this.#app = null
  }

  #lookLater(): void {
    this.#stopLooking = this.#options.clock.after(lookMs, () => {
      if (this.#app !== null) this.look(this.#app)
    })
  }
}
