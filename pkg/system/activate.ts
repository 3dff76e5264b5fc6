import type { Integrity, Mounted } from '../atomfs/index.ts';
import { MosError } from '../errors/index.ts';
import type { Host } from '../host/index.ts';
import type { Layout } from '../layout/index.ts';
import { findTarget, type InstallTarget, isBootTarget, parseServiceName } from '../manifest/index.ts';
import { runningCommit } from './current.ts';
import { loadGeneration } from './generation.ts';
import { type Machine, openMachine, openStore } from './machine.ts';
import { folderBelow, mountTarget } from './mounting.ts';
import type { Started, StartRequest } from './service/index.ts';

export type ActivateOptions = {
  readonly root: string;
  readonly target: string;
  readonly ca?: string | undefined;
  readonly integrity?: Integrity | undefined;
  /** Started anew also where it runs just so. */
  readonly again?: boolean | undefined;
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
  const { root, ca, again, integrity = 'verity' } = options;
  const name = parseServiceName(options.target);
  const machine = await openMachine(host, root);
  const commit = await runningCommit(host, machine, `activate ${name}`);
  const generation = await loadGeneration(host, machine, commit, { ca });
  const entry = findTarget(generation.machine, name);
  const { target } = entry;
  requireStartable(target);
  if (again && target.service_type !== 'container')
    throw new MosError('unsupported', `cannot restart ${name}: it is no container`);
  const store = await openStore(host, machine);
  const started = await startTarget(host, {
    machine,
    store,
    entry,
    integrity,
    volumes: generation.machine.volumes,
    generation: generation.number,
    again,
  });
  return {
    name,
    version: target.version,
    digest: target.digest,
    at: started.at,
    generation: generation.number,
    integrity,
    changed: started.isNew,
  };
}

function requireStartable(target: InstallTarget): void {
  const name = target.service_name;
  if (isBootTarget(target))
    throw new MosError('needs-reboot', `cannot activate ${name}: the machine boots from it`, {
      hint: 'reboot to start the generation that waits',
    });
}

/** A container runs afterwards, and is watched; files are mounted. */
export async function startTarget(
  host: Host,
  request: StartRequest,
  watch: (root: string) => Promise<unknown> = (root) => watchServices(host, root),
): Promise<Started> {
  const { machine, store, entry, integrity } = request;
  if (entry.target.service_type === 'container') {
    const { startService } = await import('./service/index.ts');
    try {
      return await startService(host, request);
    } finally {
      // What is not well yet is watched too.
      await watch(machine.paths.root);
    }
  }
  const { target: at, isNew } = await activateFiles(host, machine, store, entry.target, integrity);
  const { stopFormer } = await import('./service/index.ts');
  await stopFormer(host, machine.paths, entry.name);
  return { at, isNew };
}

/** Somebody watches the services that were started, from now on; false where there are none. */
export async function watchServices(host: Host, root: string): Promise<boolean> {
  const { ensureSupervisor } = await import('./service/index.ts');
  return ensureSupervisor(host, root);
}

/**
 * Mounts an fs-only target read-only at its place. Where an older image is, that one stays until the new one is
 * mounted and was read beside it; processes that have files of the old one open keep them.
 */
export async function activateFiles(
  host: Host,
  machine: Machine,
  store: Layout,
  target: InstallTarget,
  integrity: Integrity,
): Promise<Mounted> {
  const at = await folderBelow(host, machine.paths, `${machine.paths.files}/${target.service_name}`);
  return mountTarget(host, machine, store, {
    target,
    at,
    integrity,
    owner,
    replace: true,
    // A file system whose root can't be read takes nobody's place.
    healthy: async (path) => void (await host.files.list(path)),
  });
}
