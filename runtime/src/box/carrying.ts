import type { AgentDefinition } from '../agent/definition.js'
import type { AgentImage } from '../agent/image.js'
import { visibleSender } from '../latt/path.js'
import type { Place } from '../message/envelope.js'
import { errorBody, invariant, OvidError } from '../message/errors.js'
import {
  captureCell,
  captureChannels,
  captureImage,
  inherited,
  installCell,
  installChannel,
  installImage,
} from './capture.js'
import { bearers, combineImages, divideImage, isBearer, liftNode, lowerNode } from './carry.js'
import type { Cell } from './cell.js'
import type { Host } from './host.js'
import type { AckMessage, AskOwner, CarryMessage, ClientChannel, Operation, Recipe, Relocation } from './protocol.js'
import { hostId } from './protocol.js'
import type { Starting } from './starting.js'

export type CarryOperation = Extract<Operation, { stage: 'carry' }>
type CarryResult = Pick<AckMessage, 'bytes' | 'owners' | 'error'>

/** What this host knows of the carry under way. */
interface Carry {
  readonly plan: number
  readonly operation: CarryOperation
  readonly batches: CarryMessage[]
  readonly done: (result: CarryResult) => void
  isDone: boolean
  /** On the carrier: whether it has lowered what it lifted. */
  lowered: boolean
  bytes: number
}

/**
 * A host's share of carrying state: captures what is here, sends it straight to where it goes, combines and
 * installs what comes. Nothing of it passes the controller.
 */
export class Carrying {
  readonly #host: Host
  readonly #starting: Starting
  #carry: Carry | undefined
  /** Batches that came before this host knew of the carry. */
  #early: CarryMessage[] = []

  constructor(host: Host, starting: Starting) {
    this.#host = host
    this.#starting = starting
  }

  /** `done` is called when everything that is expected here is installed, or cannot be. */
  begin(plan: number, operation: CarryOperation, done: (result: CarryResult) => void): void {
    const carry: Carry = {
      plan,
      operation,
      batches: this.#early.filter((batch) => batch.plan === plan),
      done,
      isDone: false,
      lowered: false,
      bytes: 0,
    }
    this.#early = this.#early.filter((batch) => batch.plan > plan)
    this.#carry = carry
    this.#sendAll(carry, this.#shares(carry))
    this.#combine(carry)
  }

