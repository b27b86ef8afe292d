import { readJsonObject } from '../jwt/strict-json.js'

export type FetchDocument = (address: string) => Promise<Buffer>

/** What an issuer says of itself: OpenID Connect Discovery 1.0 section 3. */
export interface IssuerMetadata {
  readonly jwksUri: string
  /** Null where it is for tokens only. */
  readonly authorizationEndpoint: string | null
  readonly tokenEndpoint: string | null
  readonly endSessionEndpoint: string | null
}

/**
 * Asks the issuer for its metadata. What it calls itself must be what it was asked as, to the letter (section 4.3), or an issuer could
 * speak for another one. Rejects with a sentence.
 */
export async function discover(issuer: string, fetch: FetchDocument): Promise<IssuerMetadata> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const value = readJsonObject(await fetch(address))
  if (value === null) throw new Error(`${address}: what came is not one JSON object without duplicates`)
  if (value['issuer'] !== issuer) {
    throw new Error(`${address}: it calls itself ${JSON.stringify(value['issuer'])}, and was asked as ${issuer}`)
  }
  const jwksUri = value['jwks_uri']
  if (typeof jwksUri !== 'string') throw new Error(`${address}: it does not say where its keys are (jwks_uri)`)
  return {
    jwksUri,
    authorizationEndpoint: textOf(value['authorization_endpoint']),
    tokenEndpoint: textOf(value['token_endpoint']),
    endSessionEndpoint: textOf(value['end_session_endpoint']),
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
