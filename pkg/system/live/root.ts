import type { Host } from '../../host/index.ts';
import { openLayout } from '../../layout/index.ts';
import { renderReference, type ZotReference } from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import { readAnchors, verifyInstallManifest } from '../../trust/index.ts';
import { mountBootkit } from '../boot-modules.ts';
import { fetchEvidence } from '../evidence.ts';
import { openMachine } from '../machine.ts';
import { mountTarget } from '../mounting.ts';
import { openRepositories, placeOf, targetsRepository } from '../places.ts';
import { targetOf } from '../target-of.ts';
import { type LivePin, liveTarget } from './pinned.ts';

export type LiveRootOptions = {
  /** The manifest CA, out of the initrd. */
  readonly ca: string;
  readonly pin: LivePin;
  /** The zot root on the medium. */
  readonly repositories: string;
  /** Where the root file system is put. */
  readonly dest: string;
};

export type LiveRoot = { readonly reference: string; readonly version: string };

/**
 * The root file system of a live system: its manifest is verified as each other, its layers stay on the medium and are
 * read through dm-verity, changes are in memory. Dates don't count, as at each boot.
 */
export async function mountLiveRoot(
  host: Host,
  { ca, pin, repositories: root, dest }: LiveRootOptions,
  report: Report,
): Promise<LiveRoot> {
  const machine = await openMachine(host, '/');
  const reference: ZotReference = { kind: 'zot', root, ...pin };
  const shown = renderReference(reference);
  const { place, repository, name } = placeOf(reference);
  await using repositories = openRepositories(host, {});
  const { evidence } = await fetchEvidence(await repositories.open(place, repository), name, shown, report);
  const anchors = await readAnchors(host, { file: ca });
  const { manifest } = await verifyInstallManifest(evidence, { anchors, time: 'at boot' });
  const target = targetOf(manifest, liveTarget, shown);
  const store = await openLayout(host, `${root}/${targetsRepository}`, { name: 'the medium' });
  await mountTarget(host, machine, store, {
    target,
    at: dest,
    integrity: 'verity',
    upper: { kind: 'memory' },
    panicOnCorruption: true,
    owner: 'mos-initrd',
  });
  const bootkit = manifest.targets.find(({ service_name }) => service_name === 'bootkit');
  if (bootkit !== undefined) await mountBootkit(host, machine, store, bootkit, dest, report);
  return { reference: shown, version: target.version };
}
