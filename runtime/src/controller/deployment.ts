import type { CodeRef, CodeStore } from '../latt/code.js'
import {
  agentOf,
  applyTransformation,
  findNode,
  type LattNode,
  leaves,
  removeNodes,
  removeTransformation,
  replaceNode,
  transformationOf,
  walk,
  withIngress,
} from '../latt/latt.js'
import { isWithin, ROOT } from '../latt/path.js'
import type { Place } from '../message/envelope.js'
import { invariant, OvidError } from '../message/errors.js'

/** A physical agent as deployed. */
export interface Physical {
  readonly id: string
  readonly serial: number
  readonly place: Place
  readonly status: 'running' | 'faulty' | 'lost'
}

/** Where everything is. Immutable: a change makes another one. */
export interface Deployment {
  readonly epoch: number
  readonly latt: LattNode
  readonly agents: ReadonlyMap<string, Physical>
  /** Clients outside the LATT. */
  readonly clients: ReadonlyMap<string, Physical>
  /** Threads that agents may be placed on. */
  readonly places: readonly Place[]
  /**
   * For each agent, the physical agents that were told the way to it: its possible clients. The one part that
   * grows in place, shared by all deployments: a route given is not a change of layout.
   */
  readonly given: Map<string, Set<string>>
  readonly nextSerial: number
}

export interface Plugin {
  readonly name: string
  readonly version: string
  readonly code: CodeRef
}

/** A change as asked for. */
export type Change =
  | {
      readonly verb: 'transform'
      readonly id: string
      readonly plugin: string
      readonly options: Readonly<Record<string, unknown>>
    }
  | { readonly verb: 'untransform'; readonly id: string }
  | { readonly verb: 'move'; readonly id: string; readonly place: Place }
  | {
      readonly verb: 'upgrade'
      readonly id: string
      readonly code: CodeRef
      readonly kind: string
      readonly version: number
    }

/** What a change makes of a deployment. */
export interface Next {
  readonly deployment: Deployment
  /** The virtual agent whose layout is replaced, if any. */
  readonly region: string | undefined
  /** The change that takes this one back, if there is one. */
  readonly undo: Change | undefined
}

export function nodeAt(deployment: Deployment, id: string): LattNode {
  const node = id === ROOT ? undefined : findNode(deployment.latt, id)
  if (node === undefined) {
    const names = deployment.latt.children.map((child) => child.id).join(', ')
    throw new OvidError('unknown-agent', `there is no agent ${JSON.stringify(id)}; the system has ${names}`)
  }
  return node
}

/** Where a physical agent or client is. */
export function physicalAt(deployment: Deployment, id: string): Physical | undefined {
  return deployment.agents.get(id) ?? deployment.clients.get(id)
}

function checkRunning(deployment: Deployment, node: LattNode): void {
  for (const leaf of leaves(node)) {
    const status = deployment.agents.get(leaf.id)?.status
    if (status === 'lost') throw new OvidError('agent-lost', `${leaf.id} was lost with its thread; its state is gone`)
    if (status === 'faulty')
      throw new OvidError('agent-faulty', `${leaf.id} is wedged by a fault in its code; its state is not to be trusted`)
  }
}

function checkNotPinned(node: LattNode): void {
  if (node.role === 'gateway')
    throw new OvidError('agent-pinned', `${node.id} is a gateway: it owns sockets and stays as and where it is`)
}

function checkReplaceable(deployment: Deployment, node: LattNode, verb: string): void {
  checkNotPinned(node)
  checkRunning(deployment, node)
  if (node.role === 'proxy' || node.role === 'ingress') {
    throw new OvidError(
      'definition-invalid',
      `${node.id} is a proxy of a transformation; ${verb} the agent above it instead`,
    )
  }
}

// ------------------------------------------------------------------------------------------------ placement

/** State-bearing agents per place, for spreading. */
class Load {
  readonly #count = new Map<Place, number>()
  readonly #apart = new Map<string, number>()
  readonly #deployment: Deployment

  constructor(deployment: Deployment, latt: LattNode, agents: ReadonlyMap<string, Physical>) {
    this.#deployment = deployment
    for (const leaf of leaves(latt)) {
      const place = agents.get(leaf.id)?.place
      if (place !== undefined) this.add(leaf, place)
    }
  }

