// Writes docs/errors.md from the table of error codes; with --check it only says whether the page is stale.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorCodes } from '../runtime/src/message/errors.js'
import { root } from './workspace.mjs'

const page = join(root, 'docs', 'errors.md')
const rows = Object.entries(errorCodes)
  .sort(([one], [other]) => (one < other ? -1 : 1))
  .map(([code, meaning]) => `| \`${code}\` | ${meaning.replaceAll('|', '\\|')} |`)
const text = `<!-- Generated from runtime/src/message/errors.ts by \`npm run docs:errors\`. -->

# Errors

Every error of Ovid is an \`OvidError\` with a stable \`code\`. A code never changes its meaning; the wording of a message may.
Agents may answer with codes of their own, which are not listed here.

| code | meaning |
| --- | --- |
${rows.join('\n')}
`

if (!process.argv.includes('--check')) {
  writeFileSync(page, text)
} else if (!existsSync(page) || readFileSync(page, 'utf8') !== text) {
  console.error('docs/errors.md is not what runtime/src/message/errors.ts says: run `npm run docs:errors`')
  process.exitCode = 1
}
