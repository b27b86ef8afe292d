export * from './clock.js'
export * from './drivers/driver.js'
export * from './drivers/fake-driver.js'
