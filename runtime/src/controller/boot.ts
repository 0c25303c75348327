import type { CodeRef, CodeStore } from '../latt/code.js'
import type { LattNode } from '../latt/latt.js'
import { ROOT } from '../latt/path.js'
import type { Place } from '../message/envelope.js'
import { OvidError } from '../message/errors.js'
import { type Deployment, firstDeployment, type Plugin, transformAtStart } from './deployment.js'

/** A system as the controller is told of it: code by name. */
export interface Boot {
  readonly name: string
  /** The threads there are. */
  readonly places: readonly Place[]
  readonly agents: readonly {
    readonly name: string
    readonly form: 'agent' | 'gateway'
    readonly code: CodeRef
    readonly kind: string
    readonly version: number
    readonly params?: unknown
    readonly place?: Place
  }[]
  readonly plugins: readonly Plugin[]
  readonly transformations: readonly {
    readonly at: string
    readonly plugin: string
    readonly options: Readonly<Record<string, unknown>>
  }[]
}

const nowhere: CodeRef = { module: '', pick: [] }

export function emptyDeployment(): Deployment {
  const latt: LattNode = {
    id: ROOT,
    role: 'system',
    self: ROOT,
    code: nowhere,
    kind: 'system',
    version: 1,
    children: [],
  }
  return { epoch: 0, latt, agents: new Map(), clients: new Map(), places: [], given: new Map(), nextSerial: 1 }
}

/**
 * The first deployment of a system: its agents, with the transformations it starts with.
 *
 * @throws OvidError as `nextDeployment` does
 */
export function bootDeployment(
  empty: Deployment,
  boot: Boot,
  plugins: ReadonlyMap<string, Plugin>,
  store: CodeStore,
): Deployment {
  const children = boot.agents.map(
    ({ name, form, code, kind, version, params }): LattNode => ({
      id: name,
      role: form,
      self: name,
      code,
      kind,
      version,
      params,
      children: [],
    }),
  )
  let deployment: Deployment = { ...empty, latt: { ...empty.latt, children } }
  for (const { at, plugin, options } of boot.transformations) {
    const found = plugins.get(plugin)
    if (found === undefined)
      throw new OvidError(
        'plugin-unknown',
        `the system transforms ${at} by ${plugin}, which no plug-in it names provides`,
      )
    deployment = {
      ...deployment,
      latt: transformAtStart(deployment, { verb: 'transform', id: at, plugin, options }, found, store),
    }
  }
  const threads = new Map(
    boot.agents.flatMap(({ name, place }) => (place === undefined ? [] : [[name, place] as const])),
  )
  return firstDeployment(deployment, threads)
}
