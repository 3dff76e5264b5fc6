import { MosError } from '../errors/index.ts';

declare const nameBrand: unique symbol;

/** FORMATS 3: `[a-z0-9]([a-z0-9._-]{0,62})`. Safe as a file name, unit name, container name. */
export type ServiceName = string & { readonly [nameBrand]: 'service' };
/** Name of a storage volume: at most 36 characters, as a GPT partition name holds. */
export type VolumeLabel = string & { readonly [nameBrand]: 'label' };
/** Name of a user namespace group; host ids ("" and "none") are not one. */
export type NsGroup = string & { readonly [nameBrand]: 'nsgroup' };
/** The product that a manifest is for: the uuid of a project, or a word. */
export type Product = string & { readonly [nameBrand]: 'product' };
/** SHA-256 of the signed bytes of an install manifest, 64 lower-case hex digits: the name of its files in git. */
export type ManifestSha = string & { readonly [nameBrand]: 'sha' };

/** Partitions of the machine itself (FORMATS 2). */
export const reservedLabels = ['esp', 'machine-config', 'machine-store', 'machine-scratch', 'pbf', 'sbf'];

/** The kinds of names: what they may look like, said and as a pattern. `..` is refused in each of them. */
export const names = {
  service: {
    pattern: /^[a-z0-9][a-z0-9._-]{0,62}$/,
    rule: 'must be 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit',
  },
  label: {
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$/,
    rule: 'must be 1 to 36 of A-Z a-z 0-9 . _ - and begin with a letter or digit',
  },
  nsgroup: {
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    rule: 'must be 1 to 63 of A-Z a-z 0-9 . _ - and begin with a letter or digit',
  },
  product: {
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
    rule: 'must be 1 to 128 of A-Z a-z 0-9 . _ - and begin with a letter or digit',
  },
  sha: { pattern: /^[0-9a-f]{64}$/, rule: 'must be 64 lower-case hex digits' },
} as const;
export type NameKind = keyof typeof names;

export const isName = (kind: NameKind, text: unknown): boolean =>
  typeof text === 'string' && names[kind].pattern.test(text) && !text.includes('..');

function parseName(kind: NameKind, what: string, text: string): string {
  if (isName(kind, text)) return text;
  throw new MosError(
    'usage',
    `cannot use ${JSON.stringify(text.slice(0, 100))} as ${what}: it ${names[kind].rule}`,
  );
}

export const parseServiceName = (text: string): ServiceName =>
  parseName('service', 'the name of a target', text) as ServiceName;
export const parseVolumeLabel = (text: string): VolumeLabel =>
  parseName('label', 'the label of a volume', text) as VolumeLabel;
export const parseProduct = (text: string): Product => parseName('product', 'a product', text) as Product;
export const parseManifestSha = (text: string): ManifestSha =>
  parseName('sha', 'the digest of a manifest', text) as ManifestSha;

/** True where a target or volume runs with the ids of the host. */
export const isHostIds = (nsgroup: string): nsgroup is '' | 'none' => nsgroup === '' || nsgroup === 'none';
