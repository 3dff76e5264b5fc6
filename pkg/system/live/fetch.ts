import { codeOf, hintOf, isMosError, MosError } from '../../errors/index.ts';
import { type Host, readText } from '../../host/index.ts';
import { openZotRoot } from '../../layout/index.ts';
import { copyGraph } from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import { readAnchors, verifyInstallManifest } from '../../trust/index.ts';
import { evidenceTypes, fetchEvidence } from '../evidence.ts';
import { readImage } from '../images.ts';
import { openRepositories, parsePlace, targetsRepository } from '../places.ts';
import { targetOf } from '../target-of.ts';
import { type LivePin, liveTarget, onMedium } from './pinned.ts';

export type LiveFetchOptions = {
  /** The manifest CA, out of the initrd. */
  readonly ca: string;
  readonly pin: LivePin & { readonly repo: string };
  /** CAs of the registry's TLS certificate, beside those that the program knows. */
  readonly registryCa?: string | undefined;
  /** The folder that becomes the medium. */
  readonly at: string;
};

/** What the system needs that runs then, beside the memory that the initrd gives back. */
const forTheSystem = 128 * 1024 * 1024;
/** Manifests, indexes and folders. */
const forTheRest = 8 * 1024 * 1024;

/**
 * The live system of a registry as a medium in memory: what the manifest names that this boot file was made for, verified
 * as each other. The registry is believed nothing; TLS hides what is fetched. Returns the bytes of the images.
 */
export async function fetchLive(host: Host, options: LiveFetchOptions, report: Report): Promise<number> {
  const { pin } = options;
  try {
    return await fetchInto(host, options, report);
  } catch (cause) {
    if (isMosError(cause, 'no-space')) throw cause;
    throw new MosError(codeOf(cause), `cannot fetch the live system from ${pin.repo}`, {
      cause,
      hint: hintFor(cause),
    });
  }
}

/** The registry's client speaks to people with a shell: of its hints those count that are no options of commands. */
function hintFor(cause: unknown): string {
  const own = hintOf(cause);
  if (own !== undefined && !own.includes('--')) return own;
  return 'the machine tries again after a reboot; registry and its CA are those that `mosb mkboot` was told';
}

async function fetchInto(
  host: Host,
  { ca, pin, registryCa, at }: LiveFetchOptions,
  report: Report,
): Promise<number> {
  const shown = `${pin.repo}/${pin.repository}@${pin.name}`;
  const place = parsePlace(pin.repo, '/');
  await using repositories = openRepositories(host, { registryCa });
  const [named, images] = await Promise.all(
    [pin.repository, targetsRepository].map((name) => repositories.open(place, name)),
  );
  if (named === undefined || images === undefined) throw new MosError('internal', 'cannot open repositories');
  const { artifact, evidence } = await fetchEvidence(named, pin.name, shown, report);
  const { manifest } = await verifyInstallManifest(evidence, {
    anchors: await readAnchors(host, { file: ca }),
    time: 'at boot',
  });
  targetOf(manifest, liveTarget, shown);
  const wanted = manifest.targets.filter(
    ({ service_name: name }) => name === liveTarget || name === 'bootkit',
  );
  const live = await Promise.all(
    wanted.map(async (target) => ({ target, ...(await readImage(target, images)) })),
  );
  const bytes = sizeOf(live);
  await makeMemory(host, at, bytes);
  const root = await openZotRoot(host, `${at}/${onMedium.repositories}`, { create: true });
  const store = await root.repository(targetsRepository, { create: true });
  for (const { target, root: image } of live)
    await copyGraph(images, store, image, { tag: target.digest, what: target.service_name, report });
  const copy = { tag: 'live', what: shown, referrers: evidenceTypes, report };
  await copyGraph(named, await root.repository(pin.repository, { create: true }), artifact, copy);
  return bytes;
}

/** What they share is there once. */
function sizeOf(images: readonly Awaited<ReturnType<typeof readImage>>[]): number {
  const parts = images.flatMap(({ root, image }) => [root, image.config, ...image.layers]);
  const sizes = new Map(parts.map(({ digest, size }) => [digest, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** A file system in memory, as large as what comes into it; refused before the first byte of it where that is too much. */
async function makeMemory(host: Host, at: string, bytes: number): Promise<void> {
  const available = parseAvailable(await readText(host, '/proc/meminfo'));
  const needed = bytes + forTheRest + forTheSystem;
  if (available < needed)
    throw new MosError(
      'no-space',
      `cannot fetch the live system: ${mebibytes(needed)} MiB of memory are needed, ${mebibytes(available)} are free`,
      {
        hint: 'a machine with so little memory boots from a medium that has the live system: `mosb mkboot` without --repo',
      },
    );
  await host.files.makeFolder(at, { parents: true });
  const options = [`size=${bytes + forTheRest}`, 'mode=0755'];
  await host.mounts.mount({
    fstype: 'tmpfs',
    source: 'tmpfs',
    target: at,
    flags: ['nodev', 'nosuid', 'noexec'],
    options,
  });
}

const mebibytes = (bytes: number): number => Math.ceil(bytes / 1024 / 1024);

/** proc(5): what can be had without swapping, in bytes. */
export function parseAvailable(meminfo: string): number {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1];
  if (kibibytes === undefined) throw new MosError('unsupported', 'cannot tell how much memory is free');
  return Number(kibibytes) * 1024;
}
