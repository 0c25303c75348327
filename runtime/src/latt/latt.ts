import type { AgentDefinition } from '../agent/definition.js'
import { invariant, OvidError } from '../message/errors.js'
import type { CodeRef, CodeStore } from './code.js'
import { childTowards, clientSegment, isUnder, isWithin, join, parentOf, ROOT } from './path.js'
import { type ChildSpec, checkOptions, isTransformation, type Transformation } from './transformation.js'

/** What part a node plays in its parent's implementation. */
export type Role = 'system' | 'agent' | 'copy' | 'proxy' | 'ingress' | 'gateway'

/** A transformation as applied to a node. Plain data: the code is found by name. */
export interface Applied {
  /** Name the plug-in is registered by. */
  readonly plugin: string
  readonly version: string
  readonly code: CodeRef
  readonly options: Readonly<Record<string, unknown>>
  readonly ingress: { readonly name: string; readonly agent: string; readonly params?: unknown }
  readonly routes: Readonly<Record<string, string>>
}

/** A node of the LATT. Immutable, plain data. */
export interface LattNode {
  readonly id: string
  readonly role: Role
  /** Name the agent at this node knows itself by. */
  readonly self: string
  readonly code: CodeRef
  /** For proxies: the virtual agent's code. */
  readonly target?: CodeRef
  readonly kind: string
  readonly version: number
  readonly params?: unknown
  readonly near?: string
  readonly apart?: string
  /** On ingress proxies: the physical agent it serves. */
  readonly client?: string
  readonly applied?: Applied
  readonly children: readonly LattNode[]
}

/** Children by id, for nodes with many: the tree is immutable, so an index stays right. */
const indexes = new WeakMap<LattNode, ReadonlyMap<string, LattNode>>()
const FEW = 16

function childOf(node: LattNode, id: string): LattNode | undefined {
  if (node.children.length <= FEW) return node.children.find((child) => child.id === id)
  let index = indexes.get(node)
  if (index === undefined) {
    index = new Map(node.children.map((child) => [child.id, child]))
    indexes.set(node, index)
  }
  return index.get(id)
}

export function findNode(latt: LattNode, id: string): LattNode | undefined {
  let node: LattNode | undefined = latt
  while (node !== undefined && node.id !== id) {
    if (!isUnder(id, node.id)) return undefined
    node = childOf(node, childTowards(id, node.id))
  }
  return node
}

/** The same tree with another node in the place of the one with its id. */
export function replaceNode(latt: LattNode, replacement: LattNode): LattNode {
  if (latt.id === replacement.id) return replacement
  return {
    ...latt,
    children: latt.children.map((child) =>
      isWithin(replacement.id, child.id) ? replaceNode(child, replacement) : child,
    ),
  }
}

/** The same tree without the nodes `drop` says yes to. */
export function removeNodes(latt: LattNode, drop: (node: LattNode) => boolean): LattNode {
  if (!latt.children.some((child) => drop(child) || child.children.length > 0)) return latt
  return { ...latt, children: latt.children.filter((child) => !drop(child)).map((child) => removeNodes(child, drop)) }
}

/** Every node below and including `node`, top-down. */
export function* walk(node: LattNode): Generator<LattNode> {
  yield node
  for (const child of node.children) yield* walk(child)
}

/** Physical nodes: those that are not transformed. */
export function leaves(node: LattNode): LattNode[] {
  return [...walk(node)].filter((each) => each.role !== 'system' && each.applied === undefined)
}

export function transformationOf(store: CodeStore, code: CodeRef): Transformation {
  const found = store.get(code)
  if (!isTransformation(found))
    throw new OvidError('code-not-found', `${code.module} exports no transformation at ${code.pick.join('.')}`)
  return found
}

export function agentOf(store: CodeStore, node: LattNode): AgentDefinition {
  const found = store.get(node.code)
  if (found === undefined || isTransformation(found) || found.form !== 'agent') {
    throw new OvidError('code-not-found', `the code of ${node.id} (${node.code.module}) is not loaded or is no agent`)
  }
  return found
}

function childNode(
  parent: LattNode,
  plugin: { code: CodeRef; transformation: Transformation },
  spec: ChildSpec,
): LattNode {
  const placement = {
    ...(spec.near !== undefined && { near: join(parent.id, spec.near) }),
    ...(spec.apart !== undefined && { apart: join(parent.id, spec.apart) }),
  }
  const id = join(parent.id, spec.name)
  if (spec.agent === 'target') {
    const { code, kind, version, self, params } = parent
    return { id, role: 'copy', self, code, kind, version, params, children: [], ...placement }
  }
  const own = ownAgent(plugin.transformation, spec.agent)
  const code = { module: plugin.code.module, pick: [...plugin.code.pick, 'agents', spec.agent] }
  return {
    id,
    role: 'proxy',
    self: id,
    code,
    target: parent.code,
    kind: own.kind,
    version: own.version,
    params: spec.params,
    children: [],
    ...placement,
  }
}

function ownAgent(transformation: Transformation, name: string) {
  const own = transformation.agents[name]
  if (own === undefined)
    throw new OvidError('definition-invalid', `transformation ${transformation.name} has no agent ${name}`)
  return own
}

