import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { AgentDefinition, ProxyDefinition } from '../agent/definition.js'
import type { AgentImage } from '../agent/image.js'
import { OvidError, shown } from '../message/errors.js'

/** What a transformation is told of the virtual agent it replaces. */
export interface Target {
  /** The virtual agent's id. */
  readonly id: string
  /** The virtual agent's definition. */
  readonly agent: AgentDefinition
}

/** One physical agent (or virtual, once it is transformed itself) of an expansion. */
export interface ChildSpec {
  /** Last segment of its id. */
  readonly name: string
  /** `'target'` is a copy of the virtual agent; any other string names one of the transformation's `agents`. */
  readonly agent: string
  /** Given to `init` of one of the transformation's own agents. Plain data. */
  readonly params?: unknown
  /** Sibling whose place it shares. */
  readonly near?: string
  /** Siblings with the same mark are spread over the places there are. */
  readonly apart?: string
}

/** What a virtual agent is replaced by. */
export interface Expansion {
  readonly children: readonly ChildSpec[]
  /**
   * The proxy made for each client, near it: `name` is completed by the client's id
   * (`ShardIngressProxy` gives `KVS/ShardIngressProxy:WEB`).
   */
  readonly ingress: { readonly name: string; readonly agent: string; readonly params?: unknown }
  /** For each child: which sibling stands for the virtual agent's own id. */
  readonly routes: Readonly<Record<string, string>>
}

/** Moves an agent's images straight from one set of options to another of the same transformation. */
export interface Rescale {
  /** What of an old child's image goes to which new child. A child that gets nothing may be left out. */
  divide(child: string, image: AgentImage): Record<string, AgentImage>
  /** One new child's image from the parts it was given, in the order of the old children. */
  combine(child: string, images: readonly AgentImage[]): AgentImage
}

/**
 * The refinement mapping of a transformation, as code: how the images of the children that are copies of the
 * virtual agent map to the virtual agent's image, and back. Neither may change its argument.
 */
export interface Refinement {
  lift(children: Readonly<Record<string, AgentImage>>): AgentImage
  lower(image: AgentImage): Record<string, AgentImage>
  /** Absent: a change of options lifts all of the old and lowers all of the new. */
  rescale?(next: unknown): Rescale
}

/** What `defineTransformation` takes. */
export interface TransformationOptions<Options> {
  readonly name: string
  /** The package's version. */
  readonly version: string
  /** Versions of the plug-in interface it works with, such as `^1.0.0`. */
  readonly api: string
  /** What the virtual agent must offer. */
  readonly requires?: readonly 'partition'[]
  /** Validates the options, and fills in defaults. */
  readonly options: StandardSchemaV1<unknown, Options>
  /** One line per option, for help and completion. */
  readonly describe?: Readonly<Record<string, string>>
  /** What the agent's users gain and lose, in plain words. A loss must be accepted by who applies it. */
  readonly guarantees?: (options: Options) => { readonly gains: readonly string[]; readonly loses: readonly string[] }
  /** The transformation's own agents. */
  readonly agents: Readonly<Record<string, ProxyDefinition | AgentDefinition>>
  readonly expand: (target: Target, options: Options) => Expansion
  readonly refine: (target: Target, options: Options) => Refinement
}

/** A transformation with its options: what stands in a system definition. */
export interface TransformationUse {
  readonly transformation: Transformation
  readonly options: Record<string, unknown>
}

// biome-ignore lint/suspicious/noExplicitAny: any transformation at all
export interface Transformation<Options = any> extends TransformationOptions<Options> {
  (options: Record<string, unknown>): TransformationUse
  readonly form: 'transformation'
}

/** Version of the interface between runtime and plug-ins. */
export const PLUGIN_API_VERSION = '1.0.0'

/** Whether `^x.y.z` (the one form of range the interface needs) holds `version`. */
function satisfies(version: string, range: string): boolean {
  const wanted = /^\^(\d+)\.(\d+)\.(\d+)$/.exec(range)
  if (wanted === null) return false
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  if (major !== Number(wanted[1])) return false
  return minor > Number(wanted[2]) || (minor === Number(wanted[2]) && patch >= Number(wanted[3]))
}

/**
 * Defines a transformation, the thing a plug-in package exports. Calling the result with options gives what
 * stands in a system definition: `{ at: 'KVS', by: shard({ shards: 2 }) }`.
 *
 * @throws OvidError `definition-invalid`, or `plugin-incompatible` if `api` leaves this runtime out.
 */
export function defineTransformation<Options>(options: TransformationOptions<Options>): Transformation<Options> {
  if (!/^[a-z][a-z0-9-]*$/.test(options.name)) {
    throw new OvidError(
      'definition-invalid',
      `transformation: name must be lower-case letters, digits and dashes, found ${options.name}`,
    )
  }
  if (!satisfies(PLUGIN_API_VERSION, options.api)) {
    throw new OvidError(
      'plugin-incompatible',
      `transformation ${options.name} ${options.version} wants plug-in interface ${options.api}; this runtime has ${PLUGIN_API_VERSION}`,
    )
  }
  const use = (given: Record<string, unknown>): TransformationUse => ({ transformation, options: given })
  // A function's own `name` is read-only by assignment, so every field is defined afresh.
  const fields = { ...options, form: 'transformation' as const }
  const transformation = Object.defineProperties(
    use,
    Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [key, { value, enumerable: true, configurable: true }]),
    ),
  ) as Transformation<Options>
  return transformation
}

export function isTransformation(value: unknown): value is Transformation {
  return typeof value === 'function' && (value as { form?: unknown }).form === 'transformation'
}

/**
 * Validates options by the transformation's schema.
 *
 * @throws OvidError `option-invalid` naming every option that does not fit.
 */
export function checkOptions(transformation: Transformation, given: Record<string, unknown>): Record<string, unknown> {
  const result = transformation.options['~standard'].validate(given)
  if (result instanceof Object && 'then' in result) {
    throw new OvidError(
      'definition-invalid',
      `transformation ${transformation.name}: the options schema must be synchronous`,
    )
  }
  if (result.issues !== undefined) {
    const issues = result.issues.map((issue) => {
      const path = (issue.path ?? [])
        .map((part) => (typeof part === 'object' ? String(part.key) : String(part)))
        .join('.')
      return path === '' ? issue.message : `${path}: ${issue.message} (found ${shown(given[path])})`
    })
    throw new OvidError('option-invalid', `${transformation.name}: ${issues.join('; ')}`)
  }
  return result.value as Record<string, unknown>
}
