#!/usr/bin/env node
// In the repository before anything is built, so that npm can link it when it installs.
import '../dist/main.js'