  add(leaf: LattNode, place: Place): void {
    if (leaf.role === 'proxy' || leaf.role === 'ingress') return
    this.#count.set(place, (this.#count.get(place) ?? 0) + 1)
    if (leaf.apart !== undefined)
      this.#apart.set(`${leaf.apart} ${place}`, (this.#apart.get(`${leaf.apart} ${place}`) ?? 0) + 1)
  }

  /** The place with fewest siblings of the same mark, then with fewest agents, then the first. */
  least(leaf: LattNode): Place {
    const { places } = this.#deployment
    const weight = (place: Place): [number, number] => [
      this.#apart.get(`${leaf.apart ?? ''} ${place}`) ?? 0,
      this.#count.get(place) ?? 0,
    ]
    let best = places[0]
    if (best === undefined) throw new OvidError('no-such-place', 'no thread is left to place agents on')
    for (const place of places) {
      const [apart, count] = weight(place)
      const [bestApart, bestCount] = weight(best)
      if (apart < bestApart || (apart === bestApart && count < bestCount)) best = place
    }
    return best
  }
}

/** Agents of `latt`: those that stay keep serial and place, the others get a new serial and a place. */
function placeAll(
  deployment: Deployment,
  latt: LattNode,
  isNew: (id: string) => boolean,
): { agents: Map<string, Physical>; nextSerial: number } {
  const all = leaves(latt)
  const agents = new Map<string, Physical>()
  let { nextSerial } = deployment
  for (const leaf of all) {
    const old = deployment.agents.get(leaf.id)
    if (old !== undefined && !isNew(leaf.id)) agents.set(leaf.id, old)
  }
  const load = new Load(deployment, latt, agents)
  const put = (leaf: LattNode, place: Place) => {
    agents.set(leaf.id, { id: leaf.id, serial: nextSerial++, place, status: 'running' })
    load.add(leaf, place)
  }
  const fresh = all.filter((leaf) => !agents.has(leaf.id))
  for (const leaf of fresh.filter((each) => each.near === undefined)) {
    const before = deployment.agents.get(leaf.id)?.place
    const stays = before !== undefined && deployment.places.includes(before)
    put(leaf, stays ? before : load.least(leaf))
  }
  for (const leaf of fresh.filter((each) => each.near !== undefined)) {
    const near = leaf.near as string
    const beside =
      physicalAt({ ...deployment, agents }, near) ?? [...agents.values()].find((each) => isWithin(each.id, near))
    put(leaf, beside?.place ?? load.least(leaf))
  }
  return { agents, nextSerial }
}

// --------------------------------------------------------------------------------------------------- changes

/** The LATT without ingress proxies whose client is gone or lost; proxies may be clients themselves. */
export function withoutOrphans({ latt: given, agents, clients }: Deployment): LattNode {
  for (let latt = given; ; ) {
    const isLost = (id: string) => (agents.get(id) ?? clients.get(id))?.status === 'lost'
    const living = new Set([...leaves(latt).map((leaf) => leaf.id), ...clients.keys()].filter((id) => !isLost(id)))
    const orphan = (node: LattNode) => node.client !== undefined && !living.has(node.client)
    if (![...walk(latt)].some(orphan)) return latt
    latt = removeNodes(latt, orphan)
  }
}

function settled(deployment: Deployment, node: LattNode, isNew: (id: string) => boolean): Deployment {
  const latt = withoutOrphans({ ...deployment, latt: replaceNode(deployment.latt, node) })
  const { agents, nextSerial } = placeAll(deployment, latt, isNew)
  return { ...deployment, epoch: deployment.epoch + 1, latt, agents, nextSerial }
}

/** Clients that may have a channel to a node: those outside it that were told where it is, and live. */
export function clientsOf(deployment: Deployment, id: string): string[] {
  const isLiving = (source: string) => (physicalAt(deployment, source)?.status ?? 'lost') !== 'lost'
  return [...(deployment.given.get(id) ?? [])].filter((source) => !isWithin(source, id) && isLiving(source))
}

/** Applies a transformation before anything runs: no clients, no state. */
export function transformAtStart(
  deployment: Deployment,
  change: Extract<Change, { verb: 'transform' }>,
  plugin: Plugin,
  store: CodeStore,
): LattNode {
  return replaceNode(
    deployment.latt,
    applyTransformation(nodeAt(deployment, change.id), plugin, { ...change.options }, store),
  )
}

