import { MosError } from '../errors/index.ts';
import type { Descriptor } from './descriptor.ts';
import { isDigest } from './digest.ts';

/** OCI image manifest or Docker schema 2 manifest (image-spec 1.1, "Image Manifest"). */
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
export type ImageIndex = {
  readonly schemaVersion: 2;
  readonly mediaType?: string | undefined;
  readonly artifactType?: string | undefined;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
};

/** JSON bytes to a value of the shape; `what` names the document in the error. Unknown fields stay. */
export const parseImageManifest = (bytes: Uint8Array, what: string): ImageManifest =>
  parse(bytes, what, checkManifest) as ImageManifest;
export const parseImageIndex = (bytes: Uint8Array, what: string): ImageIndex =>
  parse(bytes, what, checkIndex) as ImageIndex;

/**
 * Checked by hand and not by a schema library: these documents are read at each boot, where loading one takes longer
 * than everything that is done with it.
 */
type Check = (value: unknown, path: string) => void;
type Fields = Readonly<Record<string, Check>>;

class Mismatch extends Error {}
const refuse = (path: string, text: string): never => {
  throw new Mismatch(`${path === '' ? 'the document' : path}: ${text}`);
};
const at = (path: string, key: string | number): string => (path === '' ? `${key}` : `${path}.${key}`);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const fields =
  (required: Fields, optional: Fields): Check =>
  (value, path) => {
    if (!isObject(value)) return refuse(path, 'must be an object');
    for (const [key, check] of Object.entries(required)) check(ownValue(value, key), at(path, key));
    for (const [key, check] of Object.entries(optional))
      if (ownValue(value, key) !== undefined) check(value[key], at(path, key));
  };

const ownValue = (value: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(value, key) ? value[key] : undefined;

const string: Check = (value, path) => {
  if (typeof value !== 'string') refuse(path, 'must be a string');
};
const digest: Check = (value, path) => {
  if (!isDigest(value)) refuse(path, 'must be sha256: and 64 lower-case hex digits');
};
const size: Check = (value, path) => {
  if (!Number.isSafeInteger(value) || Number(value) < 0) refuse(path, 'must be a whole number of bytes');
};
const two: Check = (value, path) => {
  if (value !== 2) refuse(path, 'must be 2');
};
const strings: Check = (value, path) => {
  if (!isObject(value)) return refuse(path, 'must be an object');
  for (const [key, text] of Object.entries(value)) string(text, at(path, key));
};
const listOf =
  (check: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value)) return refuse(path, 'must be a list');
    for (const [index, item] of value.entries()) check(item, at(path, index));
  };

const platform = fields({ architecture: string, os: string }, { variant: string });
const descriptor = fields(
  { mediaType: string, digest, size },
  { annotations: strings, artifactType: string, platform },
);
const common: Fields = { mediaType: string, artifactType: string, subject: descriptor, annotations: strings };
/** What is both, readers take for one or the other (CVE-2021-41190): one digest would stand for two images. */
const absent =
  (what: string): Check =>
  (_, path) =>
    refuse(path, `must not be in ${what}`);
const checkManifest = fields(
  { schemaVersion: two, config: descriptor, layers: listOf(descriptor) },
  { ...common, manifests: absent('a manifest') },
);
const notInIndex = absent('an index');
const checkIndex = fields(
  { schemaVersion: two, manifests: listOf(descriptor) },
  { ...common, config: notInIndex, layers: notInIndex },
);

function parse(bytes: Uint8Array, what: string, check: Check): unknown {
  const value = parseJson(bytes, what);
  try {
    check(value, '');
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw new MosError('invalid', `cannot read ${what}: ${error.message}`);
  }
  return value;
}

/** True for one entry of a list that others may write: what isn't a descriptor can then be left out. */
export function isDescriptor(value: unknown): value is Descriptor {
  try {
    descriptor(value, '');
    return true;
  } catch {
    return false;
  }
}

/** The value of a JSON document; `what` names it in the error. */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new MosError('invalid', `cannot read ${what}: it is not JSON`, { cause });
  }
}
