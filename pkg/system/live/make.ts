import { MosError } from '../../errors/index.ts';
import { buildUki } from '../../esp/index.ts';
import { type Host, temporaryPath, writeAtomic } from '../../host/index.ts';
import { openZotRoot } from '../../layout/index.ts';
import {
  copyGraph,
  type Descriptor,
  digestHex,
  type ImageSource,
  media,
  parseReference,
  type Reference,
  type Repository,
  renderReference,
} from '../../oci/index.ts';
import { type Report, runSteps, type Step } from '../../steps/index.ts';
import { type AcceptanceTime, openSigner, readAnchors, verifyInstallManifest } from '../../trust/index.ts';
import { absoluteReference } from '../absolute.ts';
import { writeEnrolment } from '../bootkit/enrolment.ts';
import { type BootSources, certificateOf, readParts, signFor } from '../bootkit/parts.ts';
import { fetchEvidence } from '../evidence.ts';
import { readImage } from '../images.ts';
import {
  openRepositories,
  placeOf,
  type RegistryAccess,
  type Repositories,
  targetsRepository,
} from '../places.ts';
import { targetOf } from '../target-of.ts';
import { makeEspImage } from './esp-image.ts';
import { type LivePin, liveTarget, onMedium, renderPin } from './pinned.ts';

export type MakeMediumOptions = BootSources & {
  readonly project: string;
  /** The manifest with the target livecd. */
  readonly reference: Reference;
  /** References of manifests that come along, to install from the medium. */
  readonly more: readonly string[];
  /** Where their folders are looked for. */
  readonly cwd: string;
  readonly output: string;
  /** Whose key signs the boot file: what is booted by it gets no secret of a machine. */
  readonly purpose: 'limited' | 'tpm';
  /** Firmware in setup mode gets the keyset without anybody being asked. */
  readonly enrol: boolean;
  /** Of everything on the medium, in seconds since 1970. */
  readonly date: number;
  readonly access: RegistryAccess;
  readonly time: AcceptanceTime;
};

export type MadeMedium = {
  readonly output: string;
  readonly bytes: number;
  readonly signer: string;
  /** As the booted live system names them: `zot:/run/mos/medium/oci:…`. */
  readonly manifests: readonly string[];
  readonly live: string;
};

/** Where a live system finds its medium. */
export const mediumFolder = '/run/mos/medium';

type Making = {
  readonly host: Host;
  readonly options: MakeMediumOptions;
  readonly report: Report;
  readonly repositories: Repositories;
  /** What is made before it has its name; `root` in it is the file system, `esp` the other one. */
  readonly work: string;
  pin?: LivePin;
  manifests: string[];
  signer: string;
};

const steps: readonly Step<Making>[] = [
  { name: 'verify and copy the manifests and their images', run: copyManifests },
  { name: 'make and sign the boot file', run: makeBootFile },
  { name: 'make the medium', run: makeMedium },
];

/**
 * A medium that firmware boots, as a disc and as a disk: loader, a signed boot file that boots the one manifest it was
 * made for, and a zot root with it. The same manifests, parts and keys give the same bytes.
 */
export async function makeLiveMedium(
  host: Host,
  options: MakeMediumOptions,
  report: Report,
): Promise<MadeMedium> {
  const { output } = options;
  if ((await host.files.stat(output)) !== undefined)
    throw new MosError('exists', `cannot make ${output}: it is there already`, {
      hint: 'name a file that is not there yet',
    });
  const work = temporaryPath(output);
  await using repositories = openRepositories(host, options.access);
  const context: Making = { host, options, report, repositories, work, manifests: [], signer: '' };
  try {
    await host.files.makeFolder(`${work}/root`, { parents: true });
    await runSteps(context, steps, report);
    await host.files.rename(`${work}/medium`, output);
  } finally {
    await host.files.removeTree(work);
  }
  return {
    output,
    bytes: (await host.files.stat(output))?.size ?? 0,
    signer: context.signer,
    manifests: context.manifests,
    live: renderPin(pinOf(context)).trim(),
  };
}

function pinOf({ pin }: Making): LivePin {
  if (pin === undefined) throw new MosError('internal', 'cannot make a medium before its manifest was read');
  return pin;
}

async function copyManifests(c: Making): Promise<void> {
  const { keyset, project, reference, more, cwd } = c.options;
  const others = more.map((text) => absoluteReference(parseReference(text), cwd));
  const { product } = await openSigner(c.host, keyset, project);
  const ca = await certificateOf(c.host, keyset, 'manifest-ca');
  for (const one of [reference, ...others]) await copyManifest(c, one, { ca, product }, one === reference);
  await c.host.files.removeTree(`${c.work}/root/${onMedium.repositories}/${targetsRepository}/.mos`);
}

const signedWith = [media.certificate, media.signature, media.revocation];

