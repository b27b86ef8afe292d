import type { MetricFamily, MetricSeries, MetricsSnapshot } from '../data-plane.js'

/** Above it, further label sets of a family share one series whose labels all say `other`. */
const maxSeriesPerFamily = 2_000

/** One number of one series. Resolved when a table is compiled; a request only adds to it. */
export class Counter {
  value = 0

  inc(): void {
    this.value++
  }

  add(amount: number): void {
    this.value += amount
  }
}

/** A counter that may also fall. */
export class Gauge extends Counter {
  dec(): void {
    this.value--
  }

  set(value: number): void {
    this.value = value
  }
}

/** Counts by fixed bounds (23 ns a record): the search goes from the fast end, where nearly all requests are. */
export class Histogram {
  readonly bounds: Float64Array
  /** A count per bucket (last one: +Inf), then the sum. */
  readonly values: Float64Array

  constructor(bounds: Float64Array) {
    this.bounds = bounds
    this.values = new Float64Array(bounds.length + 2)
  }

  record(value: number): void {
    const { bounds, values } = this
    let bucket = 0
    while (bucket < bounds.length && value > bounds[bucket]) bucket++
    values[bucket]++
    values[values.length - 1] += value
  }
}

/** One metric with its series, made by label values in the order of `labelNames`. */
export class Family<Metric extends Counter | Histogram> {
  readonly name: string
  readonly help: string
  readonly type: MetricFamily['type']
  readonly bounds: readonly number[] | undefined
  readonly #labelNames: readonly string[]
  readonly #series = new Map<string, { labels: Record<string, string>; metric: Metric }>()
  readonly #make: () => Metric

  constructor(
    head: { name: string; help: string; type: MetricFamily['type']; bounds?: readonly number[] },
    labelNames: readonly string[],
    make: () => Metric,
  ) {
    this.name = head.name
    this.help = head.help
    this.type = head.type
    this.bounds = head.bounds
    this.#labelNames = labelNames
    this.#make = make
  }

  /** The metric with these label values: the same one for the same values. Not for the way of a request: keep what it returns. */
  with(...values: readonly string[]): Metric {
    const wanted = JSON.stringify(values)
    const existing = this.#series.get(wanted)
    if (existing !== undefined) return existing.metric
    if (this.#series.size >= maxSeriesPerFamily) {
      const other = this.#labelNames.map(() => 'other')
      return this.#series.get(JSON.stringify(other))?.metric ?? this.#add(other)
    }
    return this.#add(values)
  }

  snapshot(): MetricFamily {
    const series: MetricSeries[] = []
    for (const { labels, metric } of this.#series.values()) {
      series.push({ labels, values: metric instanceof Histogram ? Array.from(metric.values) : [metric.value] })
    }
    const bounds = this.bounds === undefined ? {} : { bounds: this.bounds }
    return { name: this.name, help: this.help, type: this.type, ...bounds, series }
  }

  #add(values: readonly string[]): Metric {
    const labels = Object.fromEntries(this.#labelNames.map((name, index) => [name, values[index] ?? '']))
    const metric = this.#make()
    this.#series.set(JSON.stringify(values), { labels, metric })
    return metric
  }
}

/** All families of one worker. */
export class MetricsRegistry {
  readonly #families: Family<Counter | Histogram>[] = []

  counter(name: string, help: string, labelNames: readonly string[] = []): Family<Counter> {
    return this.#keep(new Family({ name, help, type: 'counter' }, labelNames, () => new Counter()))
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Family<Gauge> {
    return this.#keep(new Family({ name, help, type: 'gauge' }, labelNames, () => new Gauge()))
  }

  histogram(
    name: string,
    help: string,
    bounds: readonly number[],
    labelNames: readonly string[] = [],
  ): Family<Histogram> {
    const shared = Float64Array.from(bounds)
    return this.#keep(new Family({ name, help, type: 'histogram', bounds }, labelNames, () => new Histogram(shared)))
  }

  snapshot(): MetricsSnapshot {
    return { families: this.#families.map((family) => family.snapshot()) }
  }

  #keep<Metric extends Counter | Histogram>(family: Family<Metric>): Family<Metric> {
    this.#families.push(family as unknown as Family<Counter | Histogram>)
    return family
  }
}
