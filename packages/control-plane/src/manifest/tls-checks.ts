import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { CertificateFiles, Diagnostic, GatewaySpec } from '@pando/model'
import type { Facts } from './facts.js'
import type { Path, Source } from './source.js'

interface Place {
  readonly source: Source
  readonly facts: Facts
  readonly report: (diagnostic: Diagnostic) => void
}

/** What keeps the gateway from encrypting with the files that are named. What only time says (an end that comes near) the gateway tells as it runs. */
export function checkTls(
  { tls, port, host }: GatewaySpec,
  source: Source | null,
  facts: Facts,
  report: Place['report'],
): void {
  if (tls === undefined || source === null) return
  const place: Place = { source, facts, report }
  if (tls.port === port && port !== 0) {
    say(place, ['port'], `the plain port of ${host} is ${port} as well`, 'give one of them another port')
  }
  if (tls.redirectPort === 0) {
    say(place, ['redirect'], 'nobody can be sent to a port that is not known yet', 'give "port" a number')
  }
  for (const [index, files] of (tls.certificates ?? []).entries()) checkPair(files, ['certificates', index], place)
  if (tls.clientAuth !== null) {
    const text = textOf(tls.clientAuth.ca, ['client_auth', 'ca'], place)
    if (text !== null && certificateIn(text) === null)
      say(place, ['client_auth', 'ca'], 'there is no certificate in PEM in it')
  }
}

/** The texts are never quoted: one of them is secret. */
function checkPair({ cert, key }: CertificateFiles, path: Path, place: Place): void {
  const certText = textOf(cert, [...path, 'cert'], place)
  const keyText = textOf(key, [...path, 'key'], place)
  if (certText === null || keyText === null) return
  const certificate = certificateIn(certText)
  if (certificate === null) {
    const isKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(certText)
    say(
      place,
      [...path, 'cert'],
      'there is no certificate in PEM in it',
      isKey ? 'it has a private key: the two may be swapped' : undefined,
    )
    return
  }
  try {
    const privateKey = createPrivateKey(keyText)
    if (certificate.checkPrivateKey(privateKey)) return
    const whose = certificate.subject.split('\n').at(-1) ?? ''
    say(
      place,
      [...path, 'key'],
      `it is not the key of that certificate (${whose})`,
      'name the two that were made together',
    )
  } catch {
    // By what the file says of itself: which error it is depends on the version of Node, and on whether there is a terminal.
    if (/^(-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED)/m.test(keyText))
      say(
        place,
        [...path, 'key'],
        'it is locked with a passphrase',
        'openssl pkey -in KEY -out UNLOCKED writes one without',
      )
    else say(place, [...path, 'key'], 'there is no private key in PEM in it')
  }
}

function textOf(file: string, path: Path, place: Place): string | null {
  const fact = place.facts.file(file)
  if (fact?.kind === 'mistake') say(place, path, fact.message)
  return fact?.kind === 'text' ? fact.text : null
}

function certificateIn(text: string): X509Certificate | null {
  try {
    return new X509Certificate(text)
  } catch {
    return null
  }
}

function say({ source, report }: Place, path: Path, message: string, hint?: string): void {
  report(source.mistake(['gateway', 'tls', ...path], 'value', message, hint))
}
