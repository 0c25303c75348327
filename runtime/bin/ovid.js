#!/usr/bin/env node
// Not the compiled file itself: npm links a command at install time only if its file is there, and in a fresh clone dist is not.
import { existsSync } from 'node:fs'

const main = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(main)) {
  await import(main.href)
} else {
  console.error('ovid is not built: run `npm run build` first')
  process.exitCode = 1
}
