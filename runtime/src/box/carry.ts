import type { AgentDefinition } from '../agent/definition.js'
import type { AgentImage } from '../agent/image.js'
import type { CodeStore } from '../latt/code.js'
import { agentOf, findNode, type LattNode, transformationOf } from '../latt/latt.js'
import { isUnder } from '../latt/path.js'
import type { Refinement } from '../latt/transformation.js'
import { invariant, OvidError } from '../message/errors.js'
import type { Recipe } from './protocol.js'

/** Whether a node's agent carries state of the virtual agent (proxies do not: they are made anew). */
function bearsState(node: LattNode): boolean {
  return node.role === 'agent' || node.role === 'copy'
}

function nameIn(parent: LattNode, child: LattNode): string {
  return child.id.slice(parent.id.length + 1)
}

function refinementOf(node: LattNode, store: CodeStore): Refinement {
  invariant(node.applied !== undefined, 'I6', () => `${node.id} is not transformed`)
  const agent: AgentDefinition = agentOf(store, node)
  return transformationOf(store, node.applied.code).refine({ id: node.id, agent }, node.applied.options)
}

/** The image of the virtual agent at `node`, from the images of the physical agents below it. */
export function liftNode(node: LattNode, images: ReadonlyMap<string, AgentImage>, store: CodeStore): AgentImage {
  if (node.applied === undefined) {
    const image = images.get(node.id)
    invariant(image !== undefined, 'I6', () => `no image of ${node.id}`)
    return image
  }
  const children: Record<string, AgentImage> = {}
  for (const child of node.children)
    if (bearsState(child)) children[nameIn(node, child)] = liftNode(child, images, store)
  return refinementOf(node, store).lift(children)
}

/** The images of the physical agents below `node` that together are `image`. */
export function lowerNode(node: LattNode, image: AgentImage, store: CodeStore): [string, AgentImage][] {
  if (node.applied === undefined) return [[node.id, image]]
  const lowered = refinementOf(node, store).lower(image)
  const bearing = node.children.filter(bearsState)
  for (const name of Object.keys(lowered)) {
    invariant(
      bearing.some((child) => nameIn(node, child) === name),
      'I6',
      () => `lower gave an image for ${name}, which is no copy of ${node.id}`,
    )
  }
  return bearing.flatMap((child) => {
    const part = lowered[nameIn(node, child)]
    invariant(part !== undefined, 'I6', () => `lower gave no image for ${child.id}`)
    return lowerNode(child, part, store)
  })
}

/** Whether each host can divide and combine what it has, without a carrier that sees the whole. */
export function isDirect(before: LattNode, after: LattNode, store: CodeStore): boolean {
  const flat = (node: LattNode) => node.children.every((child) => !bearsState(child) || child.applied === undefined)
  if (!flat(before) || !flat(after)) return false
  if (before.applied === undefined || after.applied === undefined) return true
  return before.applied.plugin === after.applied.plugin && refinementOf(before, store).rescale !== undefined
}

/** What of one old agent's image goes to which new agent. */
export function divideImage(recipe: Recipe, id: string, image: AgentImage, store: CodeStore): [string, AgentImage][] {
  const { before, after } = recipe
  if (after.applied === undefined) return [[after.id, image]]
  if (before.applied === undefined) return lowerNode(after, image, store)
  const rescale = refinementOf(before, store).rescale?.(after.applied.options)
  invariant(rescale !== undefined, 'I6', () => `${before.applied?.plugin} cannot rescale`)
  return Object.entries(rescale.divide(id.slice(before.id.length + 1), image)).map(([name, part]) => [
    `${after.id}/${name}`,
    part,
  ])
}

/** The image of a new agent from the parts that came for it. */
export function combineImages(
  recipe: Recipe,
  id: string,
  parts: ReadonlyMap<string, AgentImage>,
  store: CodeStore,
): AgentImage {
  const { before, after } = recipe
  const node = findNode(after, id)
  invariant(node !== undefined, 'I6', () => `${id} is not part of the new layout`)
  const only = parts.values().next().value
  if (recipe.carrier !== '' || before.applied === undefined) {
    invariant(parts.size === 1 && only !== undefined, 'I6', () => `${id} got ${parts.size} images`)
    return only
  }
  const order = before.children.filter(bearsState).map((child) => child.id)
  if (after.applied === undefined) return liftNode(before, parts, store)
  const rescale = refinementOf(before, store).rescale?.(after.applied.options)
  if (rescale === undefined) throw new OvidError('definition-invalid', `${before.applied.plugin} cannot rescale`)
  const images = order.flatMap((old) => parts.get(old) ?? [])
  return rescale.combine(id.slice(after.id.length + 1), images)
}

/** New agents that need an image. */
export function bearers(recipe: Recipe): string[] {
  const bearing: string[] = []
  const descend = (node: LattNode): void => {
    if (node.applied === undefined) {
      if (bearsState(node)) bearing.push(node.id)
    } else for (const child of node.children) descend(child)
  }
  descend(recipe.after)
  return bearing
}

/** Whether an old agent's image is part of what is carried. */
export function isBearer(before: LattNode, id: string): boolean {
  const node = findNode(before, id)
  return node !== undefined && bearsState(node) && (id === before.id || isUnder(id, before.id))
}