/** A manifest with all its images, after it was verified as a machine of the project would. */
async function copyManifest(
  c: Making,
  reference: Reference,
  { ca, product }: { readonly ca: string; readonly product: string },
  isLive: boolean,
): Promise<void> {
  const { host, options, repositories, report, work } = c;
  const { place, repository, name } = placeOf(reference);
  const shown = renderReference(reference);
  const source = await repositories.open(place, repository);
  const { artifact, evidence } = await fetchEvidence(source, name, shown, report);
  const anchors = await readAnchors(host, { file: ca });
  const { manifest } = await verifyInstallManifest(evidence, { anchors, product, time: options.time });
  const path = repository || 'machine';
  if (isLive) {
    targetOf(manifest, liveTarget, shown);
    c.pin = { repository: path, name: artifact.digest };
  }
  const root = await openZotRoot(host, `${work}/root/${onMedium.repositories}`, { create: true });
  const images = await repositories.open(place, targetsRepository);
  const store = await root.repository(targetsRepository, { create: true });
  for (const target of manifest.targets) {
    const { root: image } = await readImage(target, images);
    await copyWhole(c, images, store, image, { tag: digestHex(image.digest), what: target.service_name });
  }
  const named = await root.repository(path, { create: true });
  await copyWhole(c, source, named, artifact, { tag: name, what: shown, referrers: signedWith });
  await host.files.removeTree(`${work}/root/${onMedium.repositories}/${path}/.mos`);
  c.manifests.push(`zot:${mediumFolder}/${onMedium.repositories}:${path}:${name}`);
}

type Copy = { readonly tag: string; readonly what: string; readonly referrers?: readonly string[] };

const copyWhole = (
  { options, report }: Making,
  source: ImageSource,
  target: Repository,
  root: Descriptor,
  copy: Copy,
) =>
  copyGraph(source, target, root, {
    ...copy,
    report,
    ...(options.access.signal && { signal: options.access.signal }),
  });

/** `\EFI\BOOT\BOOTX64.EFI` is what firmware starts of a medium it doesn't know. */
const onEsp = {
  loader: 'EFI/BOOT/BOOTX64.EFI',
  bootFile: 'EFI/mos/live.efi',
  keys: 'loader/keys/auto',
} as const;

async function makeBootFile(c: Making): Promise<void> {
  const { host, options, work } = c;
  const { keyset, loader, commandLine, purpose } = options;
  const parts = await readParts(host, options, 'make a live medium');
  const ca = await certificateOf(host, keyset, 'manifest-ca');
  const initrd = await options.initrd(ca, { live: renderPin(pinOf(c)) });
  const esp = `${work}/esp`;
  for (const folder of ['EFI/BOOT', 'EFI/mos', 'loader/entries', onEsp.keys])
    await host.files.makeFolder(`${esp}/${folder}`, { parents: true });
  await writeAtomic(host, `${work}/unsigned.efi`, buildUki({ ...parts, initrd, commandLine }));
  c.signer = await signFor(
    host,
    keyset,
    `uki-${purpose}`,
    `${work}/unsigned.efi`,
    `${esp}/${onEsp.bootFile}`,
  );
  await signFor(host, keyset, 'uefi-db', loader, `${esp}/${onEsp.loader}`);
  await writeEnrolment(host, keyset, `${work}/keys`);
  for (const name of (await host.files.list(`${work}/keys`)).filter((one) => one.endsWith('.auth')))
    await host.files.rename(`${work}/keys/${name}`, `${esp}/${onEsp.keys}/${name}`);
  const enrolment = options.enrol ? 'force' : 'manual';
  const settings = `timeout 0\nconsole-mode keep\nsecure-boot-enroll ${enrolment}\n`;
  await writeAtomic(host, `${esp}/loader/loader.conf`, settings);
  const entry = `title mos live system\nsort-key mos\nefi /${onEsp.bootFile}\n`;
  await writeAtomic(host, `${esp}/loader/entries/live.conf`, entry);
}

/** In the file system of the medium: firmware finds it there as the boot image of a disc, and as a partition of a disk. */
const espImage = 'efi.img';

async function makeMedium({ host, options, work }: Making): Promise<void> {
  const date = String(options.date);
  const image = `${work}/root/${espImage}`;
  const stamp = ['-exec', 'touch', '--no-dereference', `--date=@${date}`, '{}', '+'] as const;
  const stampAll = (folder: string) => host.processes.run(['find', folder, ...stamp]);
  await stampAll(`${work}/esp`);
  let bytes = 0;
  for (const path of [onEsp.bootFile, onEsp.loader])
    bytes += (await host.files.stat(`${work}/esp/${path}`))?.size ?? 0;
  await makeEspImage(host, `${work}/esp`, image, bytes);
  await stampAll(`${work}/root`);
  const names = ['-volid', onMedium.label, '-rational-rock', '-iso-level', '3'];
  const boot = ['-e', espImage, '-no-emul-boot', '-efi-boot-part', '--efi-boot-image'];
  const files = ['-o', `${work}/medium`, `${work}/root`];
  await host.processes.run(['xorriso', '-as', 'mkisofs', '-quiet', ...names, ...boot, ...files], {
    env: { SOURCE_DATE_EPOCH: date },
    timeout: longest,
  });
}

/** It copies some gigabytes at most. */
const longest = 30 * 60_000;
