import type { Digest } from './digest.ts';

/** Unknown fields are kept: OCI documents are open (image-spec 1.1, "Descriptors"). Sizes in bytes. */
export type Descriptor = {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly artifactType?: string | undefined;
  readonly platform?:
    | { readonly architecture: string; readonly os: string; readonly variant?: string | undefined }
    | undefined;
};
