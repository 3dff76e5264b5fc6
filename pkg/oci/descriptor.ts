import * as z from 'zod';
import { type Digest, isDigest } from './digest.ts';

export const digestSchema = z.custom<Digest>(isDigest, {
  error: 'must be sha256: and 64 lower-case hex digits',
});

/** Unknown fields are kept: OCI documents are open (image-spec 1.1, "Descriptors"). */
export const Descriptor = z.looseObject({
  mediaType: z.string(),
  digest: digestSchema,
  size: z.int().min(0),
  annotations: z.record(z.string(), z.string()).optional(),
  artifactType: z.string().optional(),
  platform: z
    .looseObject({ architecture: z.string(), os: z.string(), variant: z.string().optional() })
    .optional(),
});
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
