import { MemoryStore } from './memory-store.js'
import { describeStore } from './store.suite.js'

describeStore('MemoryStore', (options) => new MemoryStore(options))
