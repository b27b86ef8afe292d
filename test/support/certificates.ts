import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issue, type Issued, type IssueRequest } from '@pando/control-plane'
import type { CertificateFiles } from '@pando/model'

const dayMs = 86_400_000

/** An authority and what it signs, in files of a folder of their own. */
export class CertificateFolder {
  readonly path: string
  readonly authority: Issued
  /** Path of the authority's certificate. */
  readonly ca: string

  private constructor(path: string, authority: Issued) {
    this.path = path
    this.authority = authority
    this.ca = join(path, 'ca.pem')
    writeFileSync(this.ca, authority.cert)
  }

  static async make(subject = 'CN=Test authority'): Promise<CertificateFolder> {
    const authority = await issue({ ...days(-1, 30), subject, usage: 'authority', issuer: null })
    return new CertificateFolder(mkdtempSync(join(tmpdir(), 'pando-certificates-')), authority)
  }

  issue(hosts: readonly string[], extra: Partial<IssueRequest> = {}): Promise<Issued> {
    const subject = `CN=${hosts[0]?.replace('*', 'any') ?? 'none'}`
    return issue({ ...days(-1, 20), subject, usage: 'server', hosts, issuer: this.authority, ...extra })
  }

  /** A certificate in two files of that name; one that is there is replaced in place. */
  async put(name: string, hosts: readonly string[], extra: Partial<IssueRequest> = {}): Promise<CertificateFiles> {
    const files = this.files(name)
    this.write(files, await this.issue(hosts, extra))
    return files
  }

  files(name: string): CertificateFiles {
    return { cert: join(this.path, `${name}.pem`), key: join(this.path, `${name}-key.pem`) }
  }

  write(files: CertificateFiles, { cert, key }: Issued): void {
    writeFileSync(files.key, key, { mode: 0o600 })
    writeFileSync(files.cert, cert)
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Valid from and until so many days from now. */
export function days(from: number, until: number): { notBefore: number; notAfter: number } {
  return { notBefore: Date.now() + from * dayMs, notAfter: Date.now() + until * dayMs }
}
