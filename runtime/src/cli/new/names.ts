/** A name in the forms that files and identifiers want, and the versions of what a new package depends on. */
export interface Names {
  /** `word-count` */
  readonly dashed: string
  /** `wordCount` */
  readonly camel: string
  /** `WordCount` */
  readonly pascal: string
  readonly runtimeRange: string
  readonly pluginRange: string
}