function transform(
  deployment: Deployment,
  change: Extract<Change, { verb: 'transform' }>,
  plugins: ReadonlyMap<string, Plugin>,
  store: CodeStore,
): Next {
  const node = nodeAt(deployment, change.id)
  checkReplaceable(deployment, node, 'transform')
  const plugin = plugins.get(change.plugin)
  if (plugin === undefined) {
    throw new OvidError(
      'plugin-unknown',
      `there is no plug-in ${JSON.stringify(change.plugin)}; registered: ${[...plugins.keys()].join(', ') || 'none'}`,
    )
  }
  if (node.applied !== undefined && node.applied.plugin !== change.plugin) {
    throw new OvidError(
      'already-transformed',
      `${node.id} is transformed by ${node.applied.plugin}; untransform it first, or transform one of ${node.children.map((child) => child.id).join(', ')}`,
    )
  }
  const bare = { ...node, children: node.children.filter((child) => child.role !== 'ingress') }
  let changed = applyTransformation(bare, plugin, { ...change.options }, store)
  for (const client of clientsOf(deployment, node.id)) changed = withIngress(changed, client, store)
  const undo = node.applied === undefined ? ({ verb: 'untransform', id: node.id } as const) : undoOf(node, changed)
  return { deployment: settled(deployment, changed, (id) => isWithin(id, node.id)), region: node.id, undo }
}

/** What leads back to a transformed node's layout. There is no such change if transformations inside it are lost. */
function undoOf(before: LattNode, after: LattNode): Change | undefined {
  if (before.applied === undefined) return undefined
  const isKept = (node: LattNode) => node.applied === undefined || findNode(after, node.id)?.applied !== undefined
  if (![...walk(before)].every((node) => node.id === before.id || isKept(node))) return undefined
  return { verb: 'transform', id: before.id, plugin: before.applied.plugin, options: before.applied.options }
}

function untransform(deployment: Deployment, id: string): Next {
  const node = nodeAt(deployment, id)
  checkReplaceable(deployment, node, 'untransform')
  if (node.applied === undefined) throw new OvidError('not-transformed', `${id} is not transformed`)
  const changed = removeTransformation(node)
  const undo = undoOf(node, changed)
  return { deployment: settled(deployment, changed, (each) => isWithin(each, id)), region: id, undo }
}

/** An agent's proxies and whatever else is placed near it move with it. */
function companions(latt: LattNode, id: string): string[] {
  const moving = new Set([id])
  const all = leaves(latt)
  for (let before = 0; before < moving.size; ) {
    before = moving.size
    for (const leaf of all) if (leaf.near !== undefined && moving.has(leaf.near)) moving.add(leaf.id)
  }
  return [...moving]
}

function move(deployment: Deployment, change: Extract<Change, { verb: 'move' }>): Next {
  const node = nodeAt(deployment, change.id)
  checkNotPinned(node)
  checkRunning(deployment, node)
  if (node.applied !== undefined) {
    throw new OvidError(
      'agent-transformed',
      `${node.id} is virtual; move one of its parts: ${leaves(node)
        .map((leaf) => leaf.id)
        .join(', ')}`,
    )
  }
  if (node.role === 'proxy' || node.role === 'ingress') {
    throw new OvidError(
      'agent-transformed',
      `${node.id} is a proxy and stays near ${node.near ?? 'its agent'}; move that`,
    )
  }
  if (!deployment.places.includes(change.place)) {
    throw new OvidError(
      'no-such-place',
      `there is no place ${JSON.stringify(change.place)}; there are ${deployment.places.join(', ')}`,
    )
  }
  const from = deployment.agents.get(node.id)?.place
  invariant(from !== undefined, 'routing', () => `${node.id} has no place`)
  const agents = new Map(deployment.agents)
  for (const id of companions(deployment.latt, node.id)) {
    const old = agents.get(id)
    if (old !== undefined && old.status === 'running') agents.set(id, { ...old, place: change.place })
  }
  return {
    deployment: { ...deployment, epoch: deployment.epoch + 1, agents },
    region: undefined,
    undo: { verb: 'move', id: node.id, place: from },
  }
}

