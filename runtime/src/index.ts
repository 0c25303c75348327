/**
 * The public entry of `@ovid/runtime`.
 *
 * Designers of systems use `defineAgent`, `defineGateway` and `defineSystem`; authors of plug-ins
 * `defineTransformation` and `defineProxy`; programs `startBox` and `connect`.
 */
export type { AskOptions, Context, DeferredToken, Outcome, ProxyContext, TimerOptions } from './agent/context.js'
export {
  type AgentDefinition,
  type AgentOptions,
  defineAgent,
  defineProxy,
  type Partition,
  type Passing,
  type ProxyDefinition,
  type RunningGateway,
} from './agent/definition.js'
export {
  type AgentImage,
  type AskRecord,
  type DeferredRecord,
  mergeImages,
  splitImage,
  type TimerRecord,
} from './agent/image.js'
export type { Watched } from './box/lookout.js'
export type { Change } from './controller/deployment.js'
export type { ChangeRequest, ChangeResult } from './controller/state.js'
export { type Box, type BoxOptions, connect, type Inspection, startBox, type ThreadStatistics } from './edge/box/box.js'
export type { ClientOptions, EdgeClient as Client } from './edge/client/client.js'
export type { AgentClient, CallOptions } from './edge/client/types.js'
export { defineGateway, type Gateway } from './edge/thread/gateways.js'
export { lattTree, printTree, type TreeItem } from './latt/print.js'
export { defineSystem, type SystemAgent, type SystemDefinition } from './latt/system.js'
export {
  type ChildSpec,
  defineTransformation,
  type Expansion,
  PLUGIN_API_VERSION,
  type Refinement,
  type Rescale,
  type Target,
  type Transformation,
  type TransformationOptions,
  type TransformationUse,
} from './latt/transformation.js'
export { type ErrorCode, errorCodes, OvidError } from './message/errors.js'
