import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openZotRoot } from '../../pkg/layout/index.ts';
import { type Descriptor, digestHex, type Repository } from '../../pkg/oci/index.ts';
import { certificateArtifact, installArtifact, signatureArtifact } from '../../pkg/system/artifacts.ts';
import { openSigner } from '../../pkg/trust/index.ts';
import type { AtomfsImage } from './atomfs-image.ts';
import { chunks, putImage } from './images.ts';
import type { Vendor } from './vendor.ts';

/** A target as it stands in an install manifest. */
export const signedTarget = (
  name: string,
  image: Pick<Descriptor, 'digest' | 'size'>,
  more: object = {},
): object => ({
  service_name: name,
  version: '1',
  service_type: 'fs-only',
  network: { type: 'none', ipv4: '', ipv6: '', ports: null },
  nsgroup: '',
  digest: image.digest,
  storage: null,
  size: image.size,
  ...more,
});

/** An install manifest with what publish would not write. */
export const signedManifest = (vendor: Vendor, targets: readonly object[], more: object = {}): object => ({
  version: 1,
  product: vendor.product,
  storage: null,
  targets,
  update_type: 'complete',
  ...more,
});

export type SignOptions = {
  readonly project?: string;
  /** What the artifacts say in place of the right bytes. */
  readonly certificate?: Uint8Array;
  readonly signature?: Uint8Array;
};

/** Signs anything and publishes it in the vendor's repository as `machine/install:<tag>`. */
export async function publishSigned(
  vendor: Vendor,
  tag: string,
  manifest: object | string,
  options: SignOptions = {},
): Promise<string> {
  const bytes = Buffer.from(typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  const signer = await openSigner(linuxHost, vendor.keyset, options.project ?? 'default', {
    folder: vendor.keys,
  });
  const zot = await openZotRoot(linuxHost, vendor.repository, { create: true });
  const names = await zot.repository('machine/install', { create: true });
  const install = installArtifact(bytes);
  const put = async (target: Repository, contents: typeof install.contents): Promise<void> => {
    for (const [descriptor, body] of contents) await target.put(descriptor, chunks(body));
  };
  await put(names, install.contents);
  const certificate = options.certificate ?? signer.certificate;
  await put(names, certificateArtifact(certificate, install.root).contents);
  const signature = options.signature ?? (await signer.sign(bytes));
  await put(names, signatureArtifact(signature, install.root).contents);
  await names.tag(install.root, tag);
  return `zot:${vendor.repository}:machine/install:${tag}`;
}

/** Puts an image, whatever it is, where machines look for targets. */
export async function putTarget(vendor: Vendor, image: AtomfsImage): Promise<Descriptor> {
  const zot = await openZotRoot(linuxHost, vendor.repository, { create: true });
  const store = await zot.repository('mos', { create: true });
  return putImage(store, image, digestHex(image.root.digest));
}