function upgradeNode(node: LattNode, change: Extract<Change, { verb: 'upgrade' }>): LattNode {
  const children = node.children.map((child) =>
    child.role === 'copy' ? upgradeNode(child, change) : { ...child, target: change.code },
  )
  return { ...node, code: change.code, version: change.version, children }
}

function upgrade(deployment: Deployment, change: Extract<Change, { verb: 'upgrade' }>, store: CodeStore): Next {
  const node = nodeAt(deployment, change.id)
  checkReplaceable(deployment, node, 'upgrade')
  if (node.role === 'copy')
    throw new OvidError(
      'agent-transformed',
      `${node.id} is a copy inside a transformed agent; upgrade that agent, and all its copies follow`,
    )
  if (change.kind !== node.kind)
    throw new OvidError('version-mismatch', `${node.id} is of kind ${node.kind}; the module has kind ${change.kind}`)
  if (change.version <= node.version) {
    throw new OvidError(
      'version-mismatch',
      `${node.id} is version ${node.version}; the module has version ${change.version}, which is not later`,
    )
  }
  const changed = upgradeNode(node, change)
  const agent = agentOf(store, changed)
  if (agent.migrate === undefined)
    throw new OvidError(
      'requirement-missing',
      `${change.kind} ${change.version} has no migrate, so it cannot take over the state of version ${node.version}`,
    )
  for (const each of walk(changed)) {
    for (const need of each.applied === undefined ? [] : (transformationOf(store, each.applied.code).requires ?? [])) {
      if (agent[need] === undefined)
        throw new OvidError(
          'requirement-missing',
          `${each.applied?.plugin} at ${each.id} needs \`${need}\`; version ${change.version} has none`,
        )
    }
  }
  return {
    deployment: { ...deployment, epoch: deployment.epoch + 1, latt: replaceNode(deployment.latt, changed) },
    region: undefined,
    undo: undefined,
  }
}

/**
 * The deployment a change leads to. Refused before anything moves if it is unsound.
 *
 * @throws OvidError `unknown-agent`, `plugin-unknown`, `requirement-missing`, `option-invalid`, `no-such-place`,
 * `already-transformed`, `not-transformed`, `agent-transformed`, `agent-pinned`, `agent-lost`, `agent-faulty`, `version-mismatch`
 */
export function nextDeployment(
  deployment: Deployment,
  change: Change,
  plugins: ReadonlyMap<string, Plugin>,
  store: CodeStore,
): Next {
  switch (change.verb) {
    case 'transform':
      return transform(deployment, change, plugins, store)
    case 'untransform':
      return untransform(deployment, change.id)
    case 'move':
      return move(deployment, change)
    case 'upgrade':
      return upgrade(deployment, change, store)
  }
}

/** Places everything of a LATT that has not run yet. */
export function firstDeployment(deployment: Deployment, threads: ReadonlyMap<string, Place>): Deployment {
  const { agents, nextSerial } = placeAll(deployment, deployment.latt, () => true)
  for (const [id, place] of threads) {
    if (!deployment.places.includes(place))
      throw new OvidError('no-such-place', `${id} wants ${place}; there are ${deployment.places.join(', ')}`)
    const agent = agents.get(id)
    if (agent !== undefined) agents.set(id, { ...agent, place })
  }
  return { ...deployment, agents, nextSerial, epoch: 1 }
}

/** The deployment with one more ingress proxy. */
export function deployIngress(
  deployment: Deployment,
  nodeId: string,
  client: string,
  store: CodeStore,
): { deployment: Deployment; ingress: Physical; node: LattNode } {
  const changed = withIngress(nodeAt(deployment, nodeId), client, store)
  const latt = replaceNode(deployment.latt, changed)
  const node = changed.children[changed.children.length - 1] as LattNode
  const place = physicalAt(deployment, client)?.place
  invariant(place !== undefined && node.client === client, 'routing', () => `${client} is not deployed`)
  const ingress: Physical = { id: node.id, serial: deployment.nextSerial, place, status: 'running' }
  const agents = new Map(deployment.agents).set(node.id, ingress)
  return { deployment: { ...deployment, latt, agents, nextSerial: deployment.nextSerial + 1 }, ingress, node }
}
