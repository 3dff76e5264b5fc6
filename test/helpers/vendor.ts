import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { openLayout } from '../../pkg/layout/index.ts';
import type { Report } from '../../pkg/steps/index.ts';
import {
  type Place,
  type PublishResult,
  parseName,
  publish,
  type RegistryAccess,
} from '../../pkg/system/index.ts';
import { addKeyset, addProject } from '../../pkg/trust/index.ts';
import { imageOf, type LayerEntries, type LayerFiles, makeLayer } from './atomfs-image.ts';
import { type FolderOwner, temporaryFolder } from './folder.ts';
import { putImage } from './images.ts';

/** Somebody who signs and publishes: a keyset, a layout of images, an embedded repository. */
export type Vendor = {
  readonly folder: string;
  readonly keys: string;
  readonly keyset: string;
  /** PEM file of the manifest CA. */
  readonly ca: string;
  readonly product: string;
  /** Layout that `addImage` fills. */
  readonly images: string;
  /** The zot root that `publish` writes to unless told otherwise. */
  readonly repository: string;
};

/** What tests take for the time this program was built. */
export const builtAt = new Date(0);

/** Keys are ECDSA, made once for all vendors of a test file: who needs other ones asks for another keyset. */
export async function makeVendor(t: FolderOwner, keyset = 'acme', given?: string): Promise<Vendor> {
  const folder = given ?? (await temporaryFolder(t));
  const keys = join(folder, 'keys');
  const known = keysets.get(keyset) ?? makeKeyset(keyset);
  keysets.set(keyset, known);
  const { from, product } = await known;
  await cp(from, keys, { recursive: true });
  return {
    folder,
    keys,
    keyset,
    ca: join(keys, keyset, 'manifest-ca', 'cert.pem'),
    product,
    images: join(folder, 'images'),
    repository: join(folder, 'repository'),
  };
}

type Keyset = { readonly from: string; readonly product: string };
const keysets = new Map<string, Promise<Keyset>>();

async function makeKeyset(keyset: string): Promise<Keyset> {
  const from = mkdtempSync(join(tmpdir(), 'mos-keys-'));
  process.on('exit', () => rmSync(from, { recursive: true, force: true }));
  const { project } = await addKeyset(linuxHost, keyset, { folder: from, keyType: 'ecdsa' });
  return { from, product: project.product };
}

export const addProduct = async (vendor: Vendor, project: string): Promise<string> =>
  (await addProject(linuxHost, vendor.keyset, project, { folder: vendor.keys })).product;

/** An image with one layer per list of files, in the vendor's layout. */
export async function addImage(
  vendor: Vendor,
  tag: string,
  ...layers: readonly LayerFiles[]
): Promise<string> {
  const layout = await openLayout(linuxHost, vendor.images, { create: true });
  await putImage(layout, imageOf(await Promise.all(layers.map(makeLayer))), tag);
  return `oci:${vendor.images}:${tag}`;
}

/** An image with busybox in it that runs `run`. */
export async function addProgram(
  vendor: Vendor,
  tag: string,
  run: Readonly<Record<string, unknown>>,
  files: LayerEntries = {},
): Promise<string> {
  const layout = await openLayout(linuxHost, vendor.images, { create: true });
  const layer = await makeLayer({ 'bin/busybox': readFileSync('/bin/busybox'), ...files });
  await putImage(layout, imageOf([layer], run), tag);
  return `oci:${vendor.images}:${tag}`;
}

export type Release = {
  /** YAML of the import file, `product` and `version` left out. */
  readonly manifest: string;
  readonly name?: string;
  readonly project?: string;
  /** What the import file says; default the project. */
  readonly product?: string;
  readonly place?: Place;
  readonly access?: RegistryAccess;
  readonly dryRun?: boolean;
  readonly platform?: string;
  readonly report?: Report;
  readonly created?: string;
};

export async function publishRelease(vendor: Vendor, release: Release): Promise<PublishResult> {
  const project = release.project ?? 'default';
  const file = join(vendor.folder, 'manifest.yaml');
  await writeFile(file, `version: 1\nproduct: ${release.product ?? project}\n${release.manifest}`);
  const { repository, tag } = parseName(release.name ?? 'machine/install:1.0.0');
  return publish(
    linuxHost,
    {
      file,
      keyset: vendor.keyset,
      project,
      keys: vendor.keys,
      place: release.place ?? { kind: 'zot', root: vendor.repository },
      repository,
      tag,
      cwd: vendor.folder,
      scratch: vendor.folder,
      access: release.access ?? {},
      time: { now: new Date(), builtAt },
      platform: release.platform,
      ...(release.dryRun === undefined ? {} : { dryRun: release.dryRun }),
      ...(release.created === undefined ? {} : { created: release.created }),
    },
    release.report ?? (() => {}),
  );
}

/** Release `number` of a machine of two targets, images of `addImage`: its hostfs and its data. Returns the reference. */
export async function publishHostAndData(
  vendor: Vendor,
  number: number,
  host: string,
  data: string,
): Promise<string> {
  const { reference } = await publishRelease(vendor, {
    name: `machine/install:${number}`,
    manifest: `update_type: complete
release: ${number}
targets:
  - {service_name: hostfs, source: "oci:${vendor.images}:${host}", version: "${host}", service_type: hostfs}
  - {service_name: data, source: "oci:${vendor.images}:${data}", version: "${data}", service_type: fs-only}
`,
  });
  return reference;
}
