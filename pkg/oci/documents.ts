import * as z from 'zod';
import { MosError } from '../errors/index.ts';
import { Descriptor } from './descriptor.ts';

const annotations = z.record(z.string(), z.string()).optional();

/** OCI image manifest or Docker schema 2 manifest (image-spec 1.1, "Image Manifest"). */
export const ImageManifest = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  config: Descriptor,
  layers: z.array(Descriptor),
  subject: Descriptor.optional(),
  annotations,
});
export type ImageManifest = {
  readonly schemaVersion: 2;
  readonly mediaType?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
};

/** OCI image index or Docker manifest list. */
export const ImageIndex = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  manifests: z.array(Descriptor),
  subject: Descriptor.optional(),
  annotations,
});
export type ImageIndex = {
  readonly schemaVersion: 2;
  readonly mediaType?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
};

export const parseImageManifest = (bytes: Uint8Array, what: string): ImageManifest =>
  parseDocument(ImageManifest, bytes, what);
export const parseImageIndex = (bytes: Uint8Array, what: string): ImageIndex =>
  parseDocument(ImageIndex, bytes, what);

/** JSON bytes to a value of the schema; `what` names the document in the error. */
export function parseDocument<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new MosError('invalid', `cannot read ${what}: it is not JSON`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join('.') || 'the document';
  throw new MosError('invalid', `cannot read ${what}: ${where}: ${issue?.message ?? 'wrong shape'}`);
}
