import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir, hostname, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { PandoError } from '@pando/model'
import { issue, type Issued } from './issue.js'

const dayMs = 86_400_000
const authorityDays = 3_650
const leafDays = 90
/** Clocks of machines and containers differ by a little. */
const skewMs = 3_600_000

/** Where the authority of this user is: one for all apps, so that it has to be trusted once. */
export function authorityFolder(env: Readonly<Record<string, string | undefined>>): string {
  const own = env['PANDO_CA_DIR'] ?? ''
  if (own !== '') return own
  const config = env['XDG_CONFIG_HOME'] ?? ''
  const home = env['HOME'] ?? ''
  return join(config === '' ? join(home === '' ? homedir() : home, '.config') : config, 'pando', 'ca')
}

/**
 * The development authority of one user: signs certificates for names of this machine's apps. Whoever has its key can pass for any site to those who
 * trust it, so the folder is its user's alone, and nothing ever makes a system trust it by itself.
 */
export class LocalAuthority {
  readonly #issued: Issued
  /** Path of its certificate. */
  readonly certificate: string

  private constructor(folder: string, issued: Issued) {
    this.certificate = certificateIn(folder)
    this.#issued = issued
  }

  /** The one in the folder; made now when there is none. */
  static async open(folder: string, now: number): Promise<LocalAuthority> {
    let issued = await read(folder)
    if (issued === null) {
      await put(folder, await make(now), 'keep')
      issued = await read(folder)
    }
    if (issued === null) throw unusable(folder, 'it cannot be read back')
    const { validTo } = new X509Certificate(issued.cert)
    if (Date.parse(validTo) <= now) throw unusable(folder, `it has expired on ${validTo}`)
    return new LocalAuthority(folder, issued)
  }

  /** A new one in the place of the one that is there, which has to be trusted again. */
  static async replace(folder: string, now: number): Promise<LocalAuthority> {
    await put(folder, await make(now), 'replace')
    return LocalAuthority.open(folder, now)
  }

  /** A certificate for a server with these names, the authority's own behind it. */
  async issueServer(hosts: readonly string[], addresses: readonly string[], now: number): Promise<Issued> {
    const own = Date.parse(new X509Certificate(this.#issued.cert).validTo)
    const leaf = await issue({
      subject: 'CN=Pando development certificate',
      usage: 'server',
      hosts,
      addresses,
      notBefore: now - skewMs,
      notAfter: Math.min(own, now + leafDays * dayMs),
      issuer: this.#issued,
    })
    return { cert: leaf.cert + this.#issued.cert, key: leaf.key }
  }

  /** Whether that certificate was signed by this authority. */
  hasSigned(certificate: X509Certificate): boolean {
    return certificate.verify(new X509Certificate(this.#issued.cert).publicKey)
  }
}

function certificateIn(folder: string): string {
  return join(folder, 'ca.pem')
}

function keyIn(folder: string): string {
  return join(folder, 'ca-key.pem')
}

function make(now: number): Promise<Issued> {
  const who = `${userInfo().username}@${hostname()}`.replace(/[^A-Za-z0-9@.-]/g, '_')
  return issue({
    subject: `CN=Pando development CA ${who}`,
    usage: 'authority',
    notBefore: now - skewMs,
    notAfter: now + authorityDays * dayMs,
    issuer: null,
  })
}

async function read(folder: string): Promise<Issued | null> {
  try {
    const [cert, key] = await Promise.all([readFile(certificateIn(folder), 'utf8'), readFile(keyIn(folder), 'utf8')])
    return { cert, key }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw unusable(folder, code ?? String(error))
  }
}

/** Both files come into their place at once, by one renaming, so that two who begin at the same time share one authority. */
async function put(folder: string, { cert, key }: Issued, onExisting: 'keep' | 'replace'): Promise<void> {
  try {
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 })
    const made = await mkdtemp(`${folder}.`)
    await chmod(made, 0o700)
    await writeFile(certificateIn(made), cert, { mode: 0o644 })
    await writeFile(keyIn(made), key, { mode: 0o600 })
    if (onExisting === 'replace') await rm(folder, { recursive: true, force: true })
    try {
      await rename(made, folder)
    } catch (error) {
      await rm(made, { recursive: true, force: true })
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    }
  } catch (error) {
    throw unusable(folder, (error as NodeJS.ErrnoException).code ?? String(error))
  }
}

function unusable(folder: string, why: string): PandoError {
  return new PandoError('conflict', `the development authority in ${folder} cannot be used: ${why}`, {
    hint: 'pando cert renew --authority makes a new one; PANDO_CA_DIR names another folder',
  })
}
