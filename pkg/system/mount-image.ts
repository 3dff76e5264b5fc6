import type { Integrity, MoleculeLayer, Mounted, Upper } from '../atomfs/index.ts';
import type { Host } from '../host/index.ts';
import { type Layout, openLayout } from '../layout/index.ts';
import { parseImageManifest, readVerified } from '../oci/index.ts';

export type MountImageOptions = {
  /** An OCI image layout, and the name of an image in it. */
  readonly folder: string;
  readonly name: string;
  readonly target: string;
  readonly integrity?: Integrity | undefined;
  readonly allowMissingVerity?: boolean;
  readonly isWritable?: boolean;
  /** A folder that keeps what is written; implies a writable mount. */
  readonly persist?: string | undefined;
  /** Where records of mounts are kept. */
  readonly metadir: string;
};

/**
 * Mounts an image of a layout by itself: no manifest, no signature, so it is as trustworthy as the layout; each block
 * is checked against the root hash that the image names. For mount helpers of container managers, and for development.
 */
export async function mountImage(host: Host, options: MountImageOptions): Promise<Mounted> {
  const { mountMolecule } = await import('../atomfs/index.ts');
  const { folder, name, target, metadir, integrity = 'verity', allowMissingVerity = false } = options;
  const upper = upperOf(options);
  return mountMolecule(host, {
    layers: await layersOf(host, await openLayout(host, folder), name),
    target,
    integrity,
    allowMissingVerity,
    runtime: metadir,
    owner: 'atomfs mount',
    ...(upper === undefined ? {} : { upper }),
  });
}

function upperOf({ persist, isWritable = false, metadir }: MountImageOptions): Upper | undefined {
  if (persist !== undefined) return { kind: 'kept', folder: persist };
  return isWritable ? { kind: 'folder', folder: `${metadir}/uppers` } : undefined;
}

/** Of an index the image for this machine. */
async function layersOf(host: Host, layout: Layout, name: string): Promise<MoleculeLayer[]> {
  const { chooseManifest, platformOf } = await import('../atomfs/index.ts');
  const root = await layout.resolve(name);
  const manifest = await chooseManifest(layout, root, platformOf(host.machine.architecture));
  const image = parseImageManifest(await readVerified(manifest, layout.open(manifest)), `the image ${name}`);
  return Promise.all(
    image.layers.map(async (descriptor) => ({ descriptor, file: await layout.blobFile(descriptor) })),
  );
}
