import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OvidError } from '../../message/errors.js'
import { failureOf, failureText } from '../execute.js'
import { shortened } from '../words.js'
import { agentFiles } from './agent-template.js'
import type { Names } from './names.js'
import { pluginFiles } from './plugin-template.js'

/** What can be made: an agent with a system to run it, or a package with a transformation. */
type Thing = 'agent' | 'plugin'

/** Words that stand for something else where the name would stand as an identifier. */
const reserved = new Set(
  'await break case catch class const continue controller debugger default delete do else enum export extends false finally for function gate if implements import in instanceof interface let new null options package private protected public return static super switch this throw true try typeof var void while with yield box client'.split(
    ' ',
  ),
)

function namesOf(name: string): Names {
  const dashed = name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase()
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(dashed) || dashed.length > 60) {
    throw new OvidError(
      'command-invalid',
      `a name is letters, digits and dashes, starting with a letter, such as word-count; found ${JSON.stringify(shortened(name))}`,
    )
  }
  if (reserved.has(dashed))
    throw new OvidError(
      'command-invalid',
      `${dashed} means something else in the code that would be made; take another name, such as my-${dashed}`,
    )
  const camel = dashed.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  const pascal = `${camel[0]?.toUpperCase()}${camel.slice(1)}`
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return { dashed, camel, pascal, runtimeRange: `^${manifest.version}`, pluginRange: '^0.1.0' }
}

/**
 * Makes a small starting point in a new folder.
 *
 * @returns the folder and the files in it
 * @throws OvidError `command-invalid` if the name is none, or the folder has something in it
 */
export function create(thing: Thing, name: string): { folder: string; files: string[] } {
  const names = namesOf(name)
  const folder = names.dashed
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new OvidError('command-invalid', `${folder} exists and is not empty; take another name, or make it elsewhere`)
  }
  const files = thing === 'agent' ? agentFiles(names) : pluginFiles(names)
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return { folder, files: Object.keys(files) }
}

/** `ovid new`: says what was made and what to do with it. Returns the exit code. */
export function createAndTell(thing: Thing, name: string): number {
  try {
    const { folder, files } = create(thing, name)
    console.log(
      [
        `made ${folder}/`,
        ...files.map((file) => `  ${file}`),
        'Next:',
        `  cd ${folder} && npm install && npm run try`,
      ].join('\n'),
    )
    return 0
  } catch (error) {
    console.error(failureText(failureOf(error)))
    return 1
  }
}
