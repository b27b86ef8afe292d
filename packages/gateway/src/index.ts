export * from './data-plane.js'
export { mergeSnapshots } from './metrics/snapshot.js'
export { prometheusContentType, renderPrometheus } from './metrics/prometheus.js'
