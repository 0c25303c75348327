import type { Box, Client } from '@ovid/runtime'
import { type Chance, oneOf } from './chance.js'
import { LAST_VERSION } from './ledger.js'

export type Controller = ReturnType<Box['controller']>
export type ChangeRequest = Parameters<Controller['change']>[0]
export type ChangeResult = NonNullable<Awaited<ReturnType<Controller['change']>>>
type Node = Awaited<ReturnType<Controller['latt']>>['latt']

/** What the storm does next: a change, or taking the last one back. */
export type Step = { readonly verb: 'undo' } | ChangeRequest

const MOST_SHARDS = 5
const MOST_NESTED = 3

/** The agents that are changed, with where their versions are found. */
const targets = [
  { id: 'Ledger', kind: 'ledger', pick: 'ledgers' },
  { id: 'Clerk', kind: 'clerk', pick: 'clerks' },
] as const

const module = new URL('./ledger.ts', import.meta.url).href

/** An agent's part of the layout, as far as the choice of the next change needs it. */
interface Layout {
  readonly target: (typeof targets)[number]
  readonly node: Node
  /** Physical copies of the agent, with their places. */
  readonly copies: readonly { readonly id: string; readonly place: string }[]
  /** Copies at the first level, and those of them that are transformed themselves. */
  readonly nestable: readonly string[]
  readonly nested: readonly string[]
}

async function layoutOf(controller: Controller, target: Layout['target']): Promise<Layout> {
  const { node, agents } = await controller.layout({ id: target.id })
  const parts = node.children.filter((child) => child.role === 'copy')
  const isProxy = (id: string) => /Proxy[^/]*$/.test(id)
  return {
    target,
    node,
    copies: agents.filter(({ id }) => !isProxy(id)),
    nestable: parts.map(({ id }) => id),
    nested: parts.filter((part) => part.applied !== undefined).map(({ id }) => id),
  }
}

function shard(id: string, shards: number): ChangeRequest {
  return { verb: 'transform', id, plugin: 'shard', options: { shards } }
}

/** Draws the storm's next change. Each fits the layout it finds; which it is depends on the seed alone. */
export class Changes {
  readonly #box: Box
  readonly #controller: Controller
  readonly #chance: Chance
  readonly #places: readonly string[]

  constructor(box: Box, client: Client, chance: Chance, places: readonly string[]) {
    this.#box = box
    this.#controller = box.controller(client)
    this.#chance = chance
    this.#places = places
  }

  async next(): Promise<Step> {
    const chance = this.#chance
    const layout = await layoutOf(this.#controller, oneOf(chance, targets))
    const { id } = layout.target
    const choice = chance(100)
    if (choice < 5) return { verb: 'undo' }
    if (choice < 20) return this.#move(layout)
    if (choice < 35 && layout.node.version < LAST_VERSION) return this.#upgrade(layout)
    if (choice < 55 && layout.nestable.length > 0) return this.#nest(layout)
    if (choice < 65 && layout.nested.length > 0) return { verb: 'untransform', id: oneOf(chance, layout.nested) }
    if (choice < 75 && layout.node.applied !== undefined) return { verb: 'untransform', id }
    return shard(id, 1 + chance(MOST_SHARDS))
  }

  #move({ copies }: Layout): Step {
    const { id, place } = oneOf(this.#chance, copies)
    return {
      verb: 'move',
      id,
      place: oneOf(
        this.#chance,
        this.#places.filter((each) => each !== place),
      ),
    }
  }

  async #upgrade({ target, node }: Layout): Promise<Step> {
    const version = node.version + 1
    const code = { module, pick: [target.pick, String(version - 1)] }
    await this.#box.store.load(code)
    return { verb: 'upgrade', id: target.id, code, kind: target.kind, version }
  }

  #nest({ nestable }: Layout): Step {
    return shard(oneOf(this.#chance, nestable), 1 + this.#chance(MOST_NESTED))
  }

  /** What leads back to the layout the system started with, version apart. */
  async restore(home: ReadonlyMap<string, string>): Promise<ChangeRequest[]> {
    const requests: ChangeRequest[] = []
    for (const target of targets) {
      const { id } = target
      const place = home.get(id) ?? ''
      const layout = await layoutOf(this.#controller, target)
      if (layout.node.applied !== undefined) requests.push({ verb: 'untransform', id })
      else if (layout.copies[0]?.place !== place) requests.push({ verb: 'move', id, place })
    }
    return requests
  }
}

/** A step in a few words. */
export function describeStep(step: Step): string {
  switch (step.verb) {
    case 'undo':
      return 'undo'
    case 'transform':
      return `transform ${step.id} ${step.plugin} ${JSON.stringify(step.options)}`
    case 'move':
      return `move ${step.id} ${step.place}`
    case 'upgrade':
      return `upgrade ${step.id} to version ${step.version}`
    case 'untransform':
      return `untransform ${step.id}`
  }
}
