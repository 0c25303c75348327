import { isAbsolute, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { resolve as resolveModule } from 'import-meta-resolve'
import { type Definition, isDefinition } from '../agent/definition.js'
import { type CodeRef, type CodeStore, codeKey } from '../latt/code.js'
import { isTransformation, type Transformation } from '../latt/transformation.js'
import { OvidError } from '../message/errors.js'

let typeScriptReady: Promise<unknown> | undefined

/** TypeScript modules are loaded through tsx; Node's own stripping of types is neither on all versions nor complete. */
async function readyFor(module: string): Promise<void> {
  if (!/\.[cm]?tsx?$/.test(new URL(module).pathname)) return
  typeScriptReady ??= import('tsx/esm/api').then(({ register }) => register())
  await typeScriptReady
}

/**
 * Imports a module by URL.
 *
 * @throws OvidError `code-not-found`
 */
export async function importModule(module: string): Promise<Record<string, unknown>> {
  let known = imported.get(module)
  if (known === undefined) {
    known = importOnce(module)
    imported.set(module, known)
    // One that failed may be asked for again, once it is mended.
    known.catch(() => imported.delete(module))
  }
  return known
}

/** By URL. Node has the modules too, but asks its loaders each time: 0.1 ms for each of the agents of a system. */
const imported = new Map<string, Promise<Record<string, unknown>>>()

async function importOnce(module: string): Promise<Record<string, unknown>> {
  try {
    await readyFor(module)
    return (await import(module)) as Record<string, unknown>
  } catch (error) {
    if (error instanceof OvidError) throw error
    throw new OvidError(
      'code-not-found',
      `${module} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

/** The URL of a file named by a path (relative to the working directory) or by a file URL. */
export function fileUrl(path: string): string {
  return path.startsWith('file:') ? path : pathToFileURL(isAbsolute(path) ? path : resolve(path)).href
}

/**
 * The URL of a module that another module names.
 *
 * @throws OvidError `code-not-found`
 */
export function moduleUrl(specifier: string, from: string): string {
  try {
    return resolveModule(specifier, from)
  } catch (error) {
    const where = from.startsWith('file:') ? fileURLToPath(from) : from
    throw new OvidError(
      'code-not-found',
      `${specifier}, named by ${where}, cannot be found: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

/** Code that this thread has loaded. */
export class ModuleStore implements CodeStore {
  readonly #loaded = new Map<string, Definition | Transformation>()

  get(code: CodeRef): Definition | Transformation | undefined {
    return this.#loaded.get(codeKey(code))
  }

  /** @throws OvidError `code-not-found` */
  async load(code: CodeRef): Promise<Definition | Transformation> {
    const known = this.get(code)
    if (known !== undefined) return known
    let found: unknown = await importModule(code.module)
    for (const step of code.pick) found = (found as Record<string, unknown> | null | undefined)?.[step]
    if (!isDefinition(found) && !isTransformation(found)) {
      throw new OvidError(
        'code-not-found',
        `${code.module} has neither an agent nor a transformation at ${code.pick.join('.')}`,
      )
    }
    this.#loaded.set(codeKey(code), found)
    return found
  }
}
