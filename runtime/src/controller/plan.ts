import { isDirect } from '../box/carry.js'
import type { AskOwner, DrainedMessage, Operation, Recipe, Relocation, Stage, StartSpec } from '../box/protocol.js'
import type { CodeRef, CodeStore } from '../latt/code.js'
import { codeKey } from '../latt/code.js'
import { findNode, type LattNode, leaves, resolve, transformationOf } from '../latt/latt.js'
import { isWithin, ROOT } from '../latt/path.js'
import type { Place } from '../message/envelope.js'
import { invariant } from '../message/errors.js'
import { type Change, clientsOf, type Deployment, type Next } from './deployment.js'

export interface Guarantees {
  readonly gains: readonly string[]
  readonly loses: readonly string[]
}

/**
 * What it takes to come from one deployment to another. Plain data.
 *
 *   stage    waits for                         what happens
 *   start    every new agent's host            code loaded, new agents made, held
 *   hold     hosts of the old layout           what comes from outside is queued
 *   drain    reports of the old agents         everything sent inside has been consumed
 *   wedge    hosts of old and moving agents    output flushed; no transition any more
 *   carry    hosts the state goes to           captured, lifted, lowered, installed
 *   (commit) the controller                    epoch e+1: the one point of no return
 *   route    every host                        routes dropped, new agents released, late messages forwarded
 *   retire   hosts of the old agents           fences have arrived: forwarders end
 */
export interface Plan {
  /** Whether this starts the system: nothing is held, and nothing comes after the start. */
  readonly first: boolean
  readonly change: Change
  readonly undo: Change | undefined
  readonly before: Deployment
  readonly after: Deployment
  /** The virtual agent whose layout is replaced, if any. */
  readonly region: string | undefined
  readonly starts: readonly (StartSpec & { readonly place: Place })[]
  /** Old agents that end, with their places: those replaced, moved away, or left without a client. */
  readonly stops: readonly (readonly [string, Place])[]
  readonly relocations: readonly Relocation[]
  readonly recipe: Recipe | undefined
  readonly goneSerials: readonly number[]
  /** What users of the agent gain and lose, in words of the plug-in. */
  readonly guarantees: Guarantees
  /** Code the carry needs beside that of the agents. */
  readonly codes: readonly CodeRef[]
  /** Virtual agents that begin transformed. */
  readonly virtuals: readonly LattNode[]
}

export function startSpec(deployment: Deployment, id: string): StartSpec & { place: Place } {
  const node = findNode(deployment.latt, id)
  const physical = deployment.agents.get(id)
  invariant(node !== undefined && physical !== undefined, 'routing', () => `${id} is not deployed`)
  const { self, role, code, target, kind, version, params } = node
  return {
    id,
    serial: physical.serial,
    self,
    role,
    code,
    ...(target !== undefined && { target }),
    kind,
    version,
    params,
    place: physical.place,
  }
}

function relocationsBetween(
  before: Deployment,
  after: Deployment,
  change: Change,
  region: string | undefined,
): Relocation[] {
  const found: Relocation[] = []
  for (const [id, old] of before.agents) {
    const next = after.agents.get(id)
    if (next === undefined || old.status !== 'running' || (region !== undefined && isWithin(id, region))) continue
    const upgraded = change.verb === 'upgrade' && isWithin(id, change.id) && isUpgraded(before, after, id)
    if (next.place === old.place && !upgraded) continue
    found.push({ id, from: old.place, to: next.place, version: findNode(before.latt, id)?.version ?? 1 })
  }
  return found
}

function isUpgraded(before: Deployment, after: Deployment, id: string): boolean {
  const old = findNode(before.latt, id)
  const next = findNode(after.latt, id)
  const differ = (a: CodeRef | undefined, b: CodeRef | undefined) =>
    a !== undefined && b !== undefined && codeKey(a) !== codeKey(b)
  return differ(old?.code, next?.code) || differ(old?.target, next?.target)
}

/** The place that holds most of what bears state: least has to travel. */
function carrierOf(olds: readonly (readonly [string, Place])[]): Place {
  const count = new Map<Place, number>()
  for (const [, place] of olds) count.set(place, (count.get(place) ?? 0) + 1)
  return [...count].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0]?.[0] ?? ''
}

function recipeFor(before: Deployment, after: Deployment, region: string, store: CodeStore): Recipe {
  const oldNode = findNode(before.latt, region) as LattNode
  const newNode = findNode(after.latt, region) as LattNode
  const placed = (deployment: Deployment, node: LattNode) =>
    leaves(node).map((leaf) => [leaf.id, deployment.agents.get(leaf.id)?.place ?? ''] as const)
  const olds = placed(before, oldNode)
  const homes = clientsOf(before, region).map((client) => {
    const home = resolve(after.latt, client, region)
    invariant(home.found === 'agent', 'I1', () => `${client} has no home in the new layout of ${region}`)
    return [client, home.id] as const
  })
  const carrier = isDirect(oldNode, newNode, store) ? '' : carrierOf(olds)
  return { before: oldNode, after: newNode, olds, news: placed(after, newNode), homes, carrier }
}

