// Writes the list of commands in docs/repl.md from the REPL's own table; with --check it only says whether it is stale.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { usage } from '../runtime/src/cli/command.js'
import { helpText } from '../runtime/src/cli/commands/help.js'
import { commands } from '../runtime/src/cli/commands/table.js'
import { root } from './workspace.mjs'

const begin = '<!-- Generated from runtime/src/cli/commands by `npm run docs:commands`. -->'
const end = '<!-- End of what is generated. -->'
const page = join(root, 'docs', 'repl.md')

/** @param {string} text */
const escaped = (text) => text.replaceAll('|', '\\|')

const rows = commands.map((command) => `| \`${escaped(usage(command))}\` | ${escaped(command.summary)} |`)
const sections = commands
  .filter(({ details, examples, parameters }) => details ?? examples ?? parameters.some(({ options }) => options))
  .map(helpText)
const generated = [
  begin,
  '',
  '| command | what it does |',
  '| --- | --- |',
  ...rows,
  '',
  '```',
  sections.join('\n\n'),
  '```',
  '',
  end,
].join('\n')

const found = existsSync(page) ? readFileSync(page, 'utf8') : ''
const [before, after] = [found.indexOf(begin), found.indexOf(end)]
if (before < 0 || after < before) throw new Error(`docs/repl.md must hold ${begin} and ${end}`)
const text = `${found.slice(0, before)}${generated}${found.slice(after + end.length)}`

if (!process.argv.includes('--check')) {
  writeFileSync(page, text)
} else if (found !== text) {
  console.error('docs/repl.md is not what the commands say: run `npm run docs:commands`')
  process.exitCode = 1
}
