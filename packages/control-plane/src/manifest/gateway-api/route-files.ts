import type { Diagnostic, ServiceSpec } from '@pando/model'
import type { Facts } from '../facts.js'
import { suggest } from '../nearest.js'
import type { Source } from '../source.js'
import { quote } from '../units.js'
import type { Documents } from './document-reading.js'
import { documentsOf } from './documents.js'
import { readDocuments } from './route-documents.js'

type Report = (diagnostic: Diagnostic) => void

/** The routes of the files that `gateway.route_files` names. */
export function readRouteFiles(
  files: readonly string[],
  source: Source | null,
  { facts, report }: { readonly facts: Facts; readonly report: Report },
): Documents {
  const sources = files.flatMap((file, index): readonly Source[] => {
    const at = (message: string): void => {
      if (source !== null) report(source.mistake(['gateway', 'route_files', index], 'value', message))
    }
    if (files.indexOf(file) !== index) at(`${quote(file)} is there twice`)
    const fact = facts.file(file)
    if (fact?.kind === 'mistake') at(fact.message)
    if (fact?.kind !== 'text') return []
    const documents = documentsOf(file, fact.text)
    if (documents === null) at('it has more documents than can be routes of one app')
    else if (documents.length === 0) at('there is no document in it')
    return documents ?? []
  })
  return readDocuments(sources, report)
}

/** Whether the services that documents name are there, and can be asked so. */
export function checkReferences(
  { references }: Documents,
  services: ReadonlyMap<string, { readonly spec: ServiceSpec | null }>,
  report: Report,
): void {
  for (const { service, protocol, source, path } of references) {
    const found = services.get(service)
    if (found === undefined) {
      const message = `there is no service ${quote(service)} in the manifest`
      report(source.mistake(path, 'value', message, suggest(service, [...services.keys()])))
      continue
    }
    const spoken = found.spec?.revision.protocol
    if (spoken === undefined) continue
    if (spoken === 'none' || spoken === 'tcp') {
      report(
        source.mistake(path, 'value', `the service ${quote(service)} has protocol ${spoken}, and routes carry HTTP`),
      )
    } else if (protocol === 'grpc' && spoken === 'http') {
      const message = `the service ${quote(service)} has protocol http, and a GRPCRoute leads to services of gRPC`
      report(source.mistake(path, 'value', message, 'write "protocol: grpc" for the service'))
    } else if (protocol === 'http' && spoken !== 'http') {
      const message = `the service ${quote(service)} has protocol ${spoken}, and copies are HTTP/1.1`
      report(source.mistake(path, 'value', message))
    }
  }
}
