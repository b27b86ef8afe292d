export * from './clock.js'
