import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import ts from 'typescript'
import * as errors from '../../message/errors.js'
import * as inbox from './inbox.js'
import * as layout from './layout.js'
import * as outbox from './outbox.js'
import * as parts from './parts.js'
import * as ring from './ring.js'
import * as words from './words.js'

/** The classes that carry a message from one thread to the other. */
export interface Implementation {
  readonly RingProducer: typeof ring.RingProducer
  readonly RingConsumer: typeof ring.RingConsumer
  readonly Outbox: typeof outbox.Outbox
  readonly Inbox: typeof inbox.Inbox
  readonly Reassembly: typeof parts.Reassembly
}

export const production: Implementation = { ...ring, ...outbox, ...inbox, ...parts }

/** A bug: in `file`, `from` is replaced by `to`. */
export interface Mutation {
  readonly file: 'ring' | 'parts' | 'outbox' | 'inbox'
  readonly from: string
  readonly to: string
}

const modules: Record<string, unknown> = {
  './layout.js': layout,
  './words.js': words,
  './ring.js': ring,
  './parts.js': parts,
  '../../message/errors.js': errors,
}

/** The production code with one bug planted in its text. */
export function mutant({ file, from, to }: Mutation): Implementation {
  const source = readFileSync(new URL(`./${file}.ts`, import.meta.url), 'utf8')
  if (source.split(from).length !== 2) throw new Error(`${file}.ts does not hold exactly one: ${from}`)
  const { outputText } = ts.transpileModule(source.replace(from, to), {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023, esModuleInterop: true },
  })
  const exports = {}
  const load = (name: string): unknown => modules[name] ?? createRequire(import.meta.url)(name)
  new Function('exports', 'require', outputText)(exports, load)
  return { ...production, ...exports }
}
