import type { Integrity } from '../atomfs/index.ts';
import type { Host } from '../host/index.ts';
import { findTarget, parseServiceName } from '../manifest/index.ts';
import type { Report } from '../steps/index.ts';
import { chooseToBoot, ourEntry, requireOwnBootFile, type Started } from './boot-choice.ts';
import { bootkitOf } from './boot-files/index.ts';
import { mountBootkit } from './boot-modules.ts';
import { recordBooted } from './current.ts';
import { unknownFields } from './generation.ts';
import { openMachine, openStore } from './machine.ts';
import { mountTarget } from './mounting.ts';

export type BootFsOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  /** Where the root file system is put; made where it is missing. */
  readonly dest: string;
  readonly readonly?: boolean;
  readonly integrity?: Integrity | undefined;
  /** In an initrd: what started it. */
  readonly started?: Started;
};

export type BootFsResult = {
  readonly generation: number;
  readonly version: string;
  readonly digest: string;
  readonly dest: string;
  readonly integrity: Integrity;
  readonly isWritable: boolean;
};

/**
 * The root file system of the generation that is booted: its manifests are verified again, its layers mounted through
 * dm-verity, changes go to memory and are gone at the next boot (DESIGN "Generations and boot").
 */
export async function createBootFs(
  host: Host,
  options: BootFsOptions,
  report: Report,
): Promise<BootFsResult> {
  const { root, ca, dest, readonly = false, integrity = 'verity', started = {} } = options;
  const machine = await openMachine(host, root);
  const generation = await chooseToBoot(host, machine, started, ca);
  const store = await openStore(host, machine);
  await requireOwnBootFile(host, machine, store, generation, started, { ca, report });
  for (const field of unknownFields(generation))
    report({
      kind: 'note',
      text: `warning: this version does not know ${field} of generation ${generation.number}`,
    });
  const { target } = findTarget(generation.machine, parseServiceName('hostfs'));
  await host.files.makeFolder(dest, { parents: true });
  const mounted = await mountTarget(host, machine, store, {
    target,
    at: dest,
    integrity,
    upper: readonly ? undefined : { kind: 'memory' },
    panicOnCorruption: true,
    owner: 'mosctl create-boot-fs',
  });
  const bootkit = started.buildId === undefined ? undefined : bootkitOf(generation.machine);
  if (bootkit !== undefined) await mountBootkit(host, machine, store, bootkit, dest, report);
  const { number, commit } = generation;
  await recordBooted(host, machine.paths, { generation: number, commit, entry: ourEntry(started) });
  return {
    generation: generation.number,
    version: target.version,
    digest: target.digest,
    dest: mounted.target,
    integrity,
    isWritable: mounted.isWritable,
  };
}
