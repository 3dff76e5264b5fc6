import { createHash } from 'node:crypto';
import type { Host } from '../../host/index.ts';
import { type Layout, openLayout } from '../../layout/index.ts';
import {
  type Descriptor,
  type Digest,
  digestFromHex,
  digestOf,
  type ImageManifest,
  media,
} from '../../oci/index.ts';
import { describeBootFile, inBootkit } from './contents.ts';

export type BootkitImage = {
  /** The folder of the bootkit; the image goes into a layout in it. */
  readonly folder: string;
  readonly release: string;
  /** `lib/modules/<release>` as the distribution has it. */
  readonly modules: string;
  readonly buildId: string;
};

/** The layout's folder, and the name of the image in it. */
export const imagePlace = { folder: 'image', tag: 'bootkit' } as const;

/**
 * The target bootkit as an image: what a machine boots from, and the modules of that kernel. Its manifest says which
 * boot file is in it, so that an update can plan the ESP before it has fetched anything.
 */
export async function writeBootkitImage(host: Host, image: BootkitImage): Promise<Digest> {
  const { folder, buildId } = image;
  const [tree, tar] = [`${folder}/tree`, `${folder}/tree.tar`];
  await gatherTree(host, image, tree);
  await packTree(host, tree, tar);
  const layout = await openLayout(host, `${folder}/${imagePlace.folder}`, { create: true });
  const layer = await describeFile(host, tar, media.layerTar);
  await layout.put(layer, host.files.stream(tar));
  const config = await putDocument(layout, media.config, configOf(layer.digest));
  const bootFile = await describeFile(host, `${tree}/${inBootkit.bootFile}`, media.layerTar);
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: media.manifest,
    config,
    layers: [layer],
    annotations: describeBootFile({ digest: bootFile.digest, bytes: bootFile.size, buildId }),
  };
  const root = await putDocument(layout, media.manifest, manifest);
  await layout.tag(root, imagePlace.tag);
  await host.files.removeTree(tree);
  await host.files.remove(tar);
  return root.digest;
}

async function gatherTree(
  host: Host,
  { folder, release, modules }: BootkitImage,
  tree: string,
): Promise<void> {
  await host.files.makeFolder(`${tree}/${inBootkit.keys}`, { parents: true });
  await host.files.makeFolder(`${tree}/${inBootkit.modules}`, { parents: true });
  for (const path of [inBootkit.bootFile, inBootkit.loader])
    await host.files.link(`${folder}/${path.split('/')[1]}`, `${tree}/${path}`);
  for (const name of (await host.files.list(`${folder}/keys`)).filter((one) => one.endsWith('.auth')))
    await host.files.link(`${folder}/keys/${name}`, `${tree}/${inBootkit.keys}/${name}`);
  const at = `${tree}/${inBootkit.modules}/${release}`;
  await host.processes.run(['cp', '--recursive', '--no-dereference', modules, at]);
  await host.processes.run(['/sbin/depmod', '-b', tree, release]);
}

/** Owners root, times 0, names in their order: the same files, the same bytes. */
async function packTree(host: Host, tree: string, tar: string): Promise<void> {
  const owners = ['--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX'];
  const order = ['--sort=name', '--mtime=@0', '--format=posix', '--pax-option=delete=atime,delete=ctime'];
  await host.processes.run(['tar', '--create', '--file', tar, '--directory', tree, ...owners, ...order, '.']);
}

async function describeFile(host: Host, path: string, mediaType: string): Promise<Descriptor> {
  const hasher = createHash('sha256');
  let size = 0;
  for await (const chunk of host.files.stream(path)) {
    hasher.update(chunk);
    size += chunk.length;
  }
  return { mediaType, digest: digestFromHex(hasher.digest('hex')), size };
}

const configOf = (layer: Digest) => ({
  architecture: 'amd64', // the stub and the loader are for it
  os: 'linux',
  config: {},
  rootfs: { type: 'layers', diff_ids: [layer] },
});

async function putDocument(layout: Layout, mediaType: string, value: object): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(value));
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
  const body = async function* () {
    yield bytes;
  };
  await layout.put(descriptor, body());
  return descriptor;
}
