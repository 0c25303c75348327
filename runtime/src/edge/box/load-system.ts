import { stat } from 'node:fs/promises'
import { type AgentDefinition, isDefinition } from '../../agent/definition.js'
import type { Boot } from '../../controller/boot.js'
import type { Plugin } from '../../controller/deployment.js'
import type { CodeRef } from '../../latt/code.js'
import type { SystemDefinition } from '../../latt/system.js'
import { isTransformation, type Transformation } from '../../latt/transformation.js'
import type { Place } from '../../message/envelope.js'
import { OvidError } from '../../message/errors.js'
import { fileUrl, importModule, type ModuleStore, moduleUrl } from '../module-store.js'

/** A plug-in as found in a module: the default export, or the first transformation exported. */
export async function loadPlugin(specifier: string, from: string, store: ModuleStore): Promise<Plugin> {
  const module = moduleUrl(specifier, from)
  const exported = await importModule(module)
  const [pick] =
    Object.entries(exported).find(([name, value]) => name === 'default' && isTransformation(value)) ??
    Object.entries(exported).find(([, value]) => isTransformation(value)) ??
    []
  if (pick === undefined) throw new OvidError('code-not-found', `${specifier} exports no transformation`)
  const code = { module, pick: [pick] }
  const transformation = (await store.load(code)) as Transformation
  return { name: transformation.name, version: transformation.version, code }
}

/**
 * An agent by the path of its module, `path` or `path#export`; of several the one of the kind wanted. The
 * file's time of change is part of its name, so that a changed file is new code.
 */
export async function loadAgent(
  path: string,
  kind: string | undefined,
  store: ModuleStore,
): Promise<{ code: CodeRef; definition: AgentDefinition }> {
  const hash = path.lastIndexOf('#')
  const [file, wanted] = hash < 0 ? [path, undefined] : [path.slice(0, hash), path.slice(hash + 1)]
  const url = fileUrl(file)
  const { mtimeMs } = await stat(new URL(url)).catch(() => {
    throw new OvidError('code-not-found', `there is no file ${file}`)
  })
  const module = `${url}?modified=${Math.trunc(mtimeMs)}`
  const agents = Object.entries(await importModule(module)).filter(
    (entry): entry is [string, AgentDefinition] => isDefinition(entry[1]) && entry[1].form === 'agent',
  )
  const fits = agents.filter(
    ([name, agent]) => (wanted === undefined || name === wanted) && (kind === undefined || agent.kind === kind),
  )
  const [name, definition] = fits.find(([each]) => each === 'default') ?? fits[0] ?? []
  if (name === undefined || definition === undefined) {
    const found = agents.map(([each, agent]) => `${each} (${agent.kind} ${agent.version})`).join(', ') || 'none'
    throw new OvidError(
      'code-not-found',
      `${file} exports no agent${kind === undefined ? '' : ` of kind ${kind}`}${wanted === undefined ? '' : ` as ${wanted}`}; it exports ${found}`,
    )
  }
  const code = { module, pick: [name] }
  await store.load(code)
  return { code, definition }
}

/**
 * Loads a system by the path or URL of its module, and says it in words the controller understands.
 *
 * @throws OvidError `code-not-found`, `definition-invalid`
 */
export async function loadSystem(path: string, box: string, store: ModuleStore): Promise<Omit<Boot, 'places'>> {
  const module = fileUrl(path)
  const system = (await importModule(module)).default as SystemDefinition | undefined
  if (typeof system?.name !== 'string' || typeof system.agents !== 'object') {
    throw new OvidError(
      'definition-invalid',
      `${path} must export a system as default: export default defineSystem({ name, agents })`,
    )
  }
  // Agents of one definition share its name: threads load and keep it once.
  const codes = new Map<unknown, CodeRef>()
  const agents = await Promise.all(
    Object.entries(system.agents).map(async ([name, { agent, params, thread }]) => {
      const known = codes.get(agent)
      const code = known ?? { module, pick: ['default', 'agents', name, 'agent'] }
      codes.set(agent, code)
      if (known === undefined) await store.load(code)
      const place: Place | undefined = thread === undefined ? undefined : `${box}/${thread}`
      const form = agent.form
      return {
        name,
        form,
        code,
        kind: agent.kind,
        version: agent.version,
        ...(params !== undefined && { params }),
        ...(place !== undefined && { place }),
      }
    }),
  )
  const plugins = await Promise.all((system.plugins ?? []).map((specifier) => loadPlugin(specifier, module, store)))
  const transformations = []
  for (const [index, { at, by }] of (system.transformations ?? []).entries()) {
    if (!isTransformation(by?.transformation))
      throw new OvidError(
        'definition-invalid',
        `system ${system.name}: transformations[${index}].by must be a transformation with its options, such as shard({ shards: 2 })`,
      )
    const { name, version } = by.transformation
    if (!plugins.some((plugin) => plugin.name === name)) {
      const code = { module, pick: ['default', 'transformations', String(index), 'by', 'transformation'] }
      await store.load(code)
      plugins.push({ name, version, code })
    }
    transformations.push({ at, plugin: name, options: by.options })
  }
  return { name: system.name, agents, plugins, transformations }
}
