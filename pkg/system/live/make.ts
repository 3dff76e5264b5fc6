import { MosError } from '../../errors/index.ts';
import { onEsp } from '../../esp/index.ts';
import { type Host, temporaryPath } from '../../host/index.ts';
import { type Report, runSteps, type Step } from '../../steps/index.ts';
import { openRepositories } from '../places.ts';
import { liveBootFile, makeBootFile } from './boot-file.ts';
import { copyManifests } from './copy-manifests.ts';
import { makeEspImage } from './esp-image.ts';
import { type MadeMedium, type MakeMediumOptions, type Making, pinOf } from './making.ts';
import { onMedium } from './pinned.ts';

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
  requireMatching(options);
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
    live: `${pinOf(context).repository}@${pinOf(context).name}`,
    repo: options.repo ?? null,
  };
}

/** What comes from a registry is in memory, where the medium is else: nothing on it would be found. */
function requireMatching({ repo, more }: MakeMediumOptions): void {
  if (repo !== undefined && more.length > 0)
    throw new MosError('usage', 'cannot make a medium: --add and --repo exclude each other', {
      hint: 'a live system out of a registry installs from registries',
    });
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
  for (const path of [liveBootFile, onEsp.loader])
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