/** The plan between two deployments. A pure function: what it is given is all it knows. */
export function planBetween(before: Deployment, change: Change, next: Next, store: CodeStore): Plan {
  const { deployment: after, region, undo } = next
  const relocations = relocationsBetween(before, after, change, region)
  const recipe = region === undefined ? undefined : recipeFor(before, after, region, store)
  const moving = new Set(relocations.map((each) => each.id))
  const inRegion = (id: string) => region !== undefined && isWithin(id, region)
  const stops = [...before.agents.values()].filter(
    (old) => inRegion(old.id) || moving.has(old.id) || !after.agents.has(old.id),
  )
  const starting = [...after.agents.keys()].filter((id) => inRegion(id) || moving.has(id))
  const applied =
    recipe === undefined ? [] : [recipe.before, recipe.after].flatMap((node) => [...transformationsOf(node)])
  return {
    first: false,
    change,
    undo,
    before,
    after,
    region,
    starts: starting.map((id) => startSpec(after, id)),
    stops: stops.map((old) => [old.id, old.place]),
    relocations,
    recipe,
    goneSerials: stops.filter((old) => !moving.has(old.id)).map((old) => old.serial),
    guarantees: guaranteesOf(after, change, store),
    codes: recipe === undefined ? [] : [recipe.before.code, ...applied],
    virtuals: [],
  }
}

function guaranteesOf(after: Deployment, change: Change, store: CodeStore): Guarantees {
  const applied = change.verb === 'transform' ? findNode(after.latt, change.id)?.applied : undefined
  if (applied === undefined) return { gains: [], loses: [] }
  return transformationOf(store, applied.code).guarantees?.(applied.options) ?? { gains: [], loses: [] }
}

/** The plan that starts a system. */
export function firstPlan(deployment: Deployment): Plan {
  const virtuals = deployment.latt.children.filter((node) => node.applied !== undefined)
  return {
    first: true,
    change: { verb: 'untransform', id: ROOT },
    undo: undefined,
    before: deployment,
    after: deployment,
    region: undefined,
    starts: [...deployment.agents.keys()].map((id) => startSpec(deployment, id)),
    stops: [],
    relocations: [],
    recipe: undefined,
    goneSerials: [],
    guarantees: { gains: [], loses: [] },
    codes: virtuals.flatMap((node) => [node.code, ...transformationsOf(node)]),
    virtuals,
  }
}

function* transformationsOf(node: LattNode): Generator<CodeRef> {
  if (node.applied !== undefined) yield node.applied.code
  for (const child of node.children) yield* transformationsOf(child)
}

function group<Item>(items: readonly Item[], placeOf: (item: Item) => Place): Map<Place, Item[]> {
  const groups = new Map<Place, Item[]>()
  for (const item of items) {
    const found = groups.get(placeOf(item))
    if (found === undefined) groups.set(placeOf(item), [item])
    else found.push(item)
  }
  return groups
}

type Operations = Map<Place, Operation>

/** What each place has to do in a stage. A place that is not named has nothing to do. */
export function operationsFor(
  plan: Plan,
  stage: Stage,
  alive: readonly Place[],
  owners: readonly AskOwner[],
): Operations {
  switch (stage) {
    case 'start':
      return startOperations(plan)
    case 'hold':
      return holdOperations(plan)
    case 'wedge':
      return wedgeOperations(plan)
    case 'carry':
      return carryOperations(plan)
    case 'route':
      return routeOperations(plan, alive, owners)
    case 'abort':
      return new Map([...involved(plan)].map((place) => [place, { stage: 'abort' }]))
    case 'retire':
      return new Map()
  }
}

/** Every place that has a part in the plan before its commit. */
export function involved(plan: Plan): Set<Place> {
  return new Set([
    ...plan.starts.map((each) => each.place),
    ...plan.relocations.map((each) => each.from),
    ...(plan.recipe?.olds ?? []).map(([, place]) => place),
  ])
}

function startOperations(plan: Plan): Operations {
  const starts = group(plan.starts, (each) => each.place)
  return new Map(
    [...involved(plan)].map((place) => [
      place,
      {
        stage: 'start',
        agents: (starts.get(place) ?? []).map(({ place: _, ...agent }) => agent),
        codes: plan.codes,
        held: !plan.first,
        virtuals: plan.virtuals,
      },
    ]),
  )
}

function holdOperations(plan: Plan): Operations {
  const { recipe, region } = plan
  if (recipe === undefined || region === undefined) return new Map()
  return new Map(
    [...group(recipe.olds, ([, place]) => place)].map(([place, olds]) => [
      place,
      { stage: 'hold', region, ids: olds.map(([id]) => id) },
    ]),
  )
}

