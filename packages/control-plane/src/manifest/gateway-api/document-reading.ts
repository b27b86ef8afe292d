import type { Diagnostic, RouteSpec } from '@pando/model'
import type { Path, Source } from '../source.js'
import { refusals, type Refusal } from './refusals.js'

/** A service that a document names, to be looked for when all services are known. */
export interface Reference {
  readonly service: string
  /** `grpc`: that, or h2c. `http`: HTTP/1.1. Null: whatever carries requests. */
  readonly protocol: 'grpc' | 'http' | null
  readonly source: Source
  readonly path: Path
}

/** What the documents of an app's route files say. */
export interface Documents {
  readonly routes: readonly RouteSpec[]
  readonly references: readonly Reference[]
}

/** One document while it is read: where its mistakes go, and what it names. */
export class DocumentReading {
  readonly source: Source
  readonly kind: 'HTTPRoute' | 'GRPCRoute'
  readonly namespace: string
  readonly references: Reference[] = []
  readonly #report: (diagnostic: Diagnostic) => void

  constructor(
    source: Source,
    kind: DocumentReading['kind'],
    namespace: string,
    report: (diagnostic: Diagnostic) => void,
  ) {
    this.source = source
    this.kind = kind
    this.namespace = namespace
    this.#report = report
  }

  mistake(path: Path, message: string, hint?: string): void {
    this.#report(this.source.mistake(path, 'value', message, hint))
  }

  /** `path`: where it is written. */
  refuse(name: Refusal, path: Path): void {
    this.#report(this.source.mistake(path, 'key', `${name} is not supported`, refusals[name]))
  }
}
