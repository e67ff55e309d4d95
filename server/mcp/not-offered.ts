/** A request that names a tool, resource or prompt which there is not: an error of the protocol, worded by each era. */
export class NotOffered extends Error {
  override readonly name = "NotOffered";
  /** The resource that was asked for, where it was one. */
  readonly uri: string | undefined;

  constructor(message: string, uri?: string) {
    super(message);
    this.uri = uri;
  }
}
