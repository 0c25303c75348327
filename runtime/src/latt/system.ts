import type { AgentDefinition, GatewayDefinition } from '../agent/definition.js'
import { isDefinition } from '../agent/definition.js'
import { OvidError } from '../message/errors.js'
import { isAgentName } from './path.js'
import type { TransformationUse } from './transformation.js'

export interface SystemAgent {
  readonly agent: AgentDefinition | GatewayDefinition
  /** Given to `init` or `start`. Plain data. */
  readonly params?: unknown
  /** Thread it starts on, from 1; without it the controller chooses. */
  readonly thread?: number
}

/** What `defineSystem` takes: the agents before any transformation, and those applied from the start. */
export interface SystemDefinition {
  readonly name: string
  /** Modules of plug-ins to register, resolved from the module the system stands in. */
  readonly plugins?: readonly string[]
  readonly agents: Readonly<Record<string, SystemAgent>>
  /** Applied in this order before the system starts. */
  readonly transformations?: readonly { readonly at: string; readonly by: TransformationUse }[]
}

/**
 * Defines a system.
 *
 * @throws OvidError `definition-invalid`
 */
export function defineSystem(system: SystemDefinition): SystemDefinition {
  if (typeof system.name !== 'string' || system.name === '')
    throw new OvidError('definition-invalid', 'system: name must be a non-empty string')
  for (const [name, entry] of Object.entries(system.agents ?? {})) {
    if (!isAgentName(name)) {
      throw new OvidError(
        'definition-invalid',
        `system ${system.name}: ${JSON.stringify(name)} is no agent name (letters, digits, - and _, starting with a letter; controller, box and client are taken)`,
      )
    }
    if (!isDefinition(entry.agent) || (entry.agent as { form: string }).form === 'proxy') {
      throw new OvidError(
        'definition-invalid',
        `system ${system.name}: agents.${name}.agent must be what defineAgent or defineGateway returns`,
      )
    }
  }
  return Object.freeze({ ...system })
}
