import type { Definition } from '../agent/definition.js'
import type { Transformation } from './transformation.js'

/**
 * Names code, so that it crosses threads and boxes by name and never as a closure: a module and the way from
 * its namespace to the thing (`['default', 'agents', 'KVS', 'agent']`).
 */
export interface CodeRef {
  /** URL of a module. */
  readonly module: string
  readonly pick: readonly string[]
}

export function codeKey(code: CodeRef): string {
  return `${code.module}#${code.pick.join('.')}`
}

/** Code that has been loaded. Loading itself is an edge's business. */
export interface CodeStore {
  /** The definition or transformation of that name, or undefined if it is not loaded. */
  get(code: CodeRef): Definition | Transformation | undefined
}
