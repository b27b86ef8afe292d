export * from './data-plane.js'
export { HttpDataPlane, type HttpDataPlaneOptions } from './http-data-plane.js'
export { mergeSnapshots } from './metrics/snapshot.js'
export { prometheusContentType, renderPrometheus } from './metrics/prometheus.js'