function wedgeOperations(plan: Plan): Operations {
  const replaced = (plan.recipe?.olds ?? []).map(([id, place]) => ({ id, place, flush: true }))
  const moving = plan.relocations.map(({ id, from }) => ({ id, place: from, flush: false }))
  return new Map(
    [...group([...replaced, ...moving], (each) => each.place)].map(([place, each]) => [
      place,
      { stage: 'wedge', ids: each.map(({ id }) => id), flush: each.filter(({ flush }) => flush).map(({ id }) => id) },
    ]),
  )
}

function carryOperations(plan: Plan): Operations {
  const { recipe, relocations } = plan
  const sources = new Map<Place, Set<Place>>()
  const expect = (at: Place, from: Place) => {
    const found = sources.get(at)
    if (found === undefined) sources.set(at, new Set([from]))
    else found.add(from)
  }
  for (const { from, to } of relocations) expect(to, from)
  if (recipe !== undefined) {
    const targets = new Set(recipe.news.map(([, place]) => place))
    if (recipe.carrier !== '') targets.add(recipe.carrier)
    for (const [, from] of recipe.olds) for (const at of targets) expect(at, from)
  }
  const places = new Set([...involved(plan), ...sources.keys()])
  return new Map(
    [...places].map((place) => [
      place,
      { stage: 'carry', relocations, recipe, expects: [...(sources.get(place) ?? [])] },
    ]),
  )
}

/** Places that old agents leave behind forwarders on. */
export function retiringPlaces(plan: Plan): Place[] {
  return [...new Set(plan.stops.map(([, place]) => place))]
}

function routeOperations(plan: Plan, alive: readonly Place[], owners: readonly AskOwner[]): Operations {
  const retiring = retiringPlaces(plan)
  const released = group(plan.starts, (each) => each.place)
  const stopped = group(plan.stops, ([, place]) => place)
  const common = {
    stage: 'route' as const,
    drop: plan.stops.map(([id]) => id),
    places: plan.starts.map(({ id, place }) => [id, place] as const),
    goneSerials: plan.goneSerials,
    moved: plan.relocations.filter(({ from, to }) => from !== to).map(({ id, to }) => [id, to] as const),
    homes: plan.recipe?.homes ?? [],
    answers: [...owners],
    fenceTo: retiring.filter((place) => alive.includes(place)),
  }
  return new Map(
    alive.map((place) => [
      place,
      {
        ...common,
        stop: (stopped.get(place) ?? []).map(([id]) => id),
        release: (released.get(place) ?? []).map(({ id }) => id),
        fencesFrom: retiring.includes(place) ? alive : [],
      },
    ]),
  )
}

/** What of the inside of a held subtree has not come to rest, in words: all that was sent in it is to be consumed in it. */
export function undrained(
  plan: Plan,
  reports: ReadonlyMap<string, Pick<DrainedMessage, 'serial' | 'sent' | 'consumed'>>,
): string[] {
  const silent = (plan.recipe?.olds ?? []).filter(([id]) => !reports.has(id))
  if (silent.length > 0) return silent.map(([id]) => `${id} to come to rest`)
  const consumed = new Map<string, number>()
  for (const report of reports.values()) {
    for (const [serial, name, count] of report.consumed) {
      const channel = `${serial} ${name}`
      consumed.set(channel, Math.max(consumed.get(channel) ?? 0, count))
    }
  }
  return [...reports].flatMap(([id, { serial, sent }]) =>
    sent.flatMap(([name, count]) => {
      const arrived = consumed.get(`${serial} ${name}`) ?? 0
      return arrived < count ? [`${count - arrived} messages from ${id} to ${name}`] : []
    }),
  )
}

/** What a plan would do, for people and for `--json`. */
export interface PlanSummary {
  readonly change: Change
  readonly epoch: number
  readonly starts: readonly { id: string; place: Place }[]
  readonly stops: readonly { id: string; place: Place }[]
  readonly moves: readonly { id: string; from: Place; to: Place }[]
  readonly upgrades: readonly { id: string; from: number; to: number }[]
  readonly routes: readonly { client: string; name: string; to: string }[]
  readonly gains: readonly string[]
  readonly loses: readonly string[]
}

export function summarise(plan: Plan): PlanSummary {
  const moving = new Set(plan.relocations.map((each) => each.id))
  const versionAfter = (id: string) => findNode(plan.after.latt, id)?.version ?? 1
  return {
    change: plan.change,
    epoch: plan.after.epoch,
    starts: plan.starts.filter(({ id }) => !moving.has(id)).map(({ id, place }) => ({ id, place })),
    stops: plan.stops.filter(([id]) => !moving.has(id)).map(([id, place]) => ({ id, place })),
    moves: plan.relocations.filter(({ from, to }) => from !== to).map(({ id, from, to }) => ({ id, from, to })),
    upgrades: plan.relocations
      .filter(({ id, version }) => versionAfter(id) !== version)
      .map(({ id, version }) => ({ id, from: version, to: versionAfter(id) })),
    routes: (plan.recipe?.homes ?? []).map(([client, to]) => ({ client, name: plan.region ?? '', to })),
    ...plan.guarantees,
  }
}
