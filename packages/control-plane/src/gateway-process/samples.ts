/** One number of the gateway's metrics. */
export interface Sample {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
}

const line = /^(\w+)\{([^}]*)\} (\S+)$/
const label = /(\w+)="([^"]*)"/g

/** Those samples with labels whose names `isAsked` says yes to, out of Prometheus' text format. The gateway's names need no escapes. */
export function* samplesOf(text: string, isAsked: (name: string) => boolean): Generator<Sample> {
  for (const each of text.split('\n')) {
    const [, name, braces, number] = line.exec(each) ?? []
    if (name === undefined || braces === undefined || !isAsked(name)) continue
    const labels = new Map([...braces.matchAll(label)].map(([, key = '', value = '']) => [key, value]))
    yield { name, labels, value: Number(number) }
  }
}
