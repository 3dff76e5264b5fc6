import type { Integrity, Mounted } from '../atomfs/index.ts';
import { isMosError, MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import { findTarget, type InstallTarget, isBootTarget, parseServiceName } from '../manifest/index.ts';
import { Undo } from '../undo/index.ts';
import { runningCommit } from './current.ts';
import { loadGeneration } from './generation.ts';
import { type Machine, openMachine, openStore } from './machine.ts';
import { folderBelow, mountTarget } from './mounting.ts';

export type ActivateOptions = {
  readonly root: string;
  readonly target: string;
  readonly ca?: string | undefined;
  readonly integrity?: Integrity | undefined;
};

export type ActivateResult = {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  readonly at: string;
  readonly generation: number;
  readonly integrity: Integrity;
  /** False where it was active already. */
  readonly changed: boolean;
};

const owner = 'mosctl activate';

/** (Re)starts one target of the running generation. */
export async function activate(host: Host, options: ActivateOptions): Promise<ActivateResult> {
  const { root, ca, integrity = 'verity' } = options;
  const name = parseServiceName(options.target);
  const machine = await openMachine(host, root);
  const commit = await runningCommit(host, machine, `activate ${name}`);
  const generation = await loadGeneration(host, machine, commit, { ca });
  const { target } = findTarget(generation.machine, name);
  requireStartable(target);
  const store = await openStore(host, machine);
  const mounted = await activateFiles(host, machine, store, target, integrity);
  return {
    name,
    version: target.version,
    digest: target.digest,
    at: mounted.target,
    generation: generation.number,
    integrity,
    changed: mounted.isNew,
  };
}

function requireStartable(target: InstallTarget): void {
  const name = target.service_name;
  if (isBootTarget(target))
    throw new MosError('needs-reboot', `cannot activate ${name}: the machine boots from it`, {
      hint: 'reboot to start the generation that waits',
    });
  if (target.service_type === 'container')
    throw new MosError('unsupported', `cannot activate ${name}: this version starts no containers`);
}

/**
 * Mounts an fs-only target read-only at its place. Where an older image is, that one stays until the new one is
 * mounted and looked at beside it; processes that have files of the old one open keep them.
 */
export async function activateFiles(
  host: Host,
  machine: Machine,
  store: Layout,
  target: InstallTarget,
  integrity: Integrity,
): Promise<Mounted> {
  const at = await folderBelow(host, machine.paths, `${machine.paths.files}/${target.service_name}`);
  try {
    return await mountTarget(host, machine, store, { target, at, integrity, owner });
  } catch (error) {
    if (!isMosError(error, 'exists')) throw error;
    return replaceFiles(host, machine, store, target, at, integrity);
  }
}

async function replaceFiles(
  host: Host,
  machine: Machine,
  store: Layout,
  target: InstallTarget,
  at: string,
  integrity: Integrity,
): Promise<Mounted> {
  const { findMolecule, unmountMolecule, verifyMolecule } = await import('../atomfs/index.ts');
  const runtime = { runtime: machine.paths.run, owner };
  const beside = `${machine.paths.run}/activating/${target.service_name}`;
  await host.files.makeFolder(beside, { parents: true });
  if (await findMolecule(host, beside, runtime)) await unmountMolecule(host, beside, runtime);
  await using undo = new Undo();
  const mounted = await mountTarget(host, machine, store, { target, at: beside, integrity, owner });
  undo.add(() => unmountMolecule(host, beside, { ...runtime, detach: true }));
  const wrong = (await verifyMolecule(host, beside, runtime)).find((layer) => layer.state !== 'ok');
  if (wrong !== undefined)
    throw new MosError(
      'corrupt',
      `cannot activate ${target.service_name}: ${wrong.digest}: ${wrong.problem}`,
    );
  await unmountMolecule(host, at, { ...runtime, detach: true });
  await host.mounts.bind(beside, at);
  // The mount beside goes in any case: the one in place holds the layers by itself.
  return { ...mounted, target: at, isNew: true };
}