function checkExpansion(
  target: LattNode,
  plugin: string,
  names: readonly string[],
  routes: Readonly<Record<string, string>>,
): void {
  const wrong = (what: string): never => {
    throw new OvidError('definition-invalid', `transformation ${plugin} at ${target.id}: ${what}`)
  }
  if (names.length === 0) wrong('expands to no children')
  if (new Set(names).size !== names.length) wrong('gives two children the same name')
  for (const name of names) if (!/^[A-Za-z0-9_-]+$/.test(name)) wrong(`${JSON.stringify(name)} is no name for a child`)
  for (const [from, to] of Object.entries(routes)) {
    if (!names.includes(from) || !names.includes(to)) wrong(`routes ${from} to ${to}, which are not both children`)
  }
}

/**
 * The node as the transformation with these options makes it. Children that both the old and the new layout
 * have keep transformations of their own.
 *
 * @throws OvidError `requirement-missing`, `option-invalid`, `definition-invalid`
 */
export function applyTransformation(
  node: LattNode,
  plugin: { name: string; code: CodeRef },
  given: Record<string, unknown>,
  store: CodeStore,
): LattNode {
  const transformation = transformationOf(store, plugin.code)
  const agent = agentOf(store, node)
  for (const need of transformation.requires ?? []) {
    if (agent[need] === undefined) {
      throw new OvidError(
        'requirement-missing',
        `${transformation.name} needs ${node.id} to have \`${need}\`; its definition (${node.kind} ${node.version}) has none`,
      )
    }
  }
  const options = checkOptions(transformation, given)
  const expansion = transformation.expand({ id: node.id, agent }, options)
  checkExpansion(
    node,
    plugin.name,
    expansion.children.map((child) => child.name),
    expansion.routes,
  )
  ownAgent(transformation, expansion.ingress.agent)
  const children = expansion.children.map((spec) => {
    const child = childNode(node, { code: plugin.code, transformation }, spec)
    const before = node.children.find((old) => old.id === child.id && old.role === child.role)
    if (before?.applied === undefined) return child
    const kept = before.children.filter((each) => each.role !== 'ingress')
    return applyTransformation(
      { ...child, children: kept },
      { name: before.applied.plugin, code: before.applied.code },
      { ...before.applied.options },
      store,
    )
  })
  const applied: Applied = {
    plugin: plugin.name,
    version: transformation.version,
    code: plugin.code,
    options,
    ingress: expansion.ingress,
    routes: expansion.routes,
  }
  return { ...node, applied, children }
}

/** The node without its transformation. */
export function removeTransformation(node: LattNode): LattNode {
  const { applied: _, ...rest } = node
  return { ...rest, children: [] }
}

function ingressId(node: LattNode, client: string): string {
  invariant(node.applied !== undefined, 'routing', () => `${node.id} is not transformed`)
  return join(node.id, `${node.applied.ingress.name}:${clientSegment(client)}`)
}

/** The node with an ingress proxy for a client. */
export function withIngress(node: LattNode, client: string, store: CodeStore): LattNode {
  invariant(node.applied !== undefined, 'routing', () => `${node.id} is not transformed`)
  const id = ingressId(node, client)
  if (node.children.some((child) => child.id === id)) return node
  const { code, ingress } = node.applied
  const own = ownAgent(transformationOf(store, code), ingress.agent)
  const proxy: LattNode = {
    id,
    role: 'ingress',
    self: id,
    code: { module: code.module, pick: [...code.pick, 'agents', ingress.agent] },
    target: node.code,
    kind: own.kind,
    version: own.version,
    params: ingress.params,
    near: client,
    client,
    children: [],
  }
  return { ...node, children: [...node.children, proxy] }
}

/** Where a name leads. */
export type Resolution =
  | { readonly found: 'agent'; readonly id: string }
  /** `node` is transformed and has no ingress proxy for the source yet. */
  | { readonly found: 'no-ingress'; readonly node: LattNode }
  | { readonly found: 'unknown'; readonly why: string }

/**
 * The physical agent that `source` reaches by `name` (paper, section 2). Given the LATT this is always
 * determined, for any nesting.
 *
 * A source may name the siblings of its own ancestors, and the ancestors themselves: what lies inside
 * another agent is that agent's own business.
 */
export function resolve(latt: LattNode, source: string, name: string): Resolution {
  if (name === ROOT || findNode(latt, name) === undefined)
    return { found: 'unknown', why: `there is no agent ${JSON.stringify(name)}` }
  if (!isWithin(source, parentOf(name))) {
    return { found: 'unknown', why: `${name} is inside the transformed agent ${parentOf(name)}; address that` }
  }
  let id = name
  for (;;) {
    const node = findNode(latt, id)
    if (node === undefined) return { found: 'unknown', why: `there is no agent ${id}` }
    invariant(isWithin(node.id, name), 'prefix', () => `${name} resolved to ${node.id}`)
    if (node.applied === undefined) return { found: 'agent', id: node.id }
    const own = isUnder(source, node.id)
      ? node.applied.routes[childTowards(source, node.id).slice(node.id.length + 1)]
      : undefined
    if (own !== undefined) {
      id = join(node.id, own)
      continue
    }
    const ingress = ingressId(node, source)
    if (childOf(node, ingress) === undefined) return { found: 'no-ingress', node }
    id = ingress
  }
}