  #end(carry: Carry, result: CarryResult): void {
    carry.isDone = true
    carry.batches.length = 0
    carry.done(result)
  }

  /** What was carried is in place, or is not wanted any more. */
  forget(): void {
    this.#carry = undefined
  }

  /** What leaves this host, by the place it goes to. Every place that expects a batch gets one. */
  #shares(carry: Carry): Map<Place, CarryMessage> {
    const here = this.#host.options.place
    const { recipe, relocations } = carry.operation
    const batches = new Map<Place, CarryMessage & { cells: unknown[]; channels: unknown[]; images: unknown[] }>()
    const batch = (place: Place) => {
      let found = batches.get(place)
      if (found === undefined) {
        found = { plan: carry.plan, from: here, part: 'share', cells: [], channels: [], images: [] }
        batches.set(place, found)
      }
      return found
    }
    for (const { id, from, to } of relocations) {
      if (from === here) batch(to).cells.push(captureCell(this.#oldCellWedged(id), here) as never)
    }
    if (recipe?.olds.some(([, place]) => place === here)) {
      const placeOf = new Map(recipe.news)
      const homes = new Map(recipe.homes)
      for (const place of placeOf.values()) batch(place)
      if (recipe.carrier !== '') batch(recipe.carrier)
      for (const [id, place] of recipe.olds) {
        if (place === here)
          this.#share(recipe, homes, this.#oldCellWedged(id), (home) => batch(placeOf.get(home) as Place), batch)
      }
    }
    return batches
  }

  #oldCellWedged(id: string): Cell {
    const cell = this.#host.cells.get(id)
    invariant(cell?.status === 'wedged', 'I5', () => `${id} is carried but not wedged`)
    return cell
  }

  #share(
    recipe: Recipe,
    homes: ReadonlyMap<string, string>,
    cell: Cell,
    batchFor: (id: string) => CarryMessage,
    batchAt: (place: Place) => CarryMessage,
  ): void {
    for (const channel of captureChannels(cell, recipe.before.id)) {
      const home = homes.get(channel.client)
      invariant(
        home !== undefined,
        'I1',
        () => `${channel.client} has a channel to ${cell.id} that the controller does not know of`,
      )
      ;(batchFor(home).channels as ClientChannel[]).push({ ...channel, home })
    }
    if (!isBearer(recipe.before, cell.id)) return
    const image = captureImage(cell, recipe.before.id)
    type Images = [string, string, AgentImage][]
    if (recipe.carrier !== '') (batchAt(recipe.carrier).images as Images).push(['', cell.id, image])
    else
      for (const [to, part] of divideImage(recipe, cell.id, image, this.#host.options.code))
        (batchFor(to).images as Images).push([to, cell.id, part])
  }

  /** What stays here comes last: with it the carry may be over here, and all bytes must be counted by then. */
  #sendAll(carry: Carry, batches: ReadonlyMap<Place, CarryMessage>): void {
    const here = this.#host.options.place
    for (const [place, batch] of batches) if (place !== here) this.#sendBatch(carry, place, batch)
    const own = batches.get(here)
    if (own !== undefined) this.#sendBatch(carry, here, own)
  }

  #sendBatch(carry: Carry, place: Place, batch: CarryMessage): void {
    try {
      carry.bytes += this.#host.tellSystem(hostId(place), place, '$carry', batch, 'data')
    } catch (error) {
      const { plan, from, part } = batch
      this.#host.tellSystem(
        hostId(place),
        place,
        '$carry',
        { plan, from, part, cells: [], channels: [], images: [], error: errorBody(error) },
        'data',
      )
    }
  }

  /** A batch has come, perhaps before this host was told what to expect. */
  take(batch: CarryMessage): void {
    const carry = this.#carry
    if (carry?.plan === batch.plan) {
      carry.batches.push(batch)
      this.#combine(carry)
    } else if (carry === undefined || batch.plan > carry.plan) this.#early.push(batch)
  }

  /** When everything that is expected is here: lifts and lowers if this is the carrier, then installs. */
  #combine(carry: Carry): void {
    if (this.#carry !== carry || carry.isDone) return
    const { recipe, expects } = carry.operation
    try {
      const failed = carry.batches.find((batch) => batch.error !== undefined)?.error
      if (failed !== undefined) throw new OvidError(failed.code, failed.message)
      if (recipe?.carrier === this.#host.options.place) this.#lower(carry, recipe)
      // What is lowered for this place has come back by now, and with it this very step.
      if (carry.isDone) return
      const shares = carry.batches.filter((batch) => batch.part === 'share')
      const lowered = carry.batches.filter((batch) => batch.part === 'lowered')
      const wants = recipe !== undefined && recipe.carrier !== '' && this.#receives(recipe) ? 1 : 0
      if (shares.length < expects.length || lowered.length < wants) return
      this.#end(carry, { bytes: carry.bytes, owners: this.#install(carry) })
    } catch (error) {
      this.#end(carry, { error: errorBody(error) })
    }
  }

  #receives(recipe: Recipe): boolean {
    return recipe.news.some(([, place]) => place === this.#host.options.place)
  }

  /** On the carrier: the old refinement lifts, the new one lowers. */
  #lower(carry: Carry, recipe: Recipe): void {
    const sources = new Set(recipe.olds.map(([, place]) => place))
    const shares = carry.batches.filter((batch) => batch.part === 'share' && sources.has(batch.from))
    if (shares.length < sources.size || carry.lowered) return
    carry.lowered = true
    const images = new Map(
      shares.flatMap((batch) =>
        batch.images.filter(([to]) => to === '').map(([, from, image]) => [from, image] as const),
      ),
    )
    const virtual = liftNode(recipe.before, images, this.#host.options.code)
    const placeOf = new Map(recipe.news)
    const batches = new Map<Place, [string, string, AgentImage][]>()
    for (const place of placeOf.values()) batches.set(place, [])
    for (const [id, image] of lowerNode(recipe.after, virtual, this.#host.options.code))
      batches.get(placeOf.get(id) as Place)?.push([id, recipe.before.id, image])
    const common = {
      plan: carry.plan,
      from: this.#host.options.place,
      part: 'lowered',
      cells: [],
      channels: [],
    } as const
    this.#sendAll(carry, new Map([...batches].map(([place, parts]) => [place, { ...common, images: parts }])))
  }

  #heldCell(id: string): Cell {
    const cell = this.#starting.successors.get(id)
    invariant(cell?.status === 'held', 'I5', () => `${id} was not started held`)
    return cell
  }

  #install({ operation, batches }: Carry): AskOwner[] {
    const here = this.#host.options.place
    const owners: AskOwner[] = []
    const versions = new Map<string, Relocation>(operation.relocations.map((each) => [each.id, each]))
    for (const capture of batches.flatMap((batch) => batch.cells)) {
      const cell = this.#heldCell(capture.id)
      installCell(this.#host, cell, capture, this.#migrated(cell, capture.image, versions.get(capture.id)?.version))
    }
    const { recipe } = operation
    if (recipe === undefined) return owners
    for (const channel of batches.flatMap((batch) => batch.channels)) {
      const cell = this.#heldCell(channel.home)
      installChannel(this.#host, cell, channel, visibleSender(channel.client, cell.id))
    }
    const places = new Map(recipe.news)
    for (const id of bearers(recipe)) {
      if (places.get(id) !== here) continue
      const parts = new Map(
        batches.flatMap((batch) =>
          batch.images.filter(([to]) => to === id).map(([, from, image]) => [from, image] as const),
        ),
      )
      const cell = this.#heldCell(id)
      const image = combineImages(recipe, id, parts, this.#host.options.code)
      installImage(this.#host, cell, inherited(image))
      const answered = new Set(image.replies.map((reply) => reply.correlation))
      for (const ask of image.asks) if (!answered.has(ask.correlation)) owners.push([ask.correlation, ask.origin, id])
    }
    return owners
  }

  /** Work under way would vanish without a word. */
  #orphaned(definition: AgentDefinition, what: string): never {
    throw new OvidError('requirement-missing', `${definition.kind} ${definition.version} has no ${what}`)
  }

  #migrated(cell: Cell, image: AgentImage, from: number | undefined): AgentImage {
    const definition = cell.definition as AgentDefinition
    if (from === undefined || definition.form !== 'agent' || definition.version === from) return image
    if (definition.migrate === undefined)
      throw new OvidError(
        'version-mismatch',
        `${definition.kind} ${definition.version} has no migrate; the state is of version ${from}`,
      )
    for (const { handler } of image.timers) {
      if (definition.timers?.[handler] === undefined)
        this.#orphaned(definition, `timers.${handler}, and such a timer is set`)
    }
    for (const { then, name } of image.asks) {
      if (definition.replies?.[then] === undefined)
        this.#orphaned(definition, `replies.${then}, and an answer from ${name} is due to it`)
    }
    try {
      return { ...image, state: definition.migrate(image.state, from) }
    } catch (error) {
      throw new OvidError(
        'plan-failed',
        `${cell.id}: migrate from version ${from} to ${definition.version} failed: ${errorBody(error).message}`,
      )
    }
  }
}
