import { createHmac, randomBytes } from 'node:crypto'
import type { BasicAuthenticatorSpec } from '@pando/model'
import type { PolicyRequest } from '../policy/route-policy.js'
import {
  type Authenticator,
  type AuthenticatorContext,
  cannotSay,
  type Identified,
  type Outcome,
} from './authenticator.js'
import { credentialsOf, quoted } from './credentials.js'
import { identityLines, strippingEdit } from './identity-edit.js'
import { WatchedFile } from './keys/watched-file.js'
import { isPassword, noPassword, type PasswordHash, readPasswordHash } from './passwords.js'
import { Recent } from '../recent.js'

const longestCredentials = 1_024
const rememberedRight = 1_024
const rememberedWrong = 256
/** Each takes a thread and 32 MB for a quarter of a second. */
const mostAtOnce = 2
const mostWaiting = 32
/** Said of one file. */
const mostBadLines = 5

/**
 * Names and passwords from a file: RFC 7617. A password is hashed slowly once; from then on it is known again by a fast hash whose key is this
 * process' own, until the file changes. A wrong one is known again, too, so that a tool which repeats it costs little.
 */
export class BasicAuthenticator implements Authenticator {
  readonly name: string
  readonly challenge: string
  readonly #spec: BasicAuthenticatorSpec
  readonly #stripped: readonly string[]
  readonly #file: WatchedFile
  readonly #nobody = noPassword()
  readonly #secret = randomBytes(32)
  readonly #right = new Recent<Identified>(rememberedRight)
  readonly #wrong = new Recent<true>(rememberedWrong)
  readonly #waiting: (() => void)[] = []
  #users: ReadonlyMap<string, PasswordHash> | null = null
  #busy = 0
  /** Sentences about lines of the file that let nobody in. */
  #badLines: string[] = []

  constructor(spec: BasicAuthenticatorSpec, context: AuthenticatorContext) {
    this.name = spec.name
    this.challenge = `Basic realm=${quoted(context.realm)}, charset="UTF-8"`
    this.#spec = spec
    this.#stripped = spec.forwardsCredential ? context.stripped : [...context.stripped, 'authorization']
    this.#file = new WatchedFile(
      spec.path,
      (bytes) => {
        this.#badLines = []
        this.#users = readUsers(bytes, (line) => {
          const what = `${spec.path}: line ${line} is not name:hash, as pando key hash-password writes it`
          if (this.#badLines.length < mostBadLines) this.#badLines.push(what)
          context.onTrouble(what)
        })
        this.#right.clear()
        this.#wrong.clear()
      },
      context.onTrouble,
    )
  }

  authenticate(request: PolicyRequest): Outcome | Promise<Outcome> {
    const credentials = credentialsOf(request, 'basic')
    if (credentials === null) return null
    const users = this.#users
    if (users === null) return cannotSay(this.name)
    const bytes = credentials.length > longestCredentials ? null : decode(credentials)
    const colon = bytes?.indexOf(0x3a) ?? -1
    if (bytes === null || colon <= 0) return this.#refused('The credentials are not a name and a password.')
    const digest = createHmac('sha256', this.#secret).update(bytes).digest('base64')
    const before = this.#right.get(digest)
    if (before !== undefined) return before
    if (this.#wrong.get(digest) === true) return this.#refused()
    const name = bytes.toString('utf8', 0, colon)
    return this.#verify(users, name, bytes.subarray(colon + 1), digest)
  }

  get warnings(): readonly string[] {
    return this.#file.trouble === null ? this.#badLines : [this.#file.trouble]
  }

  close(): void {
    this.#file.close()
  }

  async #verify(
    users: ReadonlyMap<string, PasswordHash>,
    name: string,
    password: Buffer,
    digest: string,
  ): Promise<Outcome> {
    const known = users.get(name)
    if (!(await this.#turn())) return cannotSay(this.name)
    let isRight: boolean
    try {
      isRight = await isPassword(password, known ?? this.#nobody)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#busy--
      else next()
    }
    // The file has changed meanwhile: what was verified by the old one is not remembered, and not believed.
    if (users !== this.#users) return cannotSay(this.name)
    if (!isRight || known === undefined) {
      this.#wrong.set(digest, true)
      return this.#refused()
    }
    const claims = { sub: name }
    const identified: Identified = {
      kind: 'identified',
      identity: { kind: 'basic', subject: name, claims },
      scopes: [],
      request: strippingEdit(this.#stripped, identityLines(this.#spec.claimHeaders, claims)),
    }
    this.#right.set(digest, identified)
    return identified
  }

  /** Passwords are verified a few at a time; the others wait. False for those that are too many. */
  async #turn(): Promise<boolean> {
    if (this.#busy < mostAtOnce) {
      this.#busy++
      return true
    }
    if (this.#waiting.length >= mostWaiting) return false
    // Whoever is done hands its place on.
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
    })
    return true
  }

  #refused(detail = 'The name or the password is wrong.'): Outcome {
    return { kind: 'refused', detail, challenge: this.challenge }
  }
}

/** Plain base64 with its padding, as RFC 7617 section 2 has it; null when it is anything else. */
function decode(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}

function readUsers(bytes: Buffer, onBadLine: (line: number) => void): ReadonlyMap<string, PasswordHash> {
  const users = new Map<string, PasswordHash>()
  for (const [index, line] of bytes.toString('utf8').split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    const hash = colon <= 0 ? null : readPasswordHash(line.slice(colon + 1).trim())
    if (hash === null || users.has(line.slice(0, colon))) onBadLine(index + 1)
    else users.set(line.slice(0, colon), hash)
  }
  return users
}
